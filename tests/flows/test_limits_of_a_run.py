"""Two runs of one task at once, more memory than there may be, results that are too large to hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect import on_event, sectioning
from ptx_prefect.engine.server_check import notes_on_server
from ptx_prefect.engine.store import KeptDone
from ptx_prefect.errors import RunError
from ptx_prefect.run.records import Event

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def task(*components: dict[str, Any], **keys: Any) -> dict[str, Any]:
    main_task = {"description": "d", "components": list(components)}
    return {"task_id": "t", "mode": "sectioning", "main_task": main_task, **keys}


def command(name: str, *argv: str) -> dict[str, Any]:
    return {"name": name, "worker": {"kind": "command", "argv": list(argv)}}


def test_what_two_runs_want_at_once_is_done_once(workdir: Path) -> None:
    ran = workdir / "ran"
    spec = task(*(command(f"s{n}", "sh", "-c", f"echo s{n} >> {ran}; sleep 1") for n in range(6)), parallelism_hint=3)
    (workdir / "spec.json").write_text(json.dumps(spec))
    import prefect.settings

    env = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect.settings.PREFECT_API_URL.value()}
    other = subprocess.Popen([sys.executable, "-m", "ptx_prefect", "run", "spec.json", "--json"], env=env, stdout=-1)
    while other.poll() is None and not ran.exists():
        time.sleep(0.01)

    report = sectioning(spec)

    theirs = json.loads(other.communicate(timeout=120)[0])
    assert report["status"] == theirs["status"] == "success"
    assert Counter(ran.read_text().split()) == {f"s{n}": 1 for n in range(6)}
    assert all(Path(one["artifacts"]["output"], "report.json").exists() for one in (report, theirs))


HOG = "import time; kept = bytearray(120 * 2**20); time.sleep(2.5)"


def test_sections_wait_for_memory_and_the_last_one_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_PREFECT_RESOURCES__MAX_MEMORY_MB", "320")
    spec = task(*(command(f"hog{n}", sys.executable, "-c", HOG) for n in range(4)), parallelism_hint=4)
    events: list[Event] = []
    with on_event(events.append):
        report = sectioning(spec)
    page = Path(report["artifacts"]["report_markdown"]).read_text()
    again: list[Event] = []
    with on_event(again.append):
        sectioning(spec, fresh=True)

    assert report["status"] == "success"
    assert {row["attempts"] for row in report["results"]["completed_sections"]} == {1}
    assert any("make room" in event.detail for event in events if event.kind == "section_retry")
    assert any("make room" in note for note in report["notes"])
    assert "## Workers" in page
    # The second run knows what they take.
    assert any("waits for memory" in event.detail for event in again)
    assert not [event for event in again if event.kind == "section_retry"]


def test_large_values_reach_what_builds_on_them_and_do_not_stay_in_memory(workdir: Path) -> None:
    (workdir / "makes.py").write_text("def big(): return 'x' * 300_000\ndef size(inputs): return len(inputs['a'])\n")
    callable_ = {"kind": "callable"}
    kept: list[Any] = []

    def keep(event: Event) -> None:
        kept.append((event.section, event.outcome))

    with on_event(keep):
        report = sectioning(
            task(
                {"name": "a", "worker": {**callable_, "target": "makes:big"}},
                {"name": "b", "worker": {**callable_, "target": "makes:size"}, "depends_on": ["a"]},
            )
        )

    outcomes = {name: outcome for name, outcome in kept if outcome is not None}
    assert report["status"] == "success"
    assert isinstance(outcomes["a"], KeptDone) and len(outcomes["a"].value) == 300_000  # type: ignore[arg-type]
    assert outcomes["b"].value == 300_000


def test_every_artifact_is_written_when_a_run_returns() -> None:
    from prefect.artifacts import Artifact

    report = sectioning(task(command("only", "true"), task_id="pictures"))

    assert report["status"] == "success"
    found = {kind: Artifact.get(f"{kind}-pictures") for kind in ("plan", "progress", "report")}
    assert all(found.values()) and "success" in str(found["report"].data)  # type: ignore[union-attr]  # not None
    assert float(str(found["progress"].data)) == 100.0  # type: ignore[union-attr]  # as above


def test_fail_fast_ends_what_is_under_way(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be an agent that works for ten minutes more."""
    monkeypatch.setenv("PTX_PREFECT_RETRY__MAX_ATTEMPTS", "1")
    spec = task(
        command("slow", "sh", "-c", "touch began; sleep 60; touch ended"),
        command("wrong", "sh", "-c", "while [ ! -e began ]; do sleep 0.05; done; exit 3"),
        fail_fast=True,
    )

    with pytest.raises(RunError) as caught:
        sectioning(spec)

    reasons = {
        row["name"]: (row["status"], row["reason"]) for row in caught.value.report["results"]["unfinished_sections"]
    }
    assert reasons["slow"] == ("cancelled", "fail_fast: 'wrong' did not succeed")
    assert not (workdir / "ended").exists()


def test_the_server_is_asked_what_it_is_before_the_work(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that dies meanwhile would keep the report from being written until Prefect's client gives up."""
    happened: list[str] = []

    def asked() -> tuple[str, ...]:
        happened.append("asked")
        return notes_on_server()

    monkeypatch.setattr("ptx_prefect.engine.sectioning.notes_on_server", asked)
    with on_event(lambda event: happened.append(event.kind)):
        sectioning(task(command("one", "true")))

    assert happened.count("asked") == 1 and happened.index("asked") < happened.index("section_finished")
