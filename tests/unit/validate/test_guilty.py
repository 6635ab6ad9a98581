from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.validate.guilty import Budget, BudgetSpentError, Trials, smallest_guilty, to_eject

NAMES = [f"s{number}" for number in range(64)]


def harmless_without(*guilty: str) -> Trials:
    """Checks that fail when all of ``guilty`` are in the tree."""
    return Trials(lambda chosen: not set(guilty) <= chosen, budget=Budget(runs=10_000))


@given(st.sets(st.sampled_from(NAMES), min_size=1, max_size=4))
def test_exactly_the_guilty_are_found(guilty: set[str]) -> None:
    trials = harmless_without(*guilty)
    found = smallest_guilty(NAMES, after={}, passes=trials.pass_on)

    assert found == tuple(sorted(guilty, key=NAMES.index))
    assert trials.runs <= len(guilty) * (math.log2(len(NAMES)) + 2)


def test_a_good_hint_saves_runs_and_a_bad_one_does_no_harm() -> None:
    plain, hinted, misled = (harmless_without("s40") for _ in range(3))
    for trials, suspects in ((plain, ()), (hinted, ("s40", "s41")), (misled, ("s3",))):
        assert smallest_guilty(NAMES, after={}, passes=trials.pass_on, hints=[suspects]) == ("s40",)

    assert hinted.runs < plain.runs
    assert misled.runs <= plain.runs + 1


def test_a_section_is_never_tried_without_what_it_builds_on() -> None:
    after = {"c": ["b"], "b": ["a"], "d": ["a"]}
    tried: list[frozenset[str]] = []

    def passes(chosen: frozenset[str]) -> bool:
        tried.append(chosen)
        return "b" not in chosen

    trials = Trials(passes, budget=Budget())
    found = smallest_guilty("abcd", after=after, passes=trials.pass_on, hints=[["c"]])

    assert found == ("b",)
    assert all({"a"} <= chosen for chosen in tried if chosen)
    assert all("b" in chosen for chosen in tried if "c" in chosen)
    assert len(tried) == len(set(tried))


def test_the_ejected_takes_along_what_builds_on_it() -> None:
    after = {"c": ["b"], "b": ["a"]}

    assert to_eject(["b"], "abcd", after=after) == ("b", "c")
    assert to_eject(["a", "d"], "abcd", after=after) == ("d",)
    assert to_eject(["c", "d"], "abcd", after=after) == ("d",)


def test_the_budget_ends_the_search() -> None:
    trials = Trials(lambda chosen: "s40" not in chosen, budget=Budget(runs=3))

    with pytest.raises(BudgetSpentError):
        smallest_guilty(NAMES, after={}, passes=trials.pass_on)
    assert trials.runs == 3


def test_time_is_part_of_the_budget() -> None:
    now = iter(range(100))
    trials = Trials(lambda chosen: "s40" not in chosen, budget=Budget(seconds=2), clock=lambda: float(next(now)))

    with pytest.raises(BudgetSpentError):
        smallest_guilty(NAMES, after={}, passes=trials.pass_on)
