"""One Prefect server for the whole campaign: starting one takes many seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.campaign import Campaign
from tests.e2e.programs import free_port

START_S = 600


class Server:
    """A Prefect server on a port of its own that can go away and come back."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}/api"

    def start(self) -> None:
        """Up, and answering."""
        env = {**os.environ, "PREFECT_HOME": str(self._home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
        env.pop("PREFECT_API_URL", None)
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self._port)]
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=env, stdout=null, stderr=null)
        deadline = time.monotonic() + START_S
        while not self._answers():
            assert time.monotonic() < deadline, "the Prefect server did not come up"
            time.sleep(0.3)

    def stop(self) -> None:
        """Gone at once, without a goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def campaign(tmp_path: Path, server: Server) -> Iterator[Callable[[str], Campaign]]:
    """Makes campaigns; prints what they counted at the end."""
    made: list[Campaign] = []

    def make(mark: str) -> Campaign:
        made.append(Campaign(tmp_path / f"campaign{len(made)}", server.url, mark))
        return made[-1]

    yield make
    for one in made:
        print("counted:", one.told())
