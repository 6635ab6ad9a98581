"""What may happen while a run waits for a person: the server restarts, the process is killed, somebody cancels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.prefect_ui.served import ENDED, PTX, Served, clashing_task
from tests.e2e.programs import end_group, wait_for

pytestmark = pytest.mark.server

APPROVE = '{"publish": "approve", "place_1": "take \'s1\'"}'


def test_the_server_restarts_while_a_run_waits(deployed: Served, tmp_path: Path) -> None:
    run_id = deployed.trigger("sectioning/sectioning", clashing_task("restarted", tmp_path))["id"]
    deployed.in_state(run_id, "PAUSED")

    deployed.stop()
    deployed.start()
    answered = deployed.ptx("review", run_id, "--answer", APPROVE, cwd=tmp_path)
    run = deployed.in_state(run_id, *ENDED)

    assert answered.returncode == 0, answered.stderr
    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert "servus" in (tmp_path / "out" / "merged" / "app.py").read_text()


def test_a_run_killed_while_it_waits_asks_again_without_doing_a_section_twice(deployed: Served, tmp_path: Path) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(clashing_task("killed", tmp_path)))

    def waiting_run() -> tuple[subprocess.Popen[bytes], str]:
        process = subprocess.Popen(
            [*PTX, "run", str(spec), "--json"],
            env=deployed.env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

        def found() -> str | None:
            body = {"flow_runs": {"name": {"any_": ["execute: killed"]}, "state": {"type": {"any_": ["PAUSED"]}}}}
            rows = deployed.post("/flow_runs/filter", {**body, "sort": "START_TIME_DESC"})
            fresh = [row["id"] for row in rows if row["id"] not in seen]
            return fresh[0] if fresh else None

        return process, wait_for("waiting run", found, seconds=120)

    seen: set[str] = set()
    first, killed = waiting_run()
    seen.add(killed)
    end_group(first, 9)
    second, again = waiting_run()
    answered = deployed.ptx("review", again, "--answer", APPROVE, cwd=tmp_path)
    out, _ = second.communicate(timeout=120)
    report = json.loads(out)

    assert answered.returncode == 0, answered.stderr
    assert second.returncode == 0
    assert report["execution_summary"]["reused_sections"] == 2
    assert report["results"]["review"]["answers"] == {"app.py, lines 2-6": "take 's1'"}


def test_a_run_that_waits_can_be_cancelled(deployed: Served, tmp_path: Path) -> None:
    run_id = deployed.trigger("sectioning/sectioning", clashing_task("cancelled", tmp_path))["id"]
    deployed.in_state(run_id, "PAUSED")

    # What the UI's Cancel sends.
    state = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    deployed.post(f"/flow_runs/{run_id}/set_state", state)
    run = deployed.in_state(run_id, *ENDED, seconds=90)

    assert run["state"]["type"] == "CANCELLED", run["state"]
    assert not (tmp_path / "out" / "merged").exists()
    late = deployed.ptx("review", run_id, "--answer", APPROVE, cwd=tmp_path)
    assert late.returncode == 1 and "does not wait for a review" in late.stderr
