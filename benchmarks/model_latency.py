"""How much of a model's waiting time is saved by asking at once: N calls of a scripted latency, one by one and by us.

    python benchmarks/model_latency.py [--calls 20] [--seconds 1.5] [--workers 10]

The peer is the same calls through the same worker, one after the other. The answers are scripted: this measures us, not
a model. Needs the `ai` extra (`make setup` has it). Last line: JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--calls", type=int, default=20)
    options.add_argument("--seconds", type=float, default=1.5, help="latency of each call")
    options.add_argument("--workers", type=int, default=10)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as scratch:
        os.environ["PTX_STATE_DIR"] = f"{scratch}/state"
        os.environ["PREFECT_HOME"] = f"{scratch}/prefect"
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
        os.chdir(scratch)
        print(json.dumps(measure(Path(scratch), chosen.calls, chosen.seconds, chosen.workers)))


def measure(scratch: Path, calls: int, seconds: float, workers: int) -> dict[str, Any]:
    """Seconds of both ways, and their ratio."""
    from ptx_prefect import sectioning
    from tests.fakes.provider import Answer, Provider

    with Provider(Answer("fine", delay_s=seconds)) as provider:
        model = {"provider": "anthropic", "model": "scripted", "base_url": provider.url, "key_env": ""}
        worker = {"kind": "chat", "model": model, "output": "text"}
        one_by_one(scratch, worker, 1)
        serial_s = one_by_one(scratch, worker, calls)
        print(f"one by one: {serial_s:.2f} s", flush=True)
        rows = [{"name": f"s{index}", "description": f"Say {index}."} for index in range(calls)]
        main_task = {"description": "d", "components": rows}
        spec = {"task_id": "latency", "mode": "sectioning", "main_task": main_task, "worker": worker}
        report = sectioning({**spec, "parallelism_hint": workers})
        at_once = provider.most_at_once
    summary, metrics = report["execution_summary"], report["performance_metrics"]
    dispatch_s = max(row["end_s"] for row in metrics["timeline"])
    return {
        "calls": calls,
        "latency_s": seconds,
        "workers": workers,
        "serial_s": round(serial_s, 2),
        "parallel_s": round(dispatch_s, 2),
        "whole_flow_s": summary["execution_seconds"],
        "speedup": round(serial_s / dispatch_s, 2),
        "speedup_whole_flow": round(serial_s / summary["execution_seconds"], 2),
        "most_at_once_at_the_provider": at_once,
    }


def one_by_one(scratch: Path, worker: dict[str, Any], calls: int) -> float:
    """Seconds of the same calls in a plain loop."""
    from ptx_prefect.workers.known import worker_for
    from ptx_prefect.workers.protocol import Job

    config = {key: value for key, value in worker.items() if key != "kind"}
    began = time.monotonic()
    for index in range(calls):
        job = Job(
            f"s{index}", f"Say {index}.", config, scratch, scratch / "log.txt", scratch / "state", deadline_s=60.0
        )
        worker_for("chat").run(job, beat=lambda _: None)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
