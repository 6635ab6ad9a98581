"""The aggregation rules: golden table of the specification, and laws that hold for any scores."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.rules import (
    approval,
    approvals_of,
    ballots_of,
    borda,
    pareto,
    weight_ranges,
    weighted_score,
)
from ptx_prefect.vote.values import Score

CRITERIA = ("performance", "readability", "maintainability")
SPECIFICATION = {"functional": (6, 9, 8), "imperative": (8, 6, 7), "hybrid": (10, 7, 9)}


def table(rows, criteria=CRITERIA, spread=0.0):
    return [
        Score(name, criterion, value, value - spread, value + spread, source="given")
        for name, values in rows.items()
        for criterion, value in zip(criteria, values, strict=False)
    ]


values = st.integers(0, 100).map(lambda tenths: tenths / 10)
fields = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d", "e"]), st.tuples(values, values, values), min_size=1, max_size=5
)
weightings = st.fixed_dictionaries({key: st.floats(0.01, 100) for key in CRITERIA})


class TestWeightedScore:
    def test_the_specifications_table_gives_its_totals_and_its_winner(self):
        ranked = weighted_score(table(SPECIFICATION))

        assert ranked.totals == {"functional": 23, "imperative": 21, "hybrid": 26}
        assert ranked.order == ("hybrid", "functional", "imperative")
        assert ranked.tied == ()

    def test_weights_decide(self):
        ranked = weighted_score(table(SPECIFICATION), {"performance": 0.1, "readability": 5})

        assert ranked.order[0] == "functional"

    def test_equal_totals_are_a_tie_that_the_preference_resolves(self):
        rows = table({"a": (5, 5, 5), "b": (4, 6, 5), "c": (1, 1, 1)})

        assert weighted_score(rows).tied == ("b",)
        assert weighted_score(rows, prefer=["b", "a"]).order == ("b", "a", "c")

    def test_totals_within_the_spread_of_the_measurement_are_a_tie(self):
        rows = {"a": (5.0, 5, 5), "b": (5.3, 5, 5), "c": (9, 9, 9)}

        assert weighted_score(table({k: rows[k] for k in "ab"}, spread=0.1)).tied == ("a",)
        assert weighted_score(table({k: rows[k] for k in "ab"}, spread=0.01)).tied == ()
        assert weighted_score(table(rows, spread=0.1)).tied == ()

    def test_a_criterion_that_one_candidate_lacks_does_not_count_and_says_so(self):
        rows = [*table({"a": (1, 2), "b": (2, 3)}), Score("a", "maintainability", 10, 10, 10)]
        ranked = weighted_score(rows)

        assert ranked.totals == {"a": 3, "b": 5}
        assert "'b'" in ranked.not_counted["maintainability"]

    @pytest.mark.parametrize(
        ("rows", "weights", "told"),
        [
            ([], None, "no scores at all"),
            (table({"a": (1,)}), {"performance": 0}, "above zero"),
            (table({"a": (1,)}), {"performance": -1}, "not negative"),
            (table({"a": (1,)}) * 2, None, "two scores"),
        ],
    )
    def test_what_cannot_be_weighed_is_refused(self, rows, weights, told):
        with pytest.raises(VoteError, match=told):
            weighted_score(rows, weights)

    @given(fields, weightings, st.floats(1e-6, 1e6))
    def test_scaled_weights_give_the_same_winner(self, rows, weights, scale):
        scaled = {key: value * scale for key, value in weights.items()}

        assert weighted_score(table(rows), weights).order == weighted_score(table(rows), scaled).order

    @given(fields, weightings, st.randoms(use_true_random=False))
    def test_the_order_of_the_candidates_does_not_matter(self, rows, weights, rng: random.Random):
        shuffled = table(rows)
        rng.shuffle(shuffled)

        assert weighted_score(shuffled, weights).order == weighted_score(table(rows), weights).order
        assert pareto(shuffled, weights).order == pareto(table(rows), weights).order
        ballots = ballots_of(shuffled)
        assert borda(ballots, sorted(rows)).order == borda(ballots, sorted(rows, reverse=True)).order


class TestPareto:
    def test_the_knee_is_the_balanced_member_of_the_front(self):
        ranked = pareto(table({"fast": (10, 0, 5), "clear": (0, 10, 5), "both": (7, 7, 5), "worse": (6, 7, 5)}))

        assert ranked.front == ("both", "clear", "fast")
        assert ranked.order == ("both", "clear", "fast", "worse")

    def test_weights_move_the_knee(self):
        rows = table({"fast": (10, 0, 5), "clear": (0, 10, 5), "both": (7, 7, 5)})

        assert pareto(rows, {"performance": 20, "readability": 1}).order[0] == "fast"

    def test_candidates_within_the_spread_of_every_criterion_are_tied(self):
        assert pareto(table({"a": (5, 5, 5), "b": (5.1, 4.9, 5)}, spread=0.2)).tied
        assert not pareto(table({"a": (5, 5, 5), "b": (5.1, 4.0, 5)}, spread=0.2)).tied

    @given(fields, weightings)
    def test_a_dominated_candidate_is_never_on_the_front(self, rows, weights):
        ranked = pareto(table(rows), weights)

        for name, mine in rows.items():
            dominated = any(
                other != mine and all(theirs >= own for theirs, own in zip(other, mine, strict=True))
                for other in rows.values()
            )
            assert (name in ranked.front) is not dominated
        assert ranked.order[0] in ranked.front
        assert sorted(ranked.order) == sorted(rows)


class TestBallots:
    def test_borda_prefers_the_one_that_is_high_on_all_ballots(self):
        ballots = {"x": [["a"], ["b"], ["c"]], "y": [["c"], ["b"], ["a"]], "z": [["b"], ["a", "c"]]}
        ranked = borda(ballots, ["a", "b", "c"])

        assert ranked.totals == {"a": 2.5, "b": 4.0, "c": 2.5}
        assert ranked.order[0] == "b"

    def test_those_left_out_share_the_last_place(self):
        assert borda({"x": [["a"]]}, ["a", "b", "c"]).totals == {"a": 2.0, "b": 0.5, "c": 0.5}

    def test_a_tie_is_told(self):
        assert borda({"x": [["a"], ["b"]], "y": [["b"], ["a"]]}, ["a", "b"]).tied == ("b",)

    @given(st.lists(st.permutations(["a", "b", "c", "d"]), min_size=1, max_size=6))
    def test_each_ballot_hands_out_the_same_number_of_points(self, orders):
        ballots = {str(index): [[name] for name in order] for index, order in enumerate(orders)}

        assert sum(borda(ballots, ["a", "b", "c", "d"]).totals.values()) == 6 * len(orders)

    def test_approval_counts_judges(self):
        ranked = approval({"x": ["a", "b"], "y": ["b"], "z": []}, ["a", "b", "c"])

        assert ranked.totals == {"a": 1, "b": 2, "c": 0}
        assert ranked.order == ("b", "a", "c")

    def test_scores_can_stand_in_for_ballots(self):
        scores = table(SPECIFICATION)

        assert ballots_of(scores)["readability"] == (("functional",), ("hybrid",), ("imperative",))
        assert approvals_of(scores)["performance"] == ("hybrid", "imperative")
        assert borda(ballots_of(scores), list(SPECIFICATION)).order[0] == "hybrid"

    @pytest.mark.parametrize(
        ("ballots", "told"),
        [({}, "no ballot"), ({"x": [["q"]]}, "'q'"), ({"x": [["a"], ["a"]]}, "twice")],
    )
    def test_a_wrong_ballot_is_refused(self, ballots, told):
        with pytest.raises(VoteError, match=told):
            borda(ballots, ["a", "b"])


class TestWeightRanges:
    def test_the_specifications_winner_holds_up_to_a_readability_weight_of_five_ninths(self):
        # Readability share t: hybrid leads functional by -2t + (1 - t)(4 + 1) / 2, which is zero at t = 5/9.
        ranges = weight_ranges(table(SPECIFICATION), "hybrid")

        assert ranges["readability"] == (0.0, round(5 / 9, 6))
        assert ranges["performance"] == (0.111111, 1.0)
        assert ranges["maintainability"] == (0.0, 1.0)

    @given(fields, weightings)
    def test_the_winner_holds_inside_its_range_and_not_outside(self, rows, weights):
        scores = table(rows)
        winner = weighted_score(scores, weights).order[0]
        total = sum(weights.values())
        for criterion, (low, high) in weight_ranges(scores, winner, weights).items():
            rest = total - weights[criterion]
            assert low - 1e-6 <= weights[criterion] / total <= high + 1e-6
            for share in (0.02, 0.25, 0.5, 0.75, 0.98):
                if min(abs(share - low), abs(share - high)) < 1e-3:
                    continue
                moved = {key: value / rest * (1 - share) for key, value in weights.items()} | {criterion: share}
                ranked = weighted_score(scores, moved)
                assert (winner in (ranked.order[0], *ranked.tied)) is (low <= share <= high)
