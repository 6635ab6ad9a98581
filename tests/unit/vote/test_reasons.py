"""The sentence that says why a candidate won: each situation in which a vote can end has its own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from ptx_prefect.vote.rationale import Circumstances, figure_text, rationale_of
from ptx_prefect.vote.values import Decision, GateResult, Score, Timing

ALIKE = Circumstances(behaviour_compared=True, voters=4)


def reason(about: Circumstances = ALIKE, **more: Any) -> str:
    values = {"winner": "a", "ranking": ("a", "b"), "agreement_share": 1.0, "aggregation": "default"} | more
    return str(rationale_of(Decision(**values), about)["reason"])


def timed(**seconds: float) -> tuple[Timing, ...]:
    return tuple(Timing(name, each, each, capped=math.isinf(each)) for name, each in seconds.items())


def test_all_alike_and_what_decided_between_them() -> None:
    groups = (("a", "b"),)

    assert reason(groups=groups) == "All 4 voters behave alike, a among them; it is the simplest of them."
    fast = reason(groups=groups, timings=timed(a=0.001, b=0.003))
    assert fast.endswith("; it is 3 times as fast as b, the next of them.")
    assert reason(groups=groups, timings=timed(a=0.001, b=0.0011)).endswith("; it is as fast as b and simpler.")
    assert "b, the next of them, did not come to the end" in reason(groups=groups, timings=timed(a=0.001, b=math.inf))
    by_record = reason(replace(ALIKE, uses_records=True), groups=groups, timings=timed(a=0.001, b=0.0011))
    assert by_record.endswith("; it is as fast as b, and simplicity, then the voters' records, put it first.")
    made = reason(replace(ALIKE, hybrid={"name": "a"}), groups=groups, timings=timed(a=0.001, b=0.003))
    assert made.startswith("All 4 voters behave alike, and a like them; it is 3 times"), "it is no voter itself"
    assert reason(groups=groups, tied=("b",)).endswith(
        "; nothing measured tells b from it, so the order of the candidates decided."
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"groups": (("a", "b"), ("c",)), "agreement_share": 0.5}, "2 of 4 voters behave like a, the best supported"),
        (
            {"groups": (("a", "b"),), "agreement_share": 0.5, "gated_out": ("c", "d")},
            "2 of 4 voters behave like a, the others were gated out; it is the simplest",
        ),
        ({"groups": (("a",), ("b",)), "agreement_share": 0.25}, "behaves like nobody else, and nor do the others"),
        ({"groups": (("a",), ("b", "c")), "agreement_share": 0.25}, "a behaves like nobody else."),
        (
            {"groups": (("a",),), "agreement_share": 0.25, "ranking": ("a", "b"), "gated_out": ("b",)},
            "a alone is left of 4 voters: the others were gated out.",
        ),
    ],
)
def test_how_many_agree(more: dict[str, Any], told: str) -> None:
    assert told in reason(**more)


def test_voters_without_a_candidate_are_told_apart_from_those_gated_out() -> None:
    about = Circumstances(behaviour_compared=True, voters=4, absent={"d": "it timed out"})
    told = reason(about, groups=(("a",),), agreement_share=0.25, gated_out=("b",))

    assert told == "a alone is left of 4 voters: the others were gated out or gave no candidate."


def test_a_vote_that_compared_nothing_claims_no_agreement() -> None:
    blind = Circumstances()

    assert reason(blind, ranking=("a",)) == "a is the only candidate."
    assert reason(blind, aggregation="borda") == "a ranks first by borda."
    assert reason(blind, aggregation="consensus") == (
        "No behaviour was compared, so agreement does not speak for a; it is the simplest of them."
    )
    assert reason(winner=None, ranking=()) == "There was no candidate to choose."
    assert reason(winner=None, ranking=(), warnings=("nobody answered",)).endswith("choose: nobody answered.")


def test_a_winner_that_fails_tests_is_no_quiet_winner() -> None:
    gate = (GateResult("a", True, (True, False), True), GateResult("b", True, (False, False), False))
    data = rationale_of(Decision("a", ("a", "b"), 1.0, gate=gate), ALIKE)

    assert str(data["reason"]).startswith("No candidate passes all visible tests; of those that pass the most: ")
    assert data["confidence"] == {
        "agreement_share": 1.0,
        "estimate": None,
        "basis": "no candidate passes all visible tests, so agreement says nothing",
    }


def score(candidate: str, value: float, *, spread: float = 0.0, raw: float | None = None) -> Score:
    return Score(candidate, "performance", value, value - spread, value + spread, raw=raw, unit="s")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"aggregation": "weighted_score"}, "a has the highest total, 7 (b 5)."),
        ({"aggregation": "borda"}, "a gets 7 points on the ballots (b 5)."),
        ({"aggregation": "pareto", "pareto": ("a",)}, "a is as good as any other on every criterion, and no other is"),
        ({"aggregation": "pareto", "pareto": ("a", "b")}, "the most balanced of 2 candidates that no other dominates"),
        (
            {"aggregation": "weighted_score", "tied": ("b",)},
            "a has a total of 7 (b 5); b cannot be told from it within the spread, and its total is the higher one.",
        ),
        (
            {"aggregation": "weighted_score", "tied": ("b",), "totals": {"a": 7.0, "b": 7.0}},
            "within the spread, and the order of ties decided.",
        ),
        ({"totals": {"a": 7.0}, "ranking": ("a",)}, "a has the highest total, 7."),
    ],
)
def test_a_total_is_told_by_the_rule_that_made_it(more: dict[str, Any], told: str) -> None:
    assert told in reason(**({"totals": {"a": 7.0, "b": 5.0}} | more))


def test_behind_means_behind_by_more_than_the_spread() -> None:
    totals = {"a": 7.0, "b": 5.0}
    close = (score("a", 8, spread=2), score("b", 9, spread=2))
    clear = (score("a", 3, raw=0.02), score("b", 9, raw=3.5e-7))

    assert reason(totals=totals, scores=close) == "a has the highest total, 7 (b 5)."
    assert reason(totals=totals, scores=clear).endswith(", behind on performance.")
    assert reason(totals=totals, scores=(score("b", 9),)) == "a has the highest total, 7 (b 5).", "a has no score there"
    assert rationale_of(Decision("a", ("a", "b"), 1.0, totals=totals, scores=clear))["trade_offs"] == [
        "a gives up 6 points of performance to b: 3 against 9 (20 ms against 350 ns)."
    ]


@pytest.mark.parametrize(
    ("raw", "unit", "told"),
    [(2.5, "s", "2.5 s"), (0.0025, "s", "2.5 ms"), (3.5e-4, "s", "350 µs"), (2e-9, "s", "2 ns"), (12.0, "", "12")],
)
def test_figures_are_in_units_that_people_read(raw: float, unit: str, told: str) -> None:
    assert figure_text(raw, unit) == told
