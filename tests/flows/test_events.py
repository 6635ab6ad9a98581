"""A Python caller is told of every event as it happens, and no longer than it asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect import on_event, sectioning
from ptx_prefect.run.records import Event

TASK = {
    "task_id": "told",
    "mode": "sectioning",
    "main_task": {
        "description": "d",
        "components": [{"name": name, "worker": {"kind": "command", "argv": ["sleep", "0.1"]}} for name in "abc"],
    },
}


def test_a_callback_is_told_every_event_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[Event] = []

    with on_event(seen.append):
        report = sectioning(TASK)
    sectioning(TASK)

    kinds = [event.kind for event in seen]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_finished")
    assert sorted(event.section for event in seen if event.kind == "section_finished") == ["a", "b", "c"]
    assert kinds.count("run_finished") == 1
    assert report["performance_metrics"]["pool"][0] == {"at_s": 0.0, "workers": 3, "reason": "start"}
