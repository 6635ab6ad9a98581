"""Tests that are taken over: each unit is claimed or taken, never both; idle slots go where most is left."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.workers.pytest_main import units_of
from ptx_prefect.workers.spare import Spare, close_spare, open_spare, spare_named
from ptx_prefect.workers.stock import Stock


def rows(sizes: list[int]) -> list[dict[str, Any]]:
    return [{"tests": [f"f{n}::t{k}" for k in range(size)], "selection": [f"f{n}"]} for n, size in enumerate(sizes)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.lists(st.booleans(), max_size=30))
def test_whatever_the_order_of_claims_and_takes_every_unit_has_one_owner(sizes: list[int], takes: list[bool]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stock = Stock(str(Path(folder, "stock")))
        stock.lay_out(rows(sizes), claimed=1, start_s=0.5)
        own, taken, count = 1, [], 2
        for is_take in [*takes, *[False] * len(sizes)]:
            if is_take:
                before = stock.left()[1]
                found = stock.take_half()
                tests = sum(len(unit["tests"]) for unit in found)
                assert bool(found) == (before > 0)
                assert len(found) <= 1 or 0 < tests <= before / 2
                taken += [unit["selection"][0] for unit in found]
            elif count <= len(sizes) and stock.claim(count):
                own, count = count, count + 1

        assert sorted([*(f"f{n}" for n in range(own)), *taken]) == sorted(f"f{n}" for n in range(len(sizes)))
        assert stock.left()[1] == 0


def test_claims_and_takes_at_the_same_time_share_nothing(tmp_path: Path) -> None:
    sizes = [1] * 400
    path = str(tmp_path / "stock")
    Stock(path).lay_out(rows(sizes), claimed=1, start_s=0.5)
    taken: list[str] = []

    def take_all() -> None:
        thief = Stock(path)
        while found := thief.take_half():
            taken.extend(unit["selection"][0] for unit in found)

    threads = [threading.Thread(target=take_all) for _ in range(3)]
    own = 1
    mine = Stock(path)
    for thread in threads:
        thread.start()
    while own < len(sizes) and mine.claim(own + 1):
        own += 1
    for thread in threads:
        thread.join()

    assert len(taken) == len(set(taken)) == len(sizes) - own
    assert not {f"f{n}" for n in range(own)} & set(taken)


def test_nothing_can_be_taken_before_it_is_laid_out_or_after_it_is_closed(tmp_path: Path) -> None:
    stock = Stock(str(tmp_path / "stock"))

    assert stock.take_half() == [] and stock.left() == (0, 0)
    stock.lay_out(rows([1, 2, 3]), claimed=1, start_s=0.5)
    assert stock.left() == (1, 5) and stock.start_s() == 0.5
    stock.close()
    assert stock.take_half() == [] and not stock.claim(4)


class Function(pytest.Function):
    """One that needs no session: its name is just set."""

    nodeid = ""


def item(nodeid: str, *, wide: bool = False, is_function: bool = True) -> Any:
    def fixture() -> None: ...

    one = SimpleNamespace(scope="module", func=fixture, argname="held")
    info = SimpleNamespace(name2fixturedefs={"held": [one]} if wide else {})
    made: Any = object.__new__(Function) if is_function else SimpleNamespace()
    made.nodeid = nodeid
    made.path, made._fixtureinfo = Path("/p", nodeid.partition("::")[0]), info
    made.parent = SimpleNamespace(nodeid=nodeid.partition("[")[0].rpartition("::")[0])
    return made


def test_what_may_not_be_found_by_its_name_stays_with_its_file() -> None:
    renamed = item("d.py::other")
    renamed.parent = SimpleNamespace(nodeid="tests/d.py")
    items = [item("a.py::RUFF", is_function=False), item("a.py::f"), renamed, item("d.py::g")]

    assert [unit["selection"] for unit in units_of(items)] == [["/p/a.py"], ["/p/d.py"]]


def test_units_are_classes_and_functions_or_the_file_where_a_fixture_spans_it() -> None:
    items = [item("a.py::A::x"), item("a.py::A::y"), item("a.py::f[1-::]"), item("a.py::f[2]")]
    items += [item("b.py::g", wide=True), item("b.py::h"), item("c.txt::c.txt"), item("c.txt::d")]

    found = units_of(items)

    assert [unit["selection"] for unit in found] == [["/p/a.py::A"], ["/p/a.py::f"], ["/p/b.py"], ["/p/c.txt"]]
    assert [nodeid for unit in found for nodeid in unit["tests"]] == [one.nodeid for one in items]


def test_what_stands_between_two_tests_of_a_unit_belongs_to_it() -> None:
    items = [item("a.py::f[1]"), item("b.py::g"), item("a.py::f[2]"), item("b.py::h")]

    assert [unit["tests"] for unit in units_of(items)] == [["a.py::f[1]", "b.py::g", "a.py::f[2]"], ["b.py::h"]]


def test_the_section_with_most_left_gets_the_idle_slot() -> None:
    spare = Spare()
    spare.offer(1)

    assert not spare.ask("small", left_s=0.0)
    assert spare.ask("large", left_s=9.0) and spare.lent == 1
    spare.offer(1)
    assert not spare.ask("small", left_s=2.0)  # Half of nine is still more.
    spare.leave("large")
    assert spare.ask("small", left_s=2.0) and not spare.ask("small", left_s=2.0)
    spare.give_back()
    assert spare.lent == 1


def test_a_run_that_has_ended_lends_nothing() -> None:
    spare = open_spare()

    assert spare_named(spare.name) is spare and spare_named("") is None
    close_spare(spare)
    assert spare_named(spare.name) is None
