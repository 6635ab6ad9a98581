from pathlib import Path

import pytest

from ptx_prefect.cli.commands import main
from ptx_prefect.settings import Settings
from ptx_prefect.spec import VotingSpec, parse_spec
from ptx_prefect.vote.prospect import prospect_of, prospect_text


def _spec(**changes: object) -> VotingSpec:
    main_task = {"description": "Find a user", "evaluation_criteria": ["performance", "readability", "tone"]}
    task = {"task_id": "t", "mode": "voting", "main_task": main_task, "voters": ["functional", "haiku"]} | changes
    found = parse_spec(task)
    assert isinstance(found, VotingSpec)
    return found


def test_voters_that_write_are_counted_with_their_model() -> None:
    """A voter named after a model gets that model, the others the worker's own."""
    prospect = prospect_of(_spec(worker={"kind": "chat", "model": "opus"}, judges=["chat"]), Settings())

    assert prospect.voters["functional"].startswith("written by chat, model claude-opus")
    assert prospect.voters["haiku"].startswith("written by chat, model claude-haiku")
    assert (prospect.sections, prospect.calls) == (4, 4)


def test_a_candidate_that_is_there_costs_nothing() -> None:
    voters = [{"name": "a", "description": "plain", "source": "def f(): ..."}, {"name": "b", "callable": "json:dumps"}]
    prospect = prospect_of(_spec(voters=voters, worker="chat"), Settings())

    assert prospect.sections == 0
    assert prospect.voters == {"a": "source in the task", "b": "callable json:dumps"}


def test_criteria_say_where_their_score_comes_from() -> None:
    """Facts stay measured whatever judges say; what nobody can score is named."""
    without, judged = _spec(worker="chat"), _spec(worker="chat", judges=["chat"])

    assert prospect_of(without, Settings()).criteria["tone"] == "nobody scores it"
    assert prospect_of(judged, Settings()).criteria["tone"] == "1 judge"
    assert prospect_of(judged, Settings()).criteria["readability"] == "1 judge"
    assert prospect_of(judged, Settings()).criteria["performance"].startswith("not measured")


def test_the_text_says_that_nothing_tells_right_from_wrong() -> None:
    text = prospect_text(prospect_of(_spec(worker="chat"), Settings()))

    assert "gate       none" in text
    assert "at least 2 of them with a model" in text


def test_ptx_plan_shows_a_vote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "vote.json"
    spec.write_text(_spec(worker="chat", judges=["chat"]).model_dump_json(by_alias=True))

    assert main(["plan", str(spec)]) == 0
    assert "a vote between 2 voters, by weighted_score" in capsys.readouterr().out
    assert main(["plan", str(spec), "--dot"]) == 2
    assert "--dot: draws a graph" in capsys.readouterr().err


def test_ptx_plan_tells_the_mistakes_of_a_vote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "vote.json"
    spec.write_text(_spec().model_dump_json(by_alias=True))

    assert main(["plan", str(spec)]) == 2
    assert "voters[0]" in capsys.readouterr().err
