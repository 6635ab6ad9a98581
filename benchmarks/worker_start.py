"""What it costs to start one section: ours against a plain ``subprocess.run`` of the same work, median of many.

    python benchmarks/worker_start.py [--repeat 20]

Ours keeps a deadline, a heartbeat and a memory limit over the whole process tree, measures it, and leaves nothing
behind; the plain call does none of that. ``ratio`` is ours divided by the plain call for a Python function in a process
of its own, which is what most sections are; below 1 it is cheaper although it does more. CPU seconds of the work are
compared, as wall time on a shared machine says little; the supervisor's own CPU is in our wall time only.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ptx_prefect.run.outcomes import Done
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job

MODULE = "def answer():\n    return {'answer': 42}\n"
TEST = "def test_one():\n    pass\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=20)
    repeat = parser.parse_args().repeat
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as folder:
        place = Path(folder)
        (place / "job.py").write_text(MODULE)
        (place / "test_one.py").write_text(TEST)
        python = [sys.executable, "-c", "import json, job; print(json.dumps(job.answer()))"]
        tests = [sys.executable, "-m", "pytest", "-q", "test_one.py"]
        figures: dict[str, Any] = {}
        pairs: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
            "command": (lambda: _ours("command", {"argv": ["true"]}, place), lambda: _plain(["true"], place)),
            "callable": (lambda: _ours("callable", {"target": "job:answer"}, place), lambda: _plain(python, place)),
            "pytest": (
                lambda: _ours("pytest", {"args": ["."], "tests": ["test_one.py"]}, place),
                lambda: _plain(tests, place),
            ),
        }
        for kind, (ours, plain) in pairs.items():
            ours()  # Starts the spawner, once a run.
            rows = [(_timed(ours), _timed(plain)) for _ in range(repeat if kind != "pytest" else max(3, repeat // 4))]
            figures |= _figures(kind, rows)
    figures["ratio"] = figures["callable_cpu_ratio"]
    print(json.dumps(figures))


def _figures(kind: str, rows: list[tuple[tuple[float, float], tuple[float, float]]]) -> dict[str, float]:
    ours_wall, ours_cpu = (statistics.median(row[0][part] for row in rows) for part in (0, 1))
    plain_wall, plain_cpu = (statistics.median(row[1][part] for row in rows) for part in (0, 1))
    print(
        f"{kind:9} ours {ours_wall * 1000:7.1f} ms, work {ours_cpu * 1000:7.1f} ms CPU"
        f"   plain {plain_wall * 1000:7.1f} ms, {plain_cpu * 1000:7.1f} ms CPU"
    )
    return {
        f"{kind}_ours_ms": round(ours_wall * 1000, 1),
        f"{kind}_plain_ms": round(plain_wall * 1000, 1),
        f"{kind}_wall_ratio": round(ours_wall / plain_wall, 3),
        f"{kind}_cpu_ratio": round(ours_cpu / plain_cpu, 3),
    }


def _timed(work: Callable[[], float]) -> tuple[float, float]:
    began = time.perf_counter()
    cpu_s = work()
    return time.perf_counter() - began, cpu_s


def _ours(kind: str, config: dict[str, Any], place: Path) -> float:
    job = Job("bench", "", config, place, place / "bench.log", place / "state", deadline_s=60, heartbeat_s=30)
    outcome = worker_for(kind).run(job, beat=lambda text: None)
    assert isinstance(outcome, Done), outcome
    return outcome.usage.cpu_s or 0.0


def _plain(argv: list[str], place: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, cwd=place, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
