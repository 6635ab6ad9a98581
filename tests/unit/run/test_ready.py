"""The ready queue and the simulation, by laws."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.run.ready import ReadyQueue, remaining_paths
from ptx_prefect.run.simulate import lower_bound, simulate


@st.composite
def plans(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    count = draw(st.integers(1, 25))
    after = {
        f"s{i}": tuple(f"s{j}" for j in sorted(draw(st.sets(st.integers(0, i - 1), max_size=3)))) if i else ()
        for i in range(count)
    }
    seconds = {name: draw(st.floats(0.01, 100)) for name in after}
    return after, seconds


@given(plans(), st.integers(1, 6))
def test_every_section_runs_once_and_after_its_prerequisites(
    plan: tuple[dict[str, tuple[str, ...]], dict[str, float]], workers: int
) -> None:
    after, seconds = plan

    spans = simulate(after, seconds, workers=workers).spans

    ends = {name: end for name, _, end, _ in spans}
    assert sorted(ends) == sorted(after) and len(spans) == len(after)
    assert all(start >= ends[before] - 1e-9 for name, start, _, _ in spans for before in after[name])


@given(plans(), st.integers(1, 6))
def test_no_simulation_beats_the_bound_nor_doubles_it(
    plan: tuple[dict[str, tuple[str, ...]], dict[str, float]], workers: int
) -> None:
    after, seconds = plan

    makespan = simulate(after, seconds, workers=workers).makespan_s

    bound = lower_bound(after, seconds, workers=workers)
    # List scheduling is within twice the optimum (Graham 1966).
    assert bound - 1e-6 <= makespan <= 2 * bound + 1e-6


@given(plans())
def test_the_longest_remaining_path_is_the_critical_path(
    plan: tuple[dict[str, tuple[str, ...]], dict[str, float]],
) -> None:
    after, seconds = plan

    unlimited = simulate(after, seconds, workers=len(after)).makespan_s

    assert abs(max(remaining_paths(after, seconds).values()) - unlimited) < 1e-6


def test_the_longest_path_goes_out_first_and_ties_keep_plan_order() -> None:
    after = {"a": (), "b": (), "c": ("b",), "d": ()}

    queue = ReadyQueue(after, remaining_paths(after, dict.fromkeys(after, 1.0)))

    assert queue.get_ready(10) == ("b", "a", "d")


def test_a_failure_drops_all_that_hangs_on_it_and_nothing_else() -> None:
    after: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("b",), "d": (), "e": ("d", "c")}
    queue = ReadyQueue(after, dict.fromkeys(after, 1.0))
    queue.get_ready(2)

    assert queue.failed("a") == ("b", "c", "e")
    queue.done("d")
    assert not queue.is_active


def test_peeking_names_what_goes_out_next_and_takes_nothing() -> None:
    after: dict[str, tuple[str, ...]] = {"a": (), "b": (), "c": ("a",)}
    queue = ReadyQueue(after, {"a": 1.0, "b": 5.0, "c": 1.0})

    assert queue.peek() == queue.peek() == "b"
    assert queue.get_ready(1) == ("b",)
    assert queue.peek() == "a"
    assert queue.failed("a") == ("c",)
    assert queue.peek() is None, "what was dropped is not ready"


def test_what_waits_for_two_failures_is_dropped_once() -> None:
    queue = ReadyQueue({"a": (), "b": (), "c": ("a", "b"), "d": ("c",)}, dict.fromkeys("abcd", 1.0))
    queue.get_ready(2)

    assert queue.failed("a") == ("c", "d")
    assert queue.failed("b") == ()
