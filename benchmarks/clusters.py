"""The same sections on Dask through us and as plain Dask tasks: what our side of a cluster costs.

    python benchmarks/clusters.py [--sections 60] [--seconds 1]

One LocalCluster of two workers with five threads each; 60 commands that sleep for a second. Plain Dask starts each by
`subprocess.run`; ours are sections with a limit, a log and a result that is kept. Both are timed from the first
submission to the last result, the cluster and Prefect's server being up and warm (one command each before). `ratio` is
our wall time over Dask's. Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
WORKERS, THREADS = 2, 5


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sections", type=int, default=60)
    options.add_argument("--seconds", type=float, default=1.0)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"PTX_STATE_DIR": f"{home}/state", "PREFECT_LOGGING_LEVEL": "ERROR", "PYTHONPATH": str(ROOT)}
        os.environ.setdefault("PREFECT_HOME", f"{home}/prefect")
        # A directory of its own: all of it travels, and Prefect's database changes all the time.
        Path(home, "work").mkdir()
        os.chdir(f"{home}/work")
        # One server for flow and workers: without a name each process would start its own.
        from ptx_prefect.cli.server import provide_server, wait_until_up

        server = provide_server(Path(home))
        wait_until_up(server)
        result = json.dumps(measure(chosen.sections, chosen.seconds))
        if server is not None:
            server.terminate()
            server.wait()
        print(result, flush=True)
    os._exit(0)  # Dask's nannies take seconds to end.


def measure(sections: int, seconds: float) -> dict[str, Any]:
    """Both ways on one cluster."""
    from distributed import Client, LocalCluster

    from ptx_prefect import sectioning
    from ptx_prefect.run.records import Event

    with LocalCluster(n_workers=WORKERS, threads_per_worker=THREADS, dashboard_address=None) as cluster:
        os.environ["PTX_PREFECT_TASK_RUNNER"] = "dask"
        os.environ["PTX_PREFECT_TASK_RUNNER_OPTIONS"] = json.dumps({"address": cluster.scheduler_address})
        sectioning(spec("warm", WORKERS * THREADS, 0.01))
        with Client(cluster) as client:
            plain(client, WORKERS * THREADS, 0.01)
            plain_s = plain(client, sections, seconds)
        moments: list[float] = []

        def noted(event: Event) -> None:
            if event.kind in ("section_started", "section_finished"):
                moments.append(event.at_s)

        from ptx_prefect import on_event

        with on_event(noted):
            report = sectioning(spec("timed", sections, seconds))
    ours_s = max(moments) - min(moments)
    ideal_s = seconds * -(-sections // (WORKERS * THREADS))
    return {
        "ratio": round(ours_s / plain_s, 3),
        "ours_s": round(ours_s, 2),
        "plain_dask_s": round(plain_s, 2),
        "ideal_s": ideal_s,
        "whole_flow_s": report["execution_summary"]["execution_seconds"],
        "sections": sections,
        "status": report["status"],
    }


def spec(name: str, sections: int, seconds: float) -> dict[str, Any]:
    """Sections that only wait."""
    components = [{"name": f"s{index}", "estimate_seconds": max(seconds, 0.1)} for index in range(sections)]
    return {
        "task_id": name,
        "mode": "sectioning",
        "parallelism_hint": WORKERS * THREADS,
        "worker": {"kind": "command", "argv": ["sleep", str(seconds)]},
        "main_task": {"description": "wait", "components": components},
    }


def plain(client: Any, sections: int, seconds: float) -> float:
    """The same commands as Dask tasks; wall seconds."""
    began_s = time.monotonic()
    futures = [client.submit(subprocess.run, ["sleep", str(seconds)], check=True, pure=False) for _ in range(sections)]
    client.gather(futures)
    return time.monotonic() - began_s


if __name__ == "__main__":
    main()
