"""networkx's own suite: serially, by pytest-xdist, and by us, in one run. Needs the `bench` extra (`make bench`).

    python benchmarks/test_suite.py [--rounds N] [--skip-serial]

Ours has two workers and is run twice a round: with a state directory of its own that is empty (`first_s`,
`ratio_first`: what a user's very first run takes, in which nothing is known of any test), then with the durations that
this run has taught, results not reused (`ours_s`, `ratio`). The fixed cost of starting Prefect is shown apart: seconds
are from the flow's start to its report, and `…all_in` is the whole command.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SUITE = ["--pyargs", "networkx"]
SPEC = {
    "task_id": "benchmark",
    "mode": "sectioning",
    "main_task": {"description": "networkx's own tests", "level": "test", "suite": {"args": SUITE}},
    "parallelism_hint": 2,
    "timeout_seconds": 600,
}


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=1, help="how often each is run; medians are quoted")
    options.add_argument("--skip-serial", action="store_true", help="leave the serial run out")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as scratch:
        print(json.dumps(measure(Path(scratch), rounds=chosen.rounds, with_serial=not chosen.skip_serial)))


def measure(scratch: Path, *, rounds: int, with_serial: bool) -> dict[str, Any]:
    """Run everything; seconds and ratios."""
    rows: list[dict[str, float]] = []
    for number in range(1, rounds + 1):
        row: dict[str, float] = {}
        state = scratch / f"round-{number}"
        state.mkdir()
        row["first_s"], row["first_all_in_s"], counts = ours(state)
        row["xdist_s"], xdist_counts = pytest(scratch, ["-n", "2", "--dist", "worksteal"])
        row["ours_s"], row["all_in_s"], later_counts = ours(state)
        if with_serial:
            row["serial_s"], serial_counts = pytest(scratch, [])
            if serial_counts != counts:
                raise SystemExit(f"ours counts {counts}, the serial run {serial_counts}")
        if not xdist_counts == later_counts == counts:
            raise SystemExit(f"ours counts {counts} first, then {later_counts}, xdist {xdist_counts}")
        rows.append(row)
        print(f"round {number}: {row} {counts}", flush=True)
    found = {key: round(statistics.median(row[key] for row in rows), 2) for key in rows[0]}
    return {
        **found,
        "prefect_start_s": round(found["all_in_s"] - found["ours_s"], 2),
        "ratio": ratio(rows, "ours_s"),
        "ratio_all_in": ratio(rows, "all_in_s"),
        "ratio_first": ratio(rows, "first_s"),
        "ratio_first_all_in": ratio(rows, "first_all_in_s"),
        "counts": counts,
    }


def ratio(rows: list[dict[str, float]], key: str) -> float:
    """Over pytest-xdist's time, round by round."""
    return round(statistics.median(row[key] / row["xdist_s"] for row in rows), 3)


def pytest(scratch: Path, options: list[str]) -> tuple[float, dict[str, int]]:
    """Seconds and counts of one run of pytest itself."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *SUITE]
    began_s = time.monotonic()
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began_s
    last = done.stdout.strip().splitlines()[-1]
    return seconds, {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|xfailed)", last)}


def ours(scratch: Path) -> tuple[float, float, dict[str, int]]:
    """Seconds of the flow, seconds of the whole command, and counts."""
    spec = scratch / "spec.json"
    spec.write_text(json.dumps(SPEC))
    env = {
        **os.environ,
        "PTX_STATE_DIR": str(scratch / "state"),
        "PREFECT_HOME": str(scratch / "prefect"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "ptx_prefect", "run", str(spec), "--fresh", "--json"]
    began_s = time.monotonic()
    done = subprocess.run(command, cwd=scratch, env=env, stdout=subprocess.PIPE, text=True, check=False)
    all_in_s = time.monotonic() - began_s
    report = json.loads(done.stdout)
    tests = report["results"]["tests"]
    counts = {word: tests[word] for word in ("passed", "failed", "skipped", "xfailed") if tests[word]}
    return report["execution_summary"]["execution_seconds"], all_in_s, counts


if __name__ == "__main__":
    main()
