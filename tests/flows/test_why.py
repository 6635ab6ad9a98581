"""`ptx why` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptx_prefect.cli import main


def test_a_section_that_never_ran_would_run(small_task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "only", str(small_task)]) == 0
    assert capsys.readouterr().out == "'only' would run: no finished result of it is kept\n"


def test_a_section_that_does_not_exist_and_a_vote_are_mistakes(
    small_task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vote = {"task_id": "v", "mode": "voting", "main_task": {"description": "d", "evaluation_criteria": ["performance"]}}
    (small_task.parent / "vote.json").write_text(json.dumps({**vote, "voters": ["functional", "oop"]}))

    assert main(["why", "onli", str(small_task)]) == 2
    assert "did you mean 'only'" in capsys.readouterr().err
    assert main(["why", "only", str(small_task.parent / "vote.json")]) == 2
    assert "this task is a vote" in capsys.readouterr().err
