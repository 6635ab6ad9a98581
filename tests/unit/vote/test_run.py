"""A whole vote: correctness first, then the rule, the hybrid, and the documented decision.

The laboratory here runs the test's own small programs in this process and takes their cost from a line that each
program declares, so that every outcome is exact; the real one is tried in tests/e2e/vote.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.agreement import Behaviour, group_by_behaviour
from ptx_prefect.vote.judges import Judgement
from ptx_prefect.vote.page import rationale_page
from ptx_prefect.vote.run import hold_vote
from ptx_prefect.vote.task import Compared, VoteTask
from ptx_prefect.vote.values import Candidate, GateResult, Output, Timing


class Laboratory:
    """Costs are declared: ``COST_x = 3`` anywhere in a program adds 3 seconds."""

    def __init__(self, task):
        self.task = task

    def _namespace(self, source):
        namespace = {}
        try:
            exec(source, namespace)
        except Exception:
            return None
        return namespace if self.task.entry_point in namespace else None

    def gate(self, candidates):
        rows = []
        for one in candidates:
            namespace = self._namespace(one.source)
            passed = tuple(namespace is not None and self._holds(test, namespace) for test in self.task.tests)
            rows.append(GateResult(one.name, namespace is not None, passed, False, "" if namespace else "no"))
        best = max(sum(row.passed) for row in rows)
        return tuple(replace(row, kept=row.loads and sum(row.passed) == best) for row in rows)

    def _holds(self, test, namespace):
        try:
            exec(test, dict(namespace))
        except Exception:
            return False
        return True

    def compare(self, candidates):
        outputs = {}
        for one in candidates:
            outputs[one.name] = tuple(self._asked(call, self._namespace(one.source)) for call in self.task.inputs)
        groups, supports = group_by_behaviour({name: Behaviour(found) for name, found in outputs.items()})
        return Compared(groups, supports, self.task.inputs, outputs)

    def _asked(self, call, namespace):
        try:
            return Output("value", repr(eval(call, namespace)))
        except Exception as error:
            return Output("error", type(error).__name__)

    def measure(self, candidates):
        times = [(one.name, sum(map(float, re.findall(r"COST_\w+ = ([\d.]+)", one.source)))) for one in candidates]
        return tuple(Timing(name, cost, cost, (cost,)) for name, cost in times)

    def remarks(self):
        return ("nothing is walled in here",)


def program(value, cost, extra=""):
    return f"COST_f = {cost}\n{extra}\ndef f(x):\n    return {value}\n"


TASK = VoteTask(
    description="Double it.",
    criteria=("performance",),
    aggregation="weighted_score",
    entry_point="f",
    tests=("assert f(1) == 2", "assert f(0) == 0"),
    inputs=("f(3)", "f(-1)"),
)


def held(candidates, **changes):
    task = replace(TASK, **changes)
    rows = [Candidate(name, source) for name, source in candidates.items()]
    return hold_vote(rows, task, Laboratory(task))


class TestCorrectnessFirst:
    def test_a_fast_wrong_candidate_never_wins(self):
        decision = held({"slow": program("x * 2", 9), "wrong": program("2", 0.1), "slower": program("x + x", 20)})

        assert decision.winner == "slow"
        assert decision.ranking == ("slow", "slower", "wrong")
        assert decision.gated_out == ("wrong",)

    def test_no_score_outvotes_the_largest_behaviour(self):
        decision = held(
            {"a": program("x * 2", 9), "b": program("x + x", 5), "odd": program("x * 2 if x >= 0 else 0", 0.1)}
        )

        assert decision.winner == "b"
        assert decision.groups == (("a", "b"), ("odd",))
        assert decision.ranking[-1] == "odd"
        assert decision.agreement_share == pytest.approx(2 / 3)
        assert decision.difference.call == "f(-1)"
        assert (decision.difference.winner_gave, decision.difference.runner_up_gave) == ("-2", "0")

    def test_where_nobody_passes_all_the_best_go_on_and_it_is_said(self):
        decision = held({"a": program("2", 1), "b": program("9", 1)})

        assert decision.winner == "a"
        assert any("no candidate passes all" in note for note in decision.notes)

    def test_scores_of_a_voter_that_was_dropped_are_noted(self):
        decision = held({"a": program("x * 2", 1)}, given={"gone": {"performance": 3}})

        assert decision.winner == "a"
        assert any("'gone'" in note for note in decision.notes)

    def test_where_nothing_loads_there_is_no_winner(self):
        decision = held({"a": "def g(): pass\n", "b": "(("})

        assert decision.winner is None
        assert decision.ranking == ("a", "b")


class TestWhatIsNotKnown:
    """A decision claims no agreement that nobody measured."""

    def test_inputs_that_nobody_answers_are_no_agreement(self):
        decision = held({"a": program("x * 2", 4), "b": program("7", 1)}, tests=(), inputs=("f()",))

        assert decision.agreement_share == 0
        assert decision.groups == (("a",), ("b",))
        assert sorted(decision.ranking) == ["a", "b"]
        assert decision.rationale["confidence"]["estimate"] is None
        assert decision.warnings[0].startswith("no input was answered")

    def test_without_tests_and_inputs_nothing_is_claimed(self):
        decision = held({"a": program("x * 2", 4), "b": program("7", 1)}, tests=(), inputs=())

        assert (decision.agreement_share, decision.groups) == (None, ())
        assert "nothing tells right from wrong" in decision.warnings[0]

    def test_given_scores_are_no_agreement(self):
        task = VoteTask("x", ("beauty",), aggregation="weighted_score", given={"a": {"beauty": 1}, "b": {"beauty": 2}})

        assert hold_vote([Candidate("a", ""), Candidate("b", "")], task).agreement_share is None

    def test_simplicity_decides_where_nothing_is_timed(self):
        decision = held({"a": program("x * 2", 4)}, aggregation="pareto", criteria=("correctness",), tests=())

        assert any("so simplicity decided" in note for note in decision.notes)

    def test_a_failed_gate_has_no_estimated_chance(self):
        decision = held({"a": program("2", 1), "b": program("2", 1)}, tests=("assert f(1) == 3",))

        assert decision.rationale["confidence"]["estimate"] is None
        assert "passes any visible test" in decision.warnings[0]

    def test_voters_without_a_candidate_count_in_share_and_quorum_and_are_told(self):
        decision = held({"a": program("x * 2", 1)}, quorum=0.6, absent={"b": "timed out", "c": "no program"})

        assert decision.agreement_share == pytest.approx(1 / 3)
        assert decision.quorum_met is False
        assert "33% of 3 voters" in decision.warnings[0]
        assert [row["voter"] for row in decision.rationale["dropped_voters"]] == ["b", "c"]
        assert "timed out" in rationale_page(decision.rationale)

    def test_answers_in_words_count_the_absent_too(self):
        decision = hold_vote([Candidate("a", "yes")], VoteTask(quorum=0.5, absent={"b": "x", "c": "y"}))

        assert (decision.agreement_share, decision.quorum_met) == (pytest.approx(1 / 3), False)


class TestRules:
    def test_times_within_the_noise_are_a_tie_that_simplicity_resolves(self):
        twisted = "COST_f = 1.0\ndef f(x):\n    if x:\n        if x > 0:\n            return x * 2\n    return x + x\n"
        decision = held({"twisted": twisted, "plain": program("x * 2", 1.1)})

        assert decision.winner == "plain"
        assert decision.tied == ("twisted",)
        assert "tie" in decision.rationale["timings"]["protocol"]

    def test_only_what_is_as_fast_as_the_winner_is_tied_with_it(self):
        rows = {"fast": program("x * 2", 1), "slow": program("x + x", 5), "other": program("2 * x", 5)}
        decision = held(rows, aggregation="consensus")

        assert (decision.winner, decision.tied) == ("fast", ())

    def test_consensus_ranks_the_winning_group_by_speed(self):
        rows = {"a": program("x * 2", 5), "b": program("x + x", 2), "c": program("abs(x) * 2", 1)}

        assert held(rows, aggregation="consensus").ranking == ("b", "a", "c")

    def test_the_pareto_rule_balances(self):
        nested = "for _ in [1]:\n        for _ in [1]:\n            if x is None:\n                return 0\n"
        rows = {
            "fast": f"COST_f = 1\ndef f(x):\n    {nested}    return x * 2\n",
            "even": program("x * 2", 1.4),
            "dull": program("x + x", 64),
        }
        decision = held(rows, aggregation="pareto", criteria=("performance", "readability"))

        assert decision.pareto[0] == decision.winner == "even"
        assert "dull" not in decision.pareto

    @pytest.mark.parametrize("aggregation", ["borda", "approval"])
    def test_judges_ballots_count_inside_the_winning_group_only(self, aggregation):
        rows = {"a": program("x * 2", 1), "b": program("x + x", 1), "wrong": program("7", 1)}
        scores = {"a": 3, "b": 8, "wrong": 10}
        judgements = tuple(Judgement(judge, name, "beauty", scores[name]) for judge in "xyz" for name in rows)
        decision = held(rows, aggregation=aggregation, criteria=("beauty",), judgements=judgements)
        page = rationale_page(decision.rationale)

        assert decision.ranking == ("b", "a", "wrong")
        assert set(decision.rationale["ballots"]) == {"x", "y", "z"}
        assert "| x | wrong | beauty | 10 |" in page
        assert ("| x | b > a |" if aggregation == "borda" else "| x | b |") in page

    def test_what_cannot_be_measured_is_named_and_speed_decides(self):
        decision = held({"a": program("x * 2", 4), "b": program("x + x", 1)}, criteria=("memory",))

        assert decision.winner == "b"
        assert "memory" in decision.rationale["not_measured"]
        assert any("no scores" in note for note in decision.notes)

    def test_a_missed_quorum_is_said(self):
        rows = {"a": program("x * 2", 1), "b": program("2 * abs(x)", 1)}

        assert any("quorum of 60%" in note for note in held(rows, quorum=0.6).notes)
        assert not any("quorum" in note for note in held(rows, quorum=0.5).notes)

    def test_a_better_record_breaks_a_tie(self):
        rows = {"a": program("x * 2", 1), "b": program("2 * x", 1)}

        assert held(rows).winner == "a"
        assert held(rows, reliabilities={"b": 0.9}).winner == "b"


ONE = """
COST_parse = 1
def parse(x):
    return [x, COST_parse][:1]


def total(xs):
    COST_total = 8
    return sum(xs) * 2


def f(x):
    return total(parse(x))
"""
TWO = """
def parse(x):
    COST_parse = 8
    return [x]


def total(xs):
    COST_total = 1
    return xs[0] * 2


def f(x):
    return total(parse(x))
"""


class TestHybrid:
    def test_the_best_parts_together_beat_every_single_candidate(self):
        decision = held({"one": ONE, "two": TWO})

        assert decision.winner == "synthesis"
        assert decision.rationale["hybrid"]["taken"] == {"total": "two"}
        assert {row.candidate: row.thread_s for row in decision.timings} == {"one": 9, "two": 9, "synthesis": 2}
        assert decision.agreement_share == 1.0
        assert [(row.candidate, row.kept) for row in decision.gate][-1] == ("synthesis", True)

    def test_it_loses_where_the_parts_cost_more_than_they_bring(self):
        heavy = TWO.replace(
            "def total",
            "import abc, ast, bz2, cmd, csv, dis, json\nMODULES = (abc, ast, bz2, cmd, csv, dis, json)\ndef total",
        )
        heavy = heavy.replace("COST_total = 1", "COST_total = 6 if MODULES else 0")
        decision = held({"one": ONE, "two": heavy}, criteria=("performance", "maintainability"))

        assert decision.winner == "one"
        assert "synthesis" in decision.ranking
        assert "did not measure better" in decision.rationale["hybrid"]["outcome"]

    def test_parts_that_do_not_fit_together_make_no_hybrid(self):
        pairs = TWO.replace("return [x]", "return (1, x)").replace("xs[0] * 2", "xs[1] * 2")
        decision = held({"one": ONE, "two": pairs})

        assert decision.winner in ("one", "two")
        assert "synthesis" not in decision.ranking
        assert any("behaves differently" in note for note in decision.rationale["hybrid"]["notes"])

    def test_it_can_be_switched_off(self):
        decision = held({"one": ONE, "two": TWO}, hybrid=False)

        assert decision.rationale["hybrid"] == {}
        assert len(decision.ranking) == 2

    def test_it_stays_out_where_scores_were_given(self):
        given = {"one": {"beauty": 3}, "two": {"beauty": 4}}
        decision = held({"one": ONE, "two": TWO}, criteria=("performance", "beauty"), given=given)

        assert decision.winner == "two"
        assert "nobody scored it on beauty" in decision.rationale["hybrid"]["outcome"]


class TestWords:
    def test_the_specifications_table_as_given_scores(self):
        rows = {"functional": (6, 9, 8), "imperative": (8, 6, 7), "hybrid": (10, 7, 9)}
        criteria = ("performance", "readability", "maintainability")
        given = {name: dict(zip(criteria, row, strict=True)) for name, row in rows.items()}
        task = VoteTask("Search.", criteria, aggregation="weighted_score", given=given)
        decision = hold_vote([Candidate(name, "") for name in rows], task)

        assert decision.winner == "hybrid"
        assert dict(decision.totals) == {"functional": 23, "imperative": 21, "hybrid": 26}
        assert decision.ranking == ("hybrid", "functional", "imperative")
        assert any("nothing was run" in note for note in decision.notes)

    def test_answers_are_grouped_by_what_they_say(self):
        rows = [Candidate(str(n), text) for n, text in enumerate(["Paris", "Lyon", "the answer is paris."])]
        decision = hold_vote(rows, VoteTask(quorum=0.9))

        assert decision.ranking == ("0", "2", "1")
        assert decision.agreement_share == pytest.approx(2 / 3)
        assert any("quorum" in note for note in decision.notes)

    def test_without_any_score_agreement_decides_and_says_so(self):
        rows = [Candidate(name, text) for name, text in {"a": "tea", "b": "coffee", "c": "Coffee!"}.items()]
        decision = hold_vote(rows, VoteTask(criteria=("speed", "readability"), aggregation="pareto"))

        assert decision.winner == "b"
        assert decision.tied == ("c",)
        assert set(decision.rationale["not_measured"]) == {"speed", "readability"}
        assert any("no scores" in note for note in decision.notes)


@pytest.mark.parametrize(
    ("candidates", "changes", "told"),
    [
        ([], {}, "at least one"),
        ([Candidate("a", ""), Candidate("a", "")], {}, "unique"),
        ([Candidate("a", "")], {"criteria": ("beauty",)}, "cannot be measured"),
        ([Candidate("a", "")], {"weights": {"beauty": 1}}, "not among the criteria"),
    ],
)
def test_a_vote_that_cannot_be_held_is_refused_before_anything_runs(candidates, changes, told):
    with pytest.raises(VoteError, match=told):
        hold_vote(candidates, replace(TASK, **changes))


def test_the_rationale_is_plain_json():
    decision = held({"one": ONE, "two": TWO, "wrong": program("1", 1)})

    assert json.loads(json.dumps(decision.rationale, allow_nan=False))["winner"] == decision.winner
    assert decision.rationale["sandbox"] == ["nothing is walled in here"]
