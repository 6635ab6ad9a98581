"""No process outlives its section: not when the run, a supervisor, the spawner or all of them are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ptx_prefect.run.outcomes import Done, Failed
from ptx_prefect.workers import process_tree
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.process import cancel_all
from ptx_prefect.workers.protocol import Job
from ptx_prefect.workers.registry import reap_orphans

RUN = """\
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job

place = Path(sys.argv[1])
KINDS = {"command": ("command", {"argv": ["python3", "tree.py"]}), "callable": ("callable", {"target": "tree:main"})}

def section(number):
    kind, config = KINDS[sys.argv[2]]
    job = Job(f"s{number}", "", config, place, place / f"{number}.log", place / "state", 300.0)
    return worker_for(kind).run(job, beat=lambda text: None)

with ThreadPoolExecutor(3) as pool:
    list(pool.map(section, range(3)))
"""
TREE = """\
import os, signal, subprocess, sys, time

def note():
    with open("pids", "a") as stream:
        stream.write(f"{os.getpid()}\\n")

def main():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            note()
            time.sleep(600)
        os._exit(0)
    subprocess.Popen(["sh", "-c", "echo $$ >> pids; sleep 600; echo never"])
    time.sleep(600)

if __name__ == "__main__":
    main()
"""
PIDS_A_TREE = 3


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "tree.py").write_text(TREE)
    (tmp_path / "run.py").write_text(RUN)
    yield tmp_path
    for pid in _alive(tmp_path):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=["command", "callable"])
def run(request: pytest.FixtureRequest, place: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run with three sections, each with a child, a grandchild and a daemon in a session of its own."""
    process = subprocess.Popen([sys.executable, "run.py", str(place), request.param], cwd=place, env=_environment())
    _wait(lambda: len(_noted(place)) == 3 * PIDS_A_TREE)
    yield process
    process.kill()
    process.wait()


def test_killing_the_run_ends_every_tree_at_once(run: subprocess.Popen[bytes], place: Path) -> None:
    run.kill()

    _wait(lambda: _alive(place) == [])
    _wait(lambda: list((place / "state" / "children").iterdir()) == [])


def test_what_survives_run_spawner_and_supervisors_is_ended_by_the_next_run(
    run: subprocess.Popen[bytes], place: Path
) -> None:
    ours = [child.pid for child in psutil.Process(run.pid).children(recursive=True)]
    helpers = [pid for pid in ours if pid not in _noted(place) and _is_ours(pid)]
    for pid in [run.pid, *helpers]:
        os.kill(pid, signal.SIGSTOP)  # So that none of them can react to the end of another.
    for pid in [run.pid, *helpers]:
        os.kill(pid, signal.SIGKILL)
    run.wait()
    _wait(lambda: len(_alive(place)) <= 3 * (PIDS_A_TREE - 1))
    left = set(_alive(place))

    reaped = reap_orphans(place / "state")

    assert left  # What had left its section's session and lost its supervisor: only the registry knows it.
    assert {section.section for section in reaped} == {"s0", "s1", "s2"}
    assert left <= {pid for section in reaped for pid in section.pids}
    assert _alive(place) == []
    assert list((place / "state" / "children").iterdir()) == []
    assert reap_orphans(place / "state") == ()


def test_a_run_that_lives_keeps_its_children(run: subprocess.Popen[bytes], place: Path) -> None:
    assert reap_orphans(place / "state") == ()
    assert len(_alive(place)) == 3 * PIDS_A_TREE


def test_a_killed_supervisor_is_a_lost_section_and_leaves_nothing(place: Path) -> None:
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(_section(place, ["python3", "tree.py"])))
    thread.start()
    _wait(lambda: len(_noted(place)) == PIDS_A_TREE)
    entry = json.loads(next((place / "state" / "children").glob("*.json")).read_text())
    os.kill(entry["supervisor"], signal.SIGKILL)
    thread.join()

    assert isinstance(outcome[0], Failed) and outcome[0].kind == "lost" and not outcome[0].permanent
    assert _alive(place) == []
    assert list((place / "state" / "children").iterdir()) == []


def test_a_killed_spawner_is_replaced(place: Path) -> None:
    before = _section(place, ["true"])
    spawner = next(child for child in psutil.Process().children() if "workers.spawner" in " ".join(child.cmdline()))
    spawner.kill()
    spawner.wait()

    assert isinstance(before, Done)
    assert isinstance(_section(place, ["true"]), Done)


def test_cancelling_ends_all_sections_and_later_ones_run(place: Path) -> None:
    outcomes = []
    threads = [
        threading.Thread(target=lambda n=n: outcomes.append(_section(place, ["python3", "tree.py"], name=f"c{n}")))
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    _wait(lambda: len(_noted(place)) == 3 * PIDS_A_TREE)

    assert cancel_all("stop") == 3
    for thread in threads:
        thread.join()
    assert [type(outcome).__name__ for outcome in outcomes] == ["Cancelled"] * 3
    assert _alive(place) == []
    assert isinstance(_section(place, ["true"]), Done)


def _section(place: Path, argv: list[str], *, name: str = "s") -> object:
    job = Job(name, "", {"argv": argv}, place, place / f"{name}.log", place / "state", 60.0)
    return worker_for("command").run(job, beat=lambda text: None)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).parents[3])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


def _noted(place: Path) -> list[int]:
    path = place / "pids"
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def _alive(place: Path) -> list[int]:
    return [pid for pid in _noted(place) if process_tree.started(pid) is not None]


def _is_ours(pid: int) -> bool:
    try:
        return "workers.spawner" in " ".join(psutil.Process(pid).cmdline())
    except psutil.NoSuchProcess:
        return False


def _wait(holds: Callable[[], bool], *, limit_s: float = 30.0) -> None:
    limit = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < limit, f"did not come to hold within {limit_s} s"
        time.sleep(0.02)
