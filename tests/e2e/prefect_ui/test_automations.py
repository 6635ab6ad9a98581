"""The example automations on a real server: an unsuccessful run is run again once, a person is told by webhook."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.e2e.prefect_ui.served import ENDED, ROOT, Served, task
from tests.e2e.programs import wait_for

pytestmark = pytest.mark.server


@pytest.fixture
def hook() -> Iterator[tuple[str, queue.Queue[dict[str, Any]]]]:
    """A webhook that keeps what it is sent."""
    got: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/", got
        listening.shutdown()


def automate(served: Served, *args: str) -> None:
    script = [sys.executable, "deployments/automations.py", *args]
    subprocess.run(script, env=served.env, cwd=ROOT, check=True, timeout=120)


def test_a_failed_run_is_told_and_run_again_once(
    deployed: Served, hook: tuple[str, queue.Queue[dict[str, Any]]], tmp_path: Any
) -> None:
    url, got = hook
    automate(deployed, "--webhook", url, "--wait", "0")
    automate(deployed, "--webhook", url, "--wait", "0")  # twice is as once
    deployment = deployed.deployment("execute/execute")["id"]
    before = {run["id"] for run in deployed.runs_of(deployment)}
    # Fails in the first run, succeeds in the second: the flag is there by then.
    flag = tmp_path / "flag"
    script = f"if [ -e {flag} ]; then exit 0; fi; exit 1"
    spec = task("again", "true", script)
    try:
        first = deployed.trigger("execute/execute", spec)
        deployed.in_state(first["id"], *ENDED)
        flag.touch()

        def second() -> Any:
            runs = [run for run in deployed.runs_of(deployment) if run["id"] not in before | {first["id"]}]
            return runs[0] if runs else None

        again = wait_for("run by the automation", second, seconds=90)
        ended = deployed.in_state(again["id"], *ENDED)
        told = got.get(timeout=60)
        time.sleep(3)

        assert again["created_by"]["display_value"] == "ptx: run again"
        assert ended["parameters"]["spec"] == spec
        assert told["event"] == "ptx.section.failed" and told["task"] == "again"
        assert told["details"]["section"] == "s1" and told["details"]["outcome"] == "failed"
        assert len([run for run in deployed.runs_of(deployment) if run["id"] not in before]) == 2
    finally:
        automate(deployed, "--remove")
