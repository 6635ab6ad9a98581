"""A real Prefect server, a real process worker, deployments from prefect.yaml, a run triggered through the API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, check: Any, *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = check()
        except httpx.TransportError:
            found = None
        if found:
            return found
        time.sleep(0.5)
    raise TimeoutError(f"no {what} after {seconds} s")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, dict[str, str]]]:
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    env = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PTX_STATE_DIR": str(home / "state"),
        "PYTHONPATH": str(ROOT),
    }
    command = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    log = (home / "server.log").open("wb")
    process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True, cwd=home)
    client = httpx.Client(base_url=env["PREFECT_API_URL"], timeout=30)
    try:
        wait_for("server", lambda: client.get("/health").status_code == 200, seconds=120)
        yield client, env
    finally:
        client.close()
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def deployed(
    server: tuple[httpx.Client, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    client, env = server
    subprocess.run([*PREFECT, "work-pool", "create", "ptx", "--type", "process"], env=env, check=True, cwd=ROOT)
    deploy = [*PREFECT, "deploy", "--prefect-file", "deployments/prefect.yaml", "--all"]
    subprocess.run(deploy, env=env, check=True, cwd=ROOT)
    worker = subprocess.Popen(
        [*PREFECT, "worker", "start", "--pool", "ptx"],
        env=env, start_new_session=True, cwd=tmp_path_factory.mktemp("worker"),
    )  # fmt: skip
    try:
        yield client
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(60)


def run_to_its_end(client: httpx.Client, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    deployment = client.get(f"/deployments/name/{name}").raise_for_status().json()
    body = {"parameters": {"spec": spec}}

    def created() -> Any:
        answer = client.post(f"/deployments/{deployment['id']}/create_flow_run", json=body)
        return answer.json() if answer.is_success else None  # 503: the database is busy

    run = wait_for("new run", created, seconds=60)

    def ended() -> Any:
        found = client.get(f"/flow_runs/{run['id']}").json()
        return found if found["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

    found: dict[str, Any] = wait_for("end of the run", ended, seconds=180)
    return found


def task(*scripts: str) -> dict[str, Any]:
    components = [
        {"name": f"s{index}", "worker": {"kind": "command", "argv": ["sh", "-c", script]}}
        for index, script in enumerate(scripts)
    ]
    main_task = {"description": "d", "components": components}
    return {"task_id": f"deployed {len(scripts)}", "mode": "sectioning", "main_task": main_task}


def test_a_triggered_run_completes_with_its_artifacts(deployed: httpx.Client) -> None:
    run = run_to_its_end(deployed, "sectioning/sectioning", task("true", "echo hi"))

    body = {"artifacts": {"flow_run_id": {"any_": [run["id"]]}}}
    artifacts = deployed.post("/artifacts/filter", json=body).json()
    assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
    assert run["name"] == "sectioning: deployed 2"
    assert {row["key"] for row in artifacts} == {"plan-deployed-2", "progress-deployed-2", "report-deployed-2"}


def test_a_run_with_a_failed_section_is_failed(deployed: httpx.Client) -> None:
    run = run_to_its_end(deployed, "execute/execute", task("true", "exit 1", "true"))

    assert run["state"]["type"] == "FAILED"
    assert "s1" in run["state"]["message"]
