from pathlib import Path

import pytest

from ptx_prefect.cli.commands import main
from ptx_prefect.settings import Settings
from ptx_prefect.spec import VotingSpec, parse_spec
from ptx_prefect.vote.prospect import mistakes_in_prices, prospect_of, prospect_text


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


@pytest.mark.parametrize(
    ("main", "told"),
    [
        ({}, "none: without tests only agreement tells right from wrong"),
        ({"tests": ["assert f(1)"]}, "gate       1 assert line\n"),
        ({"tests": ["assert f(1)", "assert f(2)"]}, "gate       2 assert lines\n"),
        ({"test_files": ["test_f.py"], "test_command": ["make", "check"]}, "test file test_f.py; command make check"),
        ({"inputs": ["f(1)", "f(2)"]}, "2 given calls of f, and variations of the visible ones"),
        ({"tests": ["assert f(1)"], "evaluation_criteria": ["memory"]}, "variations of the calls of f in the tests"),
        ({"evaluation_criteria": ["memory", "readability"]}, "none: no call is known"),
    ],
)
def test_the_bill_says_what_tells_right_from_wrong(main: dict[str, object], told: str) -> None:
    voters = [{"name": "a", "source": "f = int", "path": None}, {"name": "b", "source": "f = float"}]
    task = {"description": "d", "evaluation_criteria": ["performance"], "entry_point": "f"} | main
    text = prospect_text(prospect_of(_spec(main_task=task, voters=voters, hybrid=False), Settings()))

    assert told in text
    assert "to be run  nothing but the vote itself" in text
    assert "a synthesis of the best parts" not in text


def test_given_scores_and_syntheses_are_on_the_bill() -> None:
    task = {"description": "d", "evaluation_criteria": ["performance", "charm"], "entry_point": "f"}
    scored = [
        {"name": "a", "source": "f = int", "scores": {"charm": 3}},
        {"name": "b", "path": "b.py", "scores": {"charm": 4}},
    ]
    spec = _spec(main_task=task, voters=scored, hybrid=True, synthesis="chat")
    prospect = prospect_of(spec, Settings())

    assert prospect.criteria == {"performance": "measured", "charm": "given scores"}
    assert prospect.voters == {"a": "source in the task", "b": "path b.py"}
    assert (prospect.sections, prospect.calls) == (1, 1)
    text = prospect_text(prospect)
    assert "a synthesis of the best parts takes part" in text
    assert "synthesis  written by chat from the best candidates; it takes part" in text


def test_voters_that_only_score_and_those_that_a_program_writes() -> None:
    only_scores = [{"name": "a", "scores": {"tone": 1}}, {"name": "b", "scores": {"tone": 2}}]
    written = [{"name": "a", "description": "d", "worker": {"kind": "command", "argv": ["make"]}}, "functional"]

    assert set(prospect_of(_spec(voters=only_scores), Settings()).voters.values()) == {"given scores"}
    prospect = prospect_of(_spec(voters=written, worker="chat"), Settings())
    assert prospect.voters["a"] == "written by command"
    assert (prospect.sections, prospect.calls) == (2, 1)


def test_a_budget_in_dollars_wants_to_know_every_price() -> None:
    """Found before anything is spent: such calls would be refused one after the other."""
    unknown = {"provider": "openai", "model": "nobody-knows-it", "base_url": "http://127.0.0.1:9/v1", "key_env": ""}
    worker = {"kind": "chat", "model": unknown}

    priced = _spec(worker="chat", budget={"usd": 1})
    assert mistakes_in_prices(priced, Settings()) == {}
    assert mistakes_in_prices(_spec(worker=worker), Settings()) == {}
    assert mistakes_in_prices(_spec(worker={"kind": "chat", "model": "no such"}, budget={"usd": 1}), Settings()) == {}
    found = mistakes_in_prices(_spec(worker="chat", judges=[worker, worker], budget={"usd": 1}), Settings())
    assert list(found) == ["budget.usd"]
    assert found["budget.usd"].startswith("no price is known for 'nobody-knows-it', so no call")
