"""A real Prefect server with our deployments on it, and a real process worker; what tests ask of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.programs import end_group, free_port, start, wait_for

ROOT = Path(__file__).parents[3]
PREFECT = [sys.executable, "-m", "prefect", "--no-prompt"]
PTX = [sys.executable, "-m", "ptx_prefect"]
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Served:
    """One server. It may be stopped and started again with the same data on the same port."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env: dict[str, str] = {
            **os.environ,
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"{self.url}/api",
            # The UI's files are copied there: a run of the tests never writes into the installed package.
            "PREFECT_UI_STATIC_DIRECTORY": str(home / "ui"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            # On a busy machine the database is waited for rather than given up.
            "PREFECT_SERVER_DATABASE_TIMEOUT": "60",
            "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT": "60",
            "DO_NOT_TRACK": "1",
            "PTX_STATE_DIR": str(home / "state"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        self.client = httpx.Client(base_url=self.env["PREFECT_API_URL"], timeout=30)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        self._process = start(command, self.home / "server.log", env=self.env, cwd=self.home)
        wait_for("server", lambda: self.client.get("/health").status_code == 200, seconds=180)

    def stop(self) -> None:
        if self._process is not None:
            end_group(self._process)
            self._process = None

    def start_worker(self, cwd: Path, pool: str = "ptx") -> subprocess.Popen[bytes]:
        return start([*PREFECT, "worker", "start", "--pool", pool], cwd / "worker.log", env=self.env, cwd=cwd)

    def ptx(self, *args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*PTX, *args], env=self.env, cwd=cwd, capture_output=True, text=True, check=False)

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/deployments/name/{name}").raise_for_status().json()
        return found

    def trigger(self, name: str, spec: Any) -> dict[str, Any]:
        """A new run of a deployment."""
        place = f"/deployments/{self.deployment(name)['id']}/create_flow_run"
        found: dict[str, Any] = self.post(place, {"parameters": {"spec": spec}})
        return found

    def post(self, place: str, body: Mapping[str, Any]) -> Any:
        """What the server answers; 503 says that its database is busy, and is waited for."""

        def answered() -> httpx.Response | None:
            answer = self.client.post(place, json=body)
            return answer if answer.status_code != 503 else None

        return wait_for(f"answer to {place}", answered, seconds=90).raise_for_status().json()

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/flow_runs/{run_id}").raise_for_status().json()
        return found

    def in_state(self, run_id: str, *types: str, seconds: float = 180) -> dict[str, Any]:
        def reached() -> Any:
            found = self.run(run_id)
            return found if found["state"]["type"] in types else None

        try:
            found: dict[str, Any] = wait_for("/".join(types), reached, seconds=seconds)
        except TimeoutError as error:
            raise AssertionError(f"{error}; it is {self.run(run_id)['state']}") from None
        return found

    def run_to_its_end(self, name: str, spec: Any) -> dict[str, Any]:
        return self.in_state(self.trigger(name, spec)["id"], *ENDED)

    def runs_of(self, deployment_id: str) -> list[dict[str, Any]]:
        body = {"deployments": {"id": {"any_": [deployment_id]}}, "sort": "START_TIME_ASC"}
        found: list[dict[str, Any]] = self.post("/flow_runs/filter", body)
        return found

    def artifacts_of(self, run_id: str) -> Mapping[str, dict[str, Any]]:
        rows = self.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run_id]}}})
        return {row["key"]: row for row in rows if row["key"]}


def task(task_id: str, *scripts: str, **keys: Any) -> dict[str, Any]:
    components = [
        {"name": f"s{index}", "worker": {"kind": "command", "argv": ["sh", "-c", script]}}
        for index, script in enumerate(scripts)
    ]
    main_task = {"description": "d", "components": components}
    return {"task_id": task_id, "mode": "sectioning", "main_task": main_task, **keys}


def clashing_task(task_id: str, folder: Path, **keys: Any) -> dict[str, Any]:
    """Two sections that change one line in two ways."""
    base = folder / "base"
    base.mkdir(parents=True, exist_ok=True)
    (base / "app.py").write_text('def greet(name):\n    return "hello " + name\n')
    return task(
        task_id,
        "sed -i s/hello/moin/ app.py",
        "sed -i s/hello/servus/ app.py",
        base=str(base),
        output_dir=str(folder / "out"),
        review="pause",
        **keys,
    )
