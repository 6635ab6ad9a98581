"""Criteria: known words, the rule that maps costs to points, and what happens where nothing was measured."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.errors import VoteError
from ptx_prefect.vote import criteria, metrics
from ptx_prefect.vote.criteria import check_criteria, known_criterion, points, score_field
from ptx_prefect.vote.metrics import SourceMeasures, measure_sources
from ptx_prefect.vote.values import GateResult, Score, Timing

FLAT = "def f(xs):\n    return [x * 2 for x in xs if x]\n"
DEEP = """
import os
import sys
state = {}
def f(xs):
    global state
    out = []
    for x in xs:
        if x:
            if x > 0 or x < 0:
                for _ in range(1):
                    try:
                        out.append(x * 2)
                    except:
                        pass
    return out
"""


def measured(asked, sources, **more):
    return {(score.candidate, score.criterion): score for score in score_field(asked, sources, **more).scores}


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("performance", "performance"),
            ("Performance: Benchmark on 1M records", "performance"),
            ("Execution-Time", "performance"),
            ("Readability: Code complexity metrics", "readability"),
            ("code_quality", "code_quality"),
            ("Code Quality", "code_quality"),
            ("coupling and cohesion", "maintainability"),
            ("Memory usage", "memory"),
        ],
    )
    def test_free_text_finds_the_criterion(self, text, name):
        found = known_criterion(text)

        assert found is not None
        assert found.name == name

    def test_unknown_ones_are_refused_all_at_once_naming_what_is_known(self):
        with pytest.raises(VoteError, match=r"'beauty', 'charm'.*performance, memory"):
            check_criteria(["beauty", "speed", "charm"])

    def test_unknown_ones_pass_with_given_scores_or_judges(self):
        check_criteria(["beauty"], ["beauty"])
        check_criteria(["beauty"], judged=True)


class TestPoints:
    def test_each_doubling_takes_a_point(self):
        assert points(1, 1) == 10
        assert points(2, 1) == 9
        assert points(1024, 1) == 0
        assert points(math.inf, 1) == 0
        assert points(6, 0, soft=2) == 8

    @given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.floats(0, 100))
    def test_points_stay_in_range_and_fall_with_cost(self, best, more, soft):
        assert 0 <= points(best + more, best, soft) <= points(best, best, soft) == 10


class TestSource:
    def test_comments_docstrings_and_layout_change_nothing(self):
        chatty = (
            '"""Doc."""\n# note\n\n\ndef f(xs):\n    """Doc."""\n\n    # why\n    return [\n x * 2 for x in xs if x]\n'
        )
        figures = measure_sources({"a": FLAT, "b": chatty})

        assert figures["a"] == figures["b"]

    def test_markers_that_switch_tools_off_are_ignored(self):
        lines = DEEP.replace("except:", "except:  # noqa").replace("def f(xs):", "def f(xs):  # complexipy: ignore")
        figures = measure_sources({"a": DEEP, "b": "# ruff: noqa\n" + lines})

        assert figures["a"] == figures["b"]

    def test_the_nested_one_is_worse_on_every_figure_but_density(self):
        flat, deep = measure_sources({"flat": FLAT, "deep": DEEP}).values()

        assert isinstance(flat, SourceMeasures)
        assert isinstance(deep, SourceMeasures)
        for figure in ("statements", "cognitive", "cyclomatic", "nesting", "longest", "findings", "coupling"):
            assert getattr(flat, figure) < getattr(deep, figure), figure
        assert flat.density > deep.density

    def test_an_elif_chain_is_not_deep(self):
        chain = (
            "def f(x):\n" + "    if x == 0: return 0\n" + "".join(f"    elif x == {n}: return {n}\n" for n in (1, 2, 3))
        )
        figures = measure_sources({"chain": chain})["chain"]

        assert isinstance(figures, SourceMeasures)
        assert figures.nesting == 1

    def test_a_class_of_unrelated_methods_is_scattered(self):
        joined = "class A:\n  def a(self): self.x = 1\n  def b(self): return self.x\n"
        apart = "class A:\n  def a(self): self.x = 1\n  def b(self): return self.y\n"
        figures = measure_sources({"joined": joined, "apart": apart})

        assert [figure.scatter for figure in figures.values() if isinstance(figure, SourceMeasures)] == [0, 1]

    @pytest.mark.parametrize("text", ["def f(:", "x" * 500_000, "(" * 5000 + ")" * 5000, "a\0b"])
    def test_what_is_not_python_is_told_and_not_raised(self, text):
        assert isinstance(measure_sources({"a": text, "b": FLAT})["a"], str)
        assert isinstance(measure_sources({"a": text, "b": FLAT})["b"], SourceMeasures)


class TestScoreField:
    def test_times_are_relative_to_the_fastest(self):
        timings = [Timing("a", 1.0, 1.0), Timing("b", 4.0, 4.0), Timing("c", math.inf, math.inf, capped=True)]
        found = measured(["Speed"], {"a": "", "b": "", "c": ""}, timings=timings)

        assert [found[name, "Speed"].value for name in "abc"] == [10, 8, 0]
        assert found["b", "Speed"].raw == 4.0

    def test_times_within_the_noise_overlap_and_others_do_not(self):
        timings = [Timing("a", 1.0, 1.0), Timing("b", 1.2, 1.2), Timing("c", 1.3, 1.3)]
        found = measured(["speed"], {"a": "", "b": "", "c": ""}, timings=timings)

        assert found["b", "speed"].high >= found["a", "speed"].low
        assert found["c", "speed"].high < found["a", "speed"].low

    def test_without_timings_speed_is_not_measured_rather_than_zero(self):
        result = score_field(["performance", "length"], {"a": FLAT, "b": DEEP})

        assert "benchmark" in result.not_measured["performance"]
        assert {score.criterion for score in result.scores} == {"length"}

    def test_a_missing_tool_means_not_measured(self, monkeypatch):
        monkeypatch.setattr(metrics, "find_spec", lambda name: None)
        result = score_field(["code_quality", "maintainability"], {"a": FLAT})

        assert "ruff" in result.not_measured["code_quality"]
        assert [score.criterion for score in result.scores] == ["maintainability"]

    def test_tests_passed_are_the_correctness(self):
        gate = [GateResult("a", True, (True, True), True), GateResult("b", True, (True, False), False)]
        found = measured(["correctness"], {"a": "", "b": ""}, gate=gate)

        assert [score.value for score in found.values()] == [10, 5]

    def test_given_scores_count_where_every_candidate_has_one(self):
        given_scores = {"a": {"beauty": 3, "length": 2}, "b": {"beauty": 9}}
        result = score_field(["beauty", "length"], {"a": FLAT, "b": DEEP}, given=given_scores)
        by_criterion = {score.criterion: score.source for score in result.scores}

        assert by_criterion == {"beauty": "given", "length": "measured"}
        assert "only some" in result.notes[0]

    def test_judges_decide_taste_and_not_facts(self):
        opinions = [Score(name, key, 1, 1, 1, source="judged") for name in "ab" for key in ("readability", "length")]
        result = score_field(["readability", "length"], {"a": FLAT, "b": DEEP}, judged=opinions)

        assert {score.criterion: score.source for score in result.scores} == {
            "readability": "judged",
            "length": "measured",
        }

    def test_every_known_criterion_is_in_the_written_rule(self):
        for criterion in criteria.KNOWN:
            assert criterion.name in (criteria.__doc__ or "")
            for figure, soft in criterion.figures.items():
                assert f"s = {soft:g}" in (criteria.__doc__ or ""), (criterion.name, figure)


class TestOddFields:
    def test_one_measurement_under_two_names_would_count_twice(self):
        with pytest.raises(VoteError, match=r"\['performance', 'speed'\] are one measurement \(performance\)"):
            check_criteria(["performance", "speed"])

        check_criteria(["performance", "speed"], ["speed"])

    def test_a_field_that_never_ended_is_not_measured(self):
        timings = [Timing(name, math.inf, math.inf, capped=True) for name in "ab"]
        result = score_field(["performance"], {"a": FLAT, "b": DEEP}, timings=timings)

        assert result.scores == ()
        assert result.not_measured["performance"] == "no candidate ended the benchmark within the time limit"

    def test_memory_is_compared_where_every_candidate_was_measured(self):
        sources = {"a": FLAT, "b": DEEP}
        timings = [Timing("a", 1, 1, peak_kb=10_000), Timing("b", 1, 1, peak_kb=900_000)]
        scores = measured(["memory"], sources, timings=timings)

        assert scores["a", "memory"].value == 10 > scores["b", "memory"].value
        without = score_field(["memory"], sources, timings=[timings[0], Timing("b", 1, 1)])
        assert "memory of some candidate was not measured" in without.not_measured["memory"]

    def test_a_criterion_that_nobody_scores_is_told(self):
        result = score_field(["charm"], {"a": FLAT, "b": DEEP})

        assert result.not_measured == {"charm": "nobody scored it"}


class TestReading:
    def test_imports_of_any_form_couple(self):
        plain, coupled = measure_sources(
            {"plain": "def f(): pass\n", "coupled": "import os\nfrom . import a\nfrom b.c import d\ndef f(): pass\n"}
        ).values()

        assert (plain.coupling, coupled.coupling) == (0, 3)

    def test_a_method_without_a_receiver_shares_nothing(self):
        source = "class A:\n    @staticmethod\n    def a(): return 1\n    def b(self): return self.x\n"

        assert measure_sources({"a": source})["a"].scatter == 1

    @pytest.mark.parametrize("text", ["def f(:", "x" * (metrics.MAX_SOURCE_CHARS + 1)])
    def test_the_complexity_of_what_is_no_program_is_not_known(self, text):
        assert metrics.cognitive_complexity(text) is None

    def test_a_linter_that_fails_finds_nothing_rather_than_none(self, monkeypatch):
        monkeypatch.setattr(metrics.sys, "executable", "/nowhere/python")

        assert metrics.lint_findings({"a": FLAT}) == {}
        assert measure_sources({"a": FLAT})["a"].findings is None
