"""One server, one worker and our deployments for all tests here: a server takes many seconds to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.prefect_ui.served import Served
from tests.e2e.programs import end_group


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("prefect"))
    served.start()
    try:
        yield served
    finally:
        served.client.close()
        served.stop()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where runs of the worker start."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="package")
def deployed(server: Served, place: Path) -> Iterator[Served]:
    """The server with sectioning, voting and execute on it, by `ptx deploy`, and a worker that runs them."""
    done = server.ptx("deploy", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    worker = server.start_worker(place)
    try:
        yield server
    finally:
        end_group(worker)
