"""`ptx why` as a person types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ptx_prefect.cli import main


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    components = [{"name": "only", "worker": {"kind": "command", "argv": ["true"]}}]
    main_task = {"description": "d", "components": components}
    (tmp_path / "task.json").write_text(json.dumps({"task_id": "t", "mode": "sectioning", "main_task": main_task}))
    return tmp_path / "task.json"


def test_a_section_that_never_ran_would_run(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "only", str(task)]) == 0
    assert capsys.readouterr().out == "'only' would run: no finished result of it is kept\n"


def test_a_section_that_does_not_exist_and_a_vote_are_mistakes(task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vote = {"task_id": "v", "mode": "voting", "main_task": {"description": "d", "evaluation_criteria": []}}
    (task.parent / "vote.json").write_text(json.dumps({**vote, "voters": ["functional", "oop"]}))

    assert main(["why", "onli", str(task)]) == 2
    assert "did you mean 'only'" in capsys.readouterr().err
    assert main(["why", "only", str(task.parent / "vote.json")]) == 2
    assert "this task is a vote" in capsys.readouterr().err
