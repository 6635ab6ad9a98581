"""A Prefect server and clusters for the tests behind the marker ``clusters``; started once each."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.programs import free_port, program, wait_for

ROOT = Path(__file__).parents[3]


@contextmanager
def prefect_server(home: Path, **settings: str) -> Iterator[dict[str, str]]:
    """A server of its own; yields the environment in which it is used."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PREFECT_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}
    env |= {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "DO_NOT_TRACK": "1"}
    env |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    # A machine with much else to do is no failure of a network.
    env |= {f"DASK_DISTRIBUTED__COMM__TIMEOUTS__{kind}": "300s" for kind in ("CONNECT", "TCP")}
    argv = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    # A Ray of somebody else's on this machine would be joined.
    with (
        TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as env["RAY_TMPDIR"],
        program(argv, home / "server.log", env=env, cwd=home),
    ):
        url = f"{env['PREFECT_API_URL']}/health"
        wait_for("server", lambda: urllib.request.urlopen(url, timeout=5).status == 200, seconds=180)
        yield env


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prefect_server(tmp_path_factory.mktemp("prefect")) as env:
        yield env
