"""What a section costs beside its work: no-op sections, ours (batched and not) against Prefect's own `submit`.

    python benchmarks/overhead.py [--sizes 100,1000,5000] [--memory 10000]

Every figure comes from a fresh process with a fresh server: wall time of one flow, CPU time of client and server until
both have nothing left to do, peak memory. Most of the server's work comes after the flow has ended, and so does much of
the client's: a thread of Prefect's sends the states of task runs, and of 5,000 tasks submitted at once most are unsent
when their flow returns (a script pays for them before it can exit). `client_cpu_ms_at_return` leaves that out; it
compares only where both sides have sent equally much. `ratio` is client and server CPU of ours, batched, over
Prefect's at the largest size; `client_ratio_unbatched` is per size. 5,000 tasks keep Prefect's server busy for some
minutes. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
WORKERS = 4
IDLE_SHARE = 0.08
"""A server that uses less of a core than this has drained: its services tick for ever."""


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sizes", default="100,1000,5000")
    options.add_argument("--memory", type=int, default=10_000, help="sections of the run whose memory counts; 0: none")
    options.add_argument("--child", nargs=2, metavar=("WAY", "COUNT"), help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.child:
        print(json.dumps(measure(chosen.child[0], int(chosen.child[1]))))
        return
    sizes = [int(size) for size in chosen.sizes.split(",")]
    rows = {size: {way: in_child(way, size) for way in ("prefect", "unbatched", "batched")} for size in sizes}
    last = rows[sizes[-1]]
    result: dict[str, Any] = {
        "ratio": round(last["batched"]["cpu_s"] / last["prefect"]["cpu_s"], 3),
        "client_ratio_unbatched": {size: _ratio(row, "client_cpu_s") for size, row in rows.items()},
        "client_ratio_unbatched_at_return": {
            size: _ratio(row, "client_cpu_ms_at_return") for size, row in rows.items()
        },
        "sections": sizes[-1],
        "rows": rows,
    }
    if chosen.memory:
        result["peak_mb_at"] = {chosen.memory: in_child("batched", chosen.memory)["peak_mb"]}
    print(json.dumps(result))


def _ratio(row: dict[str, dict[str, float]], figure: str) -> float:
    return round(row["unbatched"][figure] / row["prefect"][figure], 2)


def in_child(way: str, count: int) -> dict[str, float]:
    """One measurement in a fresh process."""
    argv = [sys.executable, __file__, "--child", way, str(count)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=3600, check=False)
    if done.returncode:
        raise SystemExit(f"{way} {count}: {done.stderr[-4000:]}")
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{way} {count}: {row}", flush=True)
    return row


def measure(way: str, count: int) -> dict[str, float]:
    """Run one flow of ``count`` no-op sections or tasks."""
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as scratch:
        os.environ["PTX_STATE_DIR"] = f"{scratch}/state"
        os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
        os.environ["PREFECT_SERVER_LOGGING_LEVEL"] = "CRITICAL"
        os.chdir(scratch)
        Path("nothing.py").write_text("def noop(): return None\n")
        from prefect.testing.utilities import prefect_test_harness

        run = _plain if way == "prefect" else _ours
        if way == "unbatched":
            from ptx_prefect.run import batches

            batches.TINY_S = 0.0
        with prefect_test_harness(server_startup_timeout=300):
            server = _server()
            run(5)
            _drained(server)
            return _measured(run, count, server)


def _measured(run: Callable[[int], None], count: int, server: psutil.Process) -> dict[str, float]:
    server_began = _cpu_of(server)
    began, cpu_began = time.monotonic(), time.process_time()
    run(count)
    wall, at_return = time.monotonic() - began, time.process_time() - cpu_began
    served = _drained(server) - server_began
    cpu = time.process_time() - cpu_began
    return {
        "client_ms_a_section": round(1000 * wall / count, 2),
        "client_cpu_ms_at_return": round(1000 * at_return / count, 2),
        "client_cpu_ms_a_section": round(1000 * cpu / count, 2),
        "server_cpu_ms_a_section": round(1000 * served / count, 2),
        "client_cpu_s": round(cpu, 2),
        "cpu_s": round(cpu + served, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def _plain(count: int) -> None:
    from prefect import flow, task
    from prefect.task_runners import ThreadPoolTaskRunner

    @task
    def noop() -> None:
        return None

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=WORKERS))
    def plain() -> None:
        for future in [noop.submit() for _ in range(count)]:
            future.wait()

    plain()


def _ours(count: int) -> None:
    from ptx_prefect import sectioning

    worker = {"kind": "callable", "target": "nothing:noop", "in_process": True}
    main_task = {"description": "d", "components": [{"name": f"s{count}-{index}"} for index in range(count)]}
    task = {"task_id": "overhead", "mode": "sectioning", "main_task": main_task, "worker": worker}
    report = sectioning({**task, "parallelism_hint": WORKERS})
    if len(report["results"]["completed_sections"]) != count:
        raise SystemExit("not every section has its result")


def _server() -> psutil.Process:
    return next(child for child in psutil.Process().children(recursive=True) if "uvicorn" in " ".join(child.cmdline()))


def _cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _drained(server: psutil.Process, *, window_s: float = 3.0) -> float:
    """CPU seconds of the server once it has nothing left to do."""
    while True:
        before = _cpu_of(server)
        time.sleep(window_s)
        now = _cpu_of(server)
        if now - before < IDLE_SHARE * window_s:
            return now


if __name__ == "__main__":
    main()
