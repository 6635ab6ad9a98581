"""Timings rank by true speed; capped, lying and inconsistent candidates count as slowest."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ptx_prefect.vote import Candidate, Sandbox
from ptx_prefect.vote.measure import Protocol, Workload, time_candidates

STEPS = "def f(x):\n    for _ in range({}):\n        x += 1\n    return x\n"


def times(sources: dict[str, str], sandbox: Sandbox, **more: object) -> dict[str, float]:
    field = [Candidate(name, source) for name, source in sources.items()]
    work = Workload("f", ("f(1)", "f(2)"), **more)  # type: ignore[arg-type]
    return {one.candidate: one.thread_s for one in time_candidates(field, work, sandbox)}


def test_twice_the_work_takes_longer(sandbox: Sandbox) -> None:
    found = times({"slow": STEPS.format(2000), "fast": STEPS.format(1000)}, sandbox)

    assert found["fast"] < found["slow"] < math.inf


def test_waiting_counts(sandbox: Sandbox) -> None:
    lazy = "import time\ndef f(x):\n    time.sleep(0.01)\n    return x"
    found = times({"lazy": lazy, "busy": STEPS.format(1000)}, sandbox)

    assert found["lazy"] >= 0.02


def test_setup_is_not_timed_and_statements_can_be(sandbox: Sandbox) -> None:
    field = [Candidate("one", STEPS.format(10))]
    work = Workload("f", ("y = f(DATA)",), setup="DATA = sum(range(3_000_000))")
    (timing,) = time_candidates(field, work, sandbox)

    assert not timing.capped and timing.thread_s < 0.01


def test_one_that_takes_too_long_is_capped(sandbox: Sandbox) -> None:
    field = [Candidate("endless", "def f(x):\n    while x:\n        pass"), Candidate("fine", STEPS.format(10))]
    timings = time_candidates(field, Workload("f", ("f(1)",)), sandbox, protocol=Protocol(cap_s=0.1))

    assert [one.capped for one in timings] == [True, False]


def test_one_that_answers_something_else_when_timed_is_slowest(sandbox: Sandbox) -> None:
    cheat = "SEEN = []\ndef f(x):\n    SEEN.append(x)\n    return x + 100 if len(SEEN) <= 2 else 0"
    keys = {"cheat": ("101", "102"), "fair": ("101", "102")}
    found = times({"cheat": cheat, "fair": STEPS.format(100)}, sandbox, keys=keys)

    assert found["cheat"] == math.inf
    assert found["fair"] < math.inf


@pytest.mark.parametrize(
    "lie",
    [
        "import time\ntime.thread_time = time.perf_counter = lambda: 0.0\n",
        "import sys\nfor m in list(sys.modules.values()):\n    for n in ('_wall_s', '_thread_s'):\n"
        "        if hasattr(m, n):\n            setattr(m, n, lambda: 0.0)\n",
    ],
)
def test_one_that_stops_the_clocks_does_not_look_faster(lie: str, sandbox: Sandbox) -> None:
    found = times({"liar": lie + STEPS.format(5000), "fair": STEPS.format(1000)}, sandbox)

    assert found["fair"] < found["liar"]


def test_measurements_exclude_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    """A second one waits as long as the first holds the lock; here it is free again at once."""
    field = [Candidate("one", STEPS.format(10))]
    lock = tmp_path / "deep" / "measure.lock"
    for _ in range(2):
        (timing,) = time_candidates(field, Workload("f", ("f(1)",)), sandbox, lock=lock)
        assert not timing.capped
    assert lock.exists()
