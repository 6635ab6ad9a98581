"""From the JSON task to candidates and a vote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptx_prefect.errors import VoteError
from ptx_prefect.run.outcomes import Done
from ptx_prefect.spec import Voter, parse_spec, read_spec
from ptx_prefect.tree.changeset import Changeset, FileChange
from ptx_prefect.vote.mistakes import mistakes_in_vote
from ptx_prefect.vote.run import hold_vote
from ptx_prefect.vote.values import Candidate
from ptx_prefect.vote.voters import ready_candidate, vote_task_of, voters_of, written_candidate

ROOT = Path(__file__).parents[3]


def spec_of(**changes):
    data = {
        "task_id": "t",
        "mode": "voting",
        "main_task": {"description": "Double it.", "entry_point": "f"},
        "voters": ["functional", {"name": "mine", "source": "def f(x): return 2 * x"}],
        "worker": {"kind": "command"},
    }
    data["main_task"] |= changes.pop("main_task", {})
    return parse_spec(data | changes)


@pytest.mark.parametrize("name", ["search_voting.json", "code_review_voting.json", "synthesis_voting.json"])
def test_the_examples_have_no_mistakes_and_all_candidates(name):
    spec = read_spec(ROOT / "examples" / name)

    assert mistakes_in_vote(spec, workdir=ROOT) == {}
    for voter in voters_of(spec):
        candidate = ready_candidate(voter, workdir=ROOT, entry_point=spec.main_task.entry_point)
        assert candidate is not None
        assert spec.main_task.entry_point in candidate.source


def test_the_specifications_voting_task_needs_nothing_but_a_worker():
    spec = read_spec(ROOT / "tests/cases/specification/voting.json")

    assert mistakes_in_vote(spec, workdir=ROOT, has_worker=True) == {}
    assert len(mistakes_in_vote(spec, workdir=ROOT)) == len(voters_of(spec))
    assert all(voter.description for voter in voters_of(spec))


def test_given_scores_under_any_usual_word_decide_the_golden_table():
    rows = {"functional": (6, 9, 8), "imperative": (8, 6, 7), "hybrid": (10, 7, 9)}
    words = ("speed", "readability", "Maintainability")
    voters = [{"name": name, "scores": dict(zip(words, row, strict=True))} for name, row in rows.items()]
    criteria = ["Performance: Benchmark on 1M records", "Readability: Code complexity metrics", "maintainability"]
    spec = parse_spec(
        {
            "task_id": "t",
            "mode": "voting",
            "main_task": {"description": "Search.", "evaluation_criteria": criteria},
            "voters": voters,
        }
    )
    task = vote_task_of(spec, workdir=ROOT)
    decision = hold_vote([Candidate(voter.name, "") for voter in voters_of(spec)], task)

    assert mistakes_in_vote(spec, workdir=ROOT) == {}
    assert dict(decision.totals) == {"functional": 23, "imperative": 21, "hybrid": 26}
    assert decision.winner == "hybrid"


def test_a_voter_named_after_a_model_thinks_with_it():
    names = ["haiku", "opus", "functional", {"name": "sonnet", "worker": {"kind": "chat", "model": "local"}}]
    chat = {"kind": "chat", "temperature": 0}
    workers = [voter.worker for voter in voters_of(spec_of(voters=names, worker=chat))]

    assert workers == [chat | {"model": "haiku"}, chat | {"model": "opus"}, None, {"kind": "chat", "model": "local"}]
    assert voters_of(spec_of(voters=["opus"], worker={"kind": "command"}))[0].worker is None
    by_default = voters_of(spec_of(voters=["opus"], worker=None), default_worker="chat")
    assert by_default[0].worker == {"kind": "chat", "model": "opus"}


def test_all_mistakes_come_at_once_by_place():
    spec = spec_of(
        worker=None,
        main_task={"evaluation_criteria": ["charm"], "test_files": ["no_tests.py"]},
        weights={"beauty": 1},
        voters=[
            {"name": "both", "source": "", "path": "x.py"},
            {"name": "lost", "path": "nowhere.py"},
            {"name": "gone", "callable": "no_such_module:f"},
            {"name": "odd", "callable": "no function"},
            "stranger",
        ],
    )
    mistakes = mistakes_in_vote(spec, workdir=ROOT)

    assert set(mistakes) == {
        "voters[0]",
        "voters[0].path",
        "voters[1].path",
        "voters[2].callable",
        "voters[3].callable",
        "voters[4]",
        "voters[4].description",
        "main_task.test_files[0]",
        "main_task.evaluation_criteria",
        "weights",
    }


def test_prose_without_scores_or_judges_needs_consensus():
    changes = {"main_task": {"entry_point": None}, "voters": [{"name": "a", "source": "x"}]}

    assert "main_task.entry_point" in mistakes_in_vote(spec_of(**changes), workdir=ROOT)
    assert mistakes_in_vote(spec_of(aggregation="consensus", **changes), workdir=ROOT) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("from helper_x import X\nfrom m import f\ndef test_a():\n    assert f(1) == X\n", "imports 'helper_x'"),
        ("def test_a():\n    assert 1 == 1\n", "asserts nothing about 'f'"),
        ("x = 1\n", "holds no test that can be used"),
    ],
)
def test_a_test_file_that_cannot_be_used_is_a_mistake_before_anybody_works(tmp_path, text, told):
    (tmp_path / "t.py").write_text(text)
    mistakes = mistakes_in_vote(spec_of(main_task={"test_files": ["t.py"]}), workdir=tmp_path)

    assert told in mistakes["main_task.test_files[0]"]


def test_a_callable_may_lie_in_the_users_own_directory(tmp_path):
    (tmp_path / "mine.py").write_text("def g(x):\n    return x\n")
    voter = Voter(name="ours", callable="mine:g")

    assert mistakes_in_vote(spec_of(voters=[voter.model_dump()]), workdir=tmp_path) == {}
    candidate = ready_candidate(voter, workdir=tmp_path, entry_point="f")
    assert candidate is not None and candidate.source == "def g(x):\n    return x\n\n\nf = g\n"


def test_tests_without_an_entry_point_are_a_mistake_and_not_ignored():
    spec = spec_of(main_task={"entry_point": None, "tests": ["assert f(0) == 0"], "test_command": ["make"]})

    assert "tests and test_command" in mistakes_in_vote(spec, workdir=ROOT)["main_task.entry_point"]


def test_a_callable_is_a_candidate_by_its_modules_source():
    voter = Voter(name="ours", callable="ptx_prefect.vote.answers:normalised")
    candidate = ready_candidate(voter, workdir=ROOT, entry_point="f")

    assert candidate is not None
    assert candidate.source.endswith("f = normalised\n")


def test_the_tests_of_pytest_files_join_the_assert_lines(tmp_path):
    (tmp_path / "t.py").write_text(
        "def test_a():\n    assert f(1) == 2\n\n\ndef test_b(tmp_path):\n    assert f(1) == 2\n"
    )
    (tmp_path / "empty.py").write_text("x = 1\n")
    task = vote_task_of(spec_of(main_task={"tests": ["assert f(0) == 0"], "test_files": ["t.py"]}), workdir=tmp_path)

    assert task.tests == ("assert f(0) == 0", "def test_a():\n    assert f(1) == 2")
    assert "tmp_path" in task.notes[0]
    with pytest.raises(VoteError, match=r"empty\.py' holds no test"):
        vote_task_of(spec_of(main_task={"test_files": ["empty.py"]}), workdir=tmp_path)


class TestWritten:
    VOTER = Voter(name="v")

    def test_a_program_in_an_answer(self):
        done = Done(value="Here:\n```python\ndef f(x):\n    return x\n```\n")

        assert written_candidate(self.VOTER, done, entry_point="f").source == "def f(x):\n    return x\n"
        assert (
            written_candidate(self.VOTER, Done(value={"source": "def f(): 1"}), entry_point="f").source == "def f(): 1"
        )

    def test_prose_stays_as_it_is(self):
        assert written_candidate(self.VOTER, Done(value="Paris")).source == "Paris"

    def test_the_changed_file_that_defines_the_entry_point(self):
        changes = [("a.py", b"x = 1\n"), ("b.py", b"def f(x):\n    return x\n"), ("c.txt", b"def f")]
        changeset = Changeset(tuple(FileChange(path, None, content) for path, content in changes))

        assert written_candidate(self.VOTER, Done(changeset=changeset), entry_point="f").source.startswith("def f(x)")
        with pytest.raises(VoteError, match=r"a\.py, b\.py"):
            written_candidate(self.VOTER, Done(changeset=changeset))

    def test_what_a_command_printed_unless_it_changed_a_file(self):
        printed = {"exit_code": 0, "output": "def f(x):\n    return 1\n"}
        changeset = Changeset((FileChange("b.py", None, b"def f(x):\n    return 2\n"),))

        assert written_candidate(self.VOTER, Done(value=printed), entry_point="f").source == printed["output"]
        changed = written_candidate(self.VOTER, Done(value=printed, changeset=changeset), entry_point="f")
        assert "return 2" in changed.source

    def test_nothing_is_told_as_nothing(self):
        with pytest.raises(VoteError, match="'v' gave no program"):
            written_candidate(self.VOTER, Done(value=None), entry_point="f")


def test_examples_are_valid_json_with_the_specifications_own_words():
    data = json.loads((ROOT / "examples/search_voting.json").read_text())

    assert data["main_task"]["description"] == "Optimize search algorithm for finding user by email in large dataset"


@pytest.mark.parametrize("weight", [0, float("inf")])
def test_weights_that_decide_nothing_are_a_mistake_before_anybody_works(weight: float):
    spec = spec_of(main_task={"evaluation_criteria": ["performance"]}, weights={"performance": weight})

    assert "weight" in mistakes_in_vote(spec, workdir=ROOT)["weights"]


def test_a_written_synthesis_needs_something_to_run():
    spec = spec_of(main_task={"entry_point": None}, aggregation="consensus", synthesis="chat")

    assert "entry_point" in mistakes_in_vote(spec, workdir=ROOT)["synthesis"]
