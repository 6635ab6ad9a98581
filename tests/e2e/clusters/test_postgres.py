"""Ten flows at once against a Prefect server on PostgreSQL: none lost, none mixed up."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.clusters.conftest import prefect_server
from tests.e2e.clusters.work import shell, start
from tests.e2e.programs import free_port, wait_for

pytestmark = [pytest.mark.clusters, pytest.mark.timeout(900)]

FLOWS, SECTIONS = 10, 4
SHARED = Path("/usr/share/postgresql")


@pytest.fixture(scope="module")
def on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with (
        postgres() as address,
        prefect_server(tmp_path_factory.mktemp("prefect"), PREFECT_API_DATABASE_CONNECTION_URL=address) as env,
    ):
        yield env


def programs_of_postgres() -> Path | None:
    """Where a PostgreSQL with `pg_trgm` is, which Prefect wants; the wheels with an embedded one have no extensions."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name))
    return next(
        (place for place in reversed(found) if (SHARED / place.parent.name / "extension/pg_trgm.control").exists()),
        None,
    )


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own; root, whom it refuses, starts it as `nobody`. Yields its address for Prefect."""
    programs = programs_of_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL with pg_trgm (Debian: apt-get install postgresql)")
    user = "nobody" if os.getuid() == 0 else None
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        if user is not None:
            shutil.chown(home, user)
        data = f"{home}/data"
        initdb = [programs / "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", data]
        subprocess.run(initdb, user=user, check=True, capture_output=True, cwd=home)
        argv = [programs / "postgres", "-D", data, "-p", str(port), "-k", home, "-h", "127.0.0.1"]
        with subprocess.Popen(argv, user=user, cwd=home, stderr=subprocess.DEVNULL) as process:
            try:
                wait_for(
                    "PostgreSQL", lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None, seconds=120
                )
                yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres"
            finally:
                process.send_signal(signal.SIGINT)  # "Fast": it does not wait for its clients.
                process.wait(60)


def task(number: int, root: Path) -> dict[str, Any]:
    sections = [shell(f"s{index}", f"echo flow {number} section {index}; sleep 0.5") for index in range(SECTIONS)]
    spec = {"task_id": f"flow-{number}", "mode": "sectioning", "workdir": str(root), "output_dir": str(root / "out")}
    return spec | {"main_task": {"description": f"flow {number}", "components": sections}, "parallelism_hint": 2}


def test_ten_flows_at_once_are_neither_lost_nor_mixed_up(on_postgres: dict[str, str], tmp_path: Path) -> None:
    began_s = time.monotonic()
    roots = [tmp_path / f"flow-{number}" for number in range(FLOWS)]
    running = [start(task(number, root), root, on_postgres) for number, root in enumerate(roots)]
    ended = [(process.communicate(timeout=600), process.returncode) for process in running]
    wall_s = time.monotonic() - began_s

    assert [errors[-2000:] for (_, errors), code in ended if code] == []
    for number, (root, ((said, _), _)) in enumerate(zip(roots, ended, strict=True)):
        report = json.loads(said.splitlines()[-1])
        assert (report["task_id"], report["status"]) == (f"flow-{number}", "success")
        logs = {(root / f"out/sections/s{index}/log.txt").read_text() for index in range(SECTIONS)}
        assert logs == {f"flow {number} section {index}\n" for index in range(SECTIONS)}
    with httpx.Client(base_url=on_postgres["PREFECT_API_URL"], timeout=60) as client:
        runs = client.post("/flow_runs/filter", json={"limit": 200}).json()
        tasks = settled(client, runs)
        artifacts = client.post("/artifacts/filter", json={"limit": 200}).json()
    assert {(run["name"], run["state_type"]) for run in runs} == {
        (f"sectioning: flow-{number}", "COMPLETED") for number in range(FLOWS)
    }
    names = {run["id"]: run["name"].rpartition("-")[2] for run in runs}
    assert len(runs) == FLOWS and sorted(
        (names[row["flow_run_id"]], row["name"], row["state_type"]) for row in tasks
    ) == sorted(
        (str(number), f"section: s{index}", "COMPLETED") for number in range(FLOWS) for index in range(SECTIONS)
    )
    reports = {row["key"]: row["flow_run_id"] for row in artifacts if row["key"].startswith("report-")}
    assert {key: names[run] for key, run in reports.items()} == {
        f"report-flow-{number}": str(number) for number in range(FLOWS)
    }
    print(json.dumps({"flows": FLOWS, "task_runs": len(tasks), "wall_s": round(wall_s, 1)}), file=sys.stderr)


def settled(client: httpx.Client, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The task runs, when the server has worked off what the flows told it."""
    wanted = {"task_runs": {"flow_run_id": {"any_": [run["id"] for run in runs]}}, "limit": 200}
    found: list[dict[str, Any]] = []
    for _ in range(120):
        found = client.post("/task_runs/filter", json=wanted).json()
        if len(found) == FLOWS * SECTIONS and all(row["state_type"] == "COMPLETED" for row in found):
            break
        time.sleep(1)
    return found
