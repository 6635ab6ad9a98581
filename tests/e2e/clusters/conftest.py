"""A Prefect server and clusters for the tests behind the marker ``clusters``; started once each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, check: Callable[[], Any], *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = check()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"no {what} after {seconds} s")


@contextmanager
def program(argv: list[str], log: Path, *, env: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program with everything it starts, ended with the block."""
    with log.open("ab") as stream:
        process = subprocess.Popen(argv, env=env, stdout=stream, stderr=stream, start_new_session=True, cwd=cwd)
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(15)
                break
            except ProcessLookupError:
                process.wait()
                break
            except subprocess.TimeoutExpired:
                continue


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
    with program(argv, home / "server.log", env=env, cwd=home):
        url = f"{env['PREFECT_API_URL']}/health"
        wait_for("server", lambda: urllib.request.urlopen(url, timeout=5).status == 200, seconds=180)
        yield env


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with prefect_server(tmp_path_factory.mktemp("prefect")) as env:
        yield env
