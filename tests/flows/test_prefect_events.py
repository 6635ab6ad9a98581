"""The events that automations react to: which, with what labels, and never more than are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect import RunError, sectioning
from ptx_prefect.engine import events


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str], dict[str, Any]]]:
    """Name, labels and payload of each event, as Prefect would get it."""
    found: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    def emit(name: str, *, resource: dict[str, str], payload: dict[str, Any], key: str) -> None:
        found.append((name, resource, payload))

    monkeypatch.setattr(events, "emit_event", emit)
    return found


def task(tmp_path: Path, *components: dict[str, Any], **keys: Any) -> dict[str, Any]:
    main_task = {"description": "d", "components": list(components)}
    place = {"output_dir": str(tmp_path / "out"), "workdir": str(tmp_path)}
    return {"task_id": "told", "mode": "sectioning", "main_task": main_task, **place, **keys}


def command(name: str, *argv: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "worker": {"kind": "command", "argv": list(argv)}, **keys}


def test_a_failed_section_and_the_end_of_the_run(
    emitted: list[tuple[str, dict[str, str], dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTX_PREFECT_RETRY__MAX_ATTEMPTS", "1")
    with pytest.raises(RunError):
        sectioning(task(tmp_path, command("good", "true"), command("bad", "sh", "-c", "exit 7")))

    assert [name for name, _, _ in emitted] == ["ptx.section.failed", "ptx.run.finished"]
    (_, failed, why), (_, finished, summary) = emitted
    assert failed["ptx.section"] == "bad" and failed["ptx.outcome"] == "failed" and "7" in why["reason"]
    assert finished["ptx.status"] == "partial" and finished["ptx.started-by-automation"] == "no"
    assert failed["prefect.resource.id"] == finished["prefect.resource.id"]
    assert summary["done"] == 1 and summary["unfinished"] == ["bad"]


def test_an_exhausted_budget_is_told_once(
    emitted: list[tuple[str, dict[str, str], dict[str, Any]]], tmp_path: Path
) -> None:
    late = [command(f"late {index}", "true", depends_on=["first"]) for index in range(3)]
    with pytest.raises(RunError):
        sectioning(task(tmp_path, command("first", "sleep", "1"), *late, budget={"wall_seconds": 0.5}))

    assert [name for name, _, _ in emitted].count("ptx.budget.exhausted") == 1


def test_conflicts_in_the_report_ask_for_a_review(
    emitted: list[tuple[str, dict[str, str], dict[str, Any]]], tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "a.txt").write_text("one\n")
    sides = [command(word, "sh", "-c", f"echo {word} > a.txt") for word in ("left", "right")]
    with pytest.raises(RunError):
        sectioning(task(tmp_path, *sides, base=str(base)))

    asked = [(labels, payload) for name, labels, payload in emitted if name == "ptx.review.requested"]
    assert len(asked) == 1 and asked[0][0]["ptx.review"] == "report"
    assert asked[0][1]["conflicts"] == 1 and asked[0][1]["first"][0]["path"] == "a.txt"
