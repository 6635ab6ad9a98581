"""Laws that hold for every plan, whatever its graph and times."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.plan.graph import shape_of
from ptx_prefect.plan.make import make_plan
from ptx_prefect.plan.price import makespans_of
from ptx_prefect.run.simulate import lower_bound, simulate
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec

After = dict[str, tuple[str, ...]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[After, dict[str, float]]:
    """A graph without cycles, named in an order that hides its own, and the seconds of each section."""
    names = draw(st.permutations([f"s{n}" for n in range(draw(st.integers(1, 9)))]))
    after: After = {}
    for index, name in enumerate(names):
        after[name] = tuple(other for other in names[:index] if draw(st.booleans()))
    seconds = {name: draw(st.floats(0.01, 100)) for name in names}
    return {name: after[name] for name in sorted(after)}, seconds


def paths_of(after: After) -> list[tuple[str, ...]]:
    """Every path of the graph, found the slow way."""

    def ending_in(name: str) -> list[tuple[str, ...]]:
        return [(name,), *((*path, name) for other in after[name] for path in ending_in(other))]

    return [path for name in after for path in ending_in(name)]


@given(graphs())
def test_every_section_is_in_exactly_one_wave_and_no_edge_stays_inside_one(
    graph: tuple[After, dict[str, float]],
) -> None:
    after, seconds = graph
    waves = shape_of(after, seconds).waves

    assert sorted(name for wave in waves for name in wave) == sorted(after)
    wave_of = {name: index for index, wave in enumerate(waves) for name in wave}
    assert all(wave_of[other] < wave_of[name] for name, others in after.items() for other in others)
    assert all(
        index == 0 or any(wave_of[other] == index - 1 for other in after[name]) for name, index in wave_of.items()
    )


@given(graphs())
def test_the_critical_path_is_a_path_and_none_is_longer(graph: tuple[After, dict[str, float]]) -> None:
    after, seconds = graph
    shape = shape_of(after, seconds)
    longest_s = max(sum(seconds[name] for name in path) for path in paths_of(after))

    assert shape.critical_path in paths_of(after)
    assert abs(sum(seconds[name] for name in shape.critical_path) - longest_s) < 1e-6
    assert abs(shape.critical_path_s - longest_s) < 1e-6


@given(graphs(), st.integers(2, 10), st.data())
def test_removing_an_edge_never_lengthens_the_bound(
    graph: tuple[After, dict[str, float]], workers: int, data: st.DataObject
) -> None:
    after, seconds = graph
    edges = [(name, other) for name, others in after.items() for other in others]
    if not edges:
        return
    name, gone = data.draw(st.sampled_from(edges))
    without = {**after, name: tuple(other for other in after[name] if other != gone)}

    assert lower_bound(without, seconds, workers=workers) <= lower_bound(after, seconds, workers=workers) + 1e-9


@given(graphs(), st.integers(1, 10))
def test_the_simulated_schedule_obeys_order_workers_and_bound(
    graph: tuple[After, dict[str, float]], workers: int
) -> None:
    after, seconds = graph
    found = simulate(after, seconds, workers=workers)
    times = {name: (start, end, worker) for name, start, end, worker in found.spans}

    assert times.keys() == after.keys()
    assert all(times[other][1] <= times[name][0] + 1e-9 for name, others in after.items() for other in others)
    assert all(abs(end - start - seconds[name]) < 1e-6 for name, (start, end, _) in times.items())
    assert {worker for _, _, worker in times.values()} <= set(range(workers))
    for (one, (begin, end, worker)), (other, (later, _, same)) in product(times.items(), repeat=2):
        assert one == other or worker != same or end <= later + 1e-9 or later < begin + 1e-9
    assert lower_bound(after, seconds, workers=workers) <= found.makespan_s + 1e-6
    assert found.makespan_s <= sum(seconds.values()) + 1e-6


@settings(max_examples=40, deadline=None)
@given(graphs(), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4)), max_size=12))
def test_a_plan_prices_and_orders_every_write(
    graph: tuple[After, dict[str, float]], claims: list[tuple[int, int]]
) -> None:
    """Two sections that write one file are always in an order, and the plan is as the laws above say."""
    after, seconds = graph
    writes = {name: sorted({f"f{file}" for number, file in claims if name == f"s{number}"}) for name in after}
    components = [
        {"name": name, "depends_on": after[name], "estimate_seconds": seconds[name], "writes": writes[name]}
        for name in after
    ]
    task = {"task_id": "t", "mode": "sectioning", "worker": {"kind": "command", "argv": ["true"]}}
    spec = parse_spec({**task, "main_task": {"description": "d", "components": components}})
    assert isinstance(spec, SectioningSpec)
    with tempfile.TemporaryDirectory() as state:
        plan = make_plan(spec, Settings(), state_dir=Path(state))

    before = {name: {path[0] for path in paths_of(plan.after) if path[-1] == name} for name in plan.after}
    for one, other in product(plan.after, repeat=2):
        if one != other and set(writes[one]) & set(writes[other]):
            assert one in before[other] or other in before[one]
    prices = makespans_of(plan)
    assert list(prices) == list(range(2, 11))
    assert all(plan.critical_path_s - 1e-6 <= price <= plan.sequential_s + 1e-6 for price in prices.values())
    assert {(edge.source, edge.target) for edge in plan.edges} == {
        (other, name) for name, others in plan.after.items() for other in others
    }
