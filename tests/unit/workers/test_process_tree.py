"""What is asked about processes: the same with and without Linux's /proc, and nothing for those that are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from ptx_prefect.workers import process_tree

GONE = 2**22 + 1
"""No process has a number above the kernel's limit."""
MARK = "3" * 32


@pytest.fixture(params=[True, False], ids=["with /proc", "without"])
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(process_tree, "_HAS_PROC", False)
        monkeypatch.setattr(process_tree, "_HAS_CHILDREN", False)


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    """A shell with a child, both bearing a mark."""
    env = {**os.environ, process_tree.MARKER: MARK}
    process = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True, env=env)
    deadline = time.monotonic() + 30
    while not process_tree.descendants(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.usefixtures("_system")
def test_a_process_is_told_from_a_later_one_of_its_number(parent: subprocess.Popen[bytes]) -> None:
    assert process_tree.started(parent.pid) == process_tree.started(parent.pid) is not None
    assert process_tree.started(GONE) is None


@pytest.mark.usefixtures("_system")
def test_descendants_session_and_bearers_are_found(parent: subprocess.Popen[bytes]) -> None:
    (child,) = process_tree.descendants(parent.pid)

    assert set(process_tree.session_of(parent.pid)) == {parent.pid, child}
    assert set(process_tree.bearers([MARK])[MARK]) == {parent.pid, child}
    assert process_tree.bearers([]) == {}
    assert process_tree.descendants(GONE) == []


@pytest.mark.usefixtures("_system")
def test_what_processes_use_is_summed_and_the_gone_use_nothing(parent: subprocess.Popen[bytes]) -> None:
    cpu_s, memory_mb = process_tree.usage([os.getpid(), parent.pid, GONE])

    assert cpu_s > 0 and memory_mb > 1
    assert process_tree.usage([GONE]) == (0.0, 0.0)


@pytest.mark.usefixtures("_system")
def test_a_signal_for_a_process_that_is_gone_is_for_nobody(parent: subprocess.Popen[bytes]) -> None:
    process_tree.send([GONE, parent.pid], signal.SIGTERM)

    assert parent.wait(30) == -signal.SIGTERM


def test_shared_memory_is_counted_once() -> None:
    one, both = process_tree.proportional_mb([os.getpid()]), process_tree.proportional_mb([os.getpid(), GONE])

    assert one is None or (one > 1 and both is not None and both == pytest.approx(one, rel=0.5))
