"""The examples and the hybrid, run for real: sandboxed candidates, measured, decided."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ptx_prefect.spec import read_spec
from ptx_prefect.vote.judges import judgements_from
from ptx_prefect.vote.laboratory import Trials, VoteSettings
from ptx_prefect.vote.measure import Protocol
from ptx_prefect.vote.page import rationale_page
from ptx_prefect.vote.pytest_files import file_tests
from ptx_prefect.vote.run import hold_vote
from ptx_prefect.vote.task import TestCommand, VoteTask
from ptx_prefect.vote.values import Candidate
from ptx_prefect.vote.voters import ready_candidate, vote_task_of, voters_of
from ptx_prefect.workers.spawners import close_spawners

ROOT = Path(__file__).parents[3]


def example(name):
    spec = read_spec(ROOT / "examples" / name)
    task = vote_task_of(spec, workdir=ROOT)
    rows = [ready_candidate(one, workdir=ROOT, entry_point=task.entry_point) for one in voters_of(spec)]
    return spec, task, [row for row in rows if row is not None]


def held(candidates, task):
    return hold_vote(candidates, task, Trials(task))


@pytest.mark.slow
def test_the_search_vote_follows_from_measurement():
    _, task, candidates = example("search_voting.json")
    # Every fresh process makes the million records again: three of them for each candidate instead of up to six.
    settings = VoteSettings(protocol=Protocol(rounds=2, repeats=1, extra_rounds=0))
    decision = hold_vote(candidates, task, Trials(task, settings))
    times = {timing.candidate: timing.thread_s for timing in decision.timings}

    assert decision.winner == "hybrid"
    assert decision.gated_out == ()
    assert len(decision.groups) == 1
    assert times["hybrid"] < times["imperative"] < times["functional"]
    assert {score.source for score in decision.scores} == {"measured"}
    assert decision.not_measured == ()
    assert "# Vote: hybrid" in rationale_page(decision.rationale)


def test_a_wrong_search_never_wins_however_fast():
    _, task, candidates = example("search_voting.json")
    users = "USERS = [(n, f'user{n}', f'user{n}@example.org') for n in range(10_000)]"
    setup = users + "\nWANTED = ['user9000@example.org'] * 9"
    small = replace(task, setup=setup)
    wrong = """
class UserDirectory:
    def __init__(self, users):
        pass

    def find(self, email):
        return None
"""
    decision = held([Candidate("instant", wrong), *candidates], small)

    assert decision.winner == "hybrid"
    assert decision.gated_out == ("instant",)


def test_the_synthesis_beats_every_single_voter():
    _, task, candidates = example("synthesis_voting.json")
    decision = held(candidates, task)
    times = {timing.candidate: timing.thread_s for timing in decision.timings}

    assert decision.winner == "synthesis"
    assert times["synthesis"] < min(times["functional"], times["imperative"]) / 1.25
    assert decision.rationale["hybrid"]["taken"] == {"Words.distinct": "imperative"}
    assert decision.tied == ()


def test_the_synthesis_loses_where_speed_is_not_what_counts():
    _, task, candidates = example("synthesis_voting.json")
    decision = held(candidates, replace(task, weights={"performance": 0, "readability": 1, "maintainability": 1}))

    assert decision.winner == "functional"
    assert "synthesis" in decision.ranking[1:]
    assert "did not measure better" in decision.rationale["hybrid"]["outcome"]


def test_halves_that_fit_only_their_own_other_half_make_no_synthesis():
    """One keeps the words sorted, the other in a map: each reads only what it built itself."""
    one = """
import bisect


class Index:
    def __init__(self, words):
        self.words = words
        self.data = None

    def build(self):
        self.data = sorted(set(self.words))
        return self

    def has(self, word):
        place = bisect.bisect_left(self.data, word)
        return place < len(self.data) and self.data[place] == word
"""
    other = """
class Index:
    def __init__(self, words):
        self.words = words
        self.data = None

    def build(self):
        self.data = {word: True for word in self.words}
        return self

    def has(self, word):
        return self.data.get(word, False)
"""
    task = VoteTask(
        criteria=("performance",),
        aggregation="weighted_score",
        entry_point="Index",
        tests=("assert Index(['b', 'a']).build().has('a') is True", "assert Index([]).build().has('a') is False"),
        inputs=("Index(['x', 'y']).build().has('y')", "Index(['x', 'y']).build().has('z')"),
        setup="WORDS = [str(n) for n in range(3000)]",
        benchmark="index = Index(WORDS).build()\nfor word in WORDS:\n    index.has(word)",
    )
    decision = held([Candidate("sorted", one), Candidate("mapped", other)], task)

    assert decision.winner == "mapped"
    assert decision.ranking == ("mapped", "sorted")
    assert any("behaves differently" in note for note in decision.rationale["hybrid"]["notes"])


def test_three_reviewers_rank_a_real_module_and_its_rewrites():
    spec, task, candidates = example("code_review_voting.json")
    judgements = []
    for judge in spec.judges:
        review = reviewer(judge)
        for one in candidates:
            answer = review({"name": one.name, "source": one.source})
            judgements += judgements_from(answer, judge=judge["target"], candidate=one.name, criteria=task.criteria)
    decision = held(candidates, replace(task, judgements=tuple(judgements)))

    assert decision.ranking == ("pattern", "steps", "as it is")
    assert len(decision.groups[0]) == 3
    assert {score.source for score in decision.scores} == {"judged"}


def reviewer(judge):
    module, _, function = judge["target"].partition(":")
    place = ROOT / judge["path"][0] / f"{module}.py"
    spec = importlib.util.spec_from_file_location(module, place)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, function)


def test_a_pytest_file_is_a_gate():
    text = (
        "import pytest\nfrom solution import f\n\n\n"
        "@pytest.mark.parametrize(('given', 'wanted'), [(1, 2), (-1, -2)])\n"
        "def test_f(given, wanted):\n    assert f(given) == wanted\n\n\n"
        "def test_with_a_fixture(tmp_path):\n    assert f(0) == 1\n"
    )
    tests = file_tests(text, entry_point="f")
    task = VoteTask(entry_point="f", tests=tests.tests)
    right, wrong = Candidate("right", "def f(x): return x * 2"), Candidate("wrong", "def f(x): return abs(x) * 2")
    decision = held([wrong, right], task)

    assert decision.winner == "right"
    assert [row.passed for row in decision.gate] == [(True, False), (True, True)]
    assert "tmp_path" in tests.left_out[0]


def test_a_test_command_gates_every_candidate_and_is_said_to_be_no_sandbox():
    check = "import sys, candidate; print('f(-1) is', candidate.f(-1)); sys.exit(candidate.f(-1) != -2)"
    command = TestCommand((sys.executable, "-c", check), ROOT)
    right, wrong = Candidate("right", "def f(x): return x * K"), Candidate("wrong", "def f(x): return abs(x) * K")
    endless = Candidate("endless", "def f(x):\n    while x < 0: pass\n    return x * K")
    task = VoteTask(entry_point="f", prelude="K = 2", test_command=replace(command, deadline_s=5.0))
    try:
        decision = held([endless, wrong, right], task)
    finally:
        close_spawners()  # other tests here count the processes that are left

    assert decision.winner == "right"
    assert decision.gated_out == ("endless", "wrong")
    assert "f(-1) is 2" in decision.gate[1].problem
    assert "deadline" in decision.gate[0].problem
    assert any("no sandbox" in remark for remark in decision.rationale["sandbox"])
