"""A place to work in, and one way to run a section on any worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from ptx_prefect.run.outcomes import WorkerOutcome
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job

RunSection = Callable[..., WorkerOutcome]


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def run_section(workdir: Path, state_dir: Path) -> RunSection:
    def run(kind: str, config: dict[str, Any], **changes: Any) -> WorkerOutcome:
        beat = changes.pop("beat", lambda text: None)
        fields = {"section": "one", "description": "", "log_path": state_dir / "logs" / "one.log", "deadline_s": 60.0}
        job = Job(config=config, workdir=workdir, state_dir=state_dir, **{**fields, **changes})
        return worker_for(kind).run(job, beat=beat)

    return run


@pytest.fixture
def pids_in(workdir: Path) -> Iterator[Callable[[str], list[int]]]:
    """Numbers that processes wrote into a file of the workdir, and which of them still live."""

    def alive(name: str) -> list[int]:
        path = workdir / name
        numbers = [int(word) for word in path.read_text().split()] if path.exists() else []
        return [number for number in numbers if psutil.pid_exists(number) and _runs(number)]

    return alive


def _runs(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
