"""The fixed cost around the work: `ptx run` of three trivial sections against Prefect's hello flow, in turn.

    python benchmarks/cold_start.py [--pairs 3]

Each pair is two fresh processes: with a temporary server, then with a running one (`ptx up`). Each side has a Prefect
home of its own that has been used once before. Last line: JSON; the ratios are medians of ours over Prefect's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
HELLO = """
from prefect import flow, task

@task
def hello(name): return f"hello {name}"

@flow
def greet():
    for future in [hello.submit(name) for name in "abc"]:
        future.result()

if __name__ == "__main__":
    greet()
"""


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pairs", type=int, default=3)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as scratch:
        place = Path(scratch)
        (place / "hello.py").write_text(HELLO)
        rows = [{"name": name, "worker": {"kind": "command", "argv": ["true"]}} for name in "abc"]
        main_task = {"description": "d", "components": rows}
        (place / "task.json").write_text(json.dumps({"task_id": "t", "mode": "sectioning", "main_task": main_task}))
        found = measure(place, chosen.pairs)
    print(json.dumps({**found, "load": os.getloadavg()[0]}))


def measure(place: Path, pairs: int) -> dict[str, object]:
    """Seconds and ratios, ephemeral and with a server."""
    ephemeral = _pairs(place, _env(place), pairs, warm=True)
    kept = _env(place)
    said = _run([*_ptx(), "up"], place, kept)[1]
    url = said.split(" at ")[1].split(";")[0]
    try:
        served = _pairs(place, {**kept, "PREFECT_API_URL": f"{url}/api"}, pairs, warm=True)
    finally:
        _run([*_ptx(), "down"], place, kept)
    return {f"{key}_ephemeral": value for key, value in ephemeral.items()} | {
        f"{key}_server": value for key, value in served.items()
    }


def _pairs(place: Path, env: Mapping[str, str], pairs: int, *, warm: bool) -> dict[str, object]:
    ours, theirs = [], []
    for index in range(pairs + warm):
        began = time.monotonic()
        _run([sys.executable, "hello.py"], place, {**env, "PREFECT_HOME": str(place / "home-theirs")})
        between = time.monotonic()
        _run([*_ptx(), "run", "task.json", "--fresh"], place, env)
        ended = time.monotonic()
        print(f"prefect {between - began:.2f} s, ours {ended - between:.2f} s", flush=True)
        if index >= warm:
            theirs.append(between - began)
            ours.append(ended - between)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return {
        "ratio": round(statistics.median(ratios), 3),
        "ours_s": round(statistics.median(ours), 2),
        "prefect_s": round(statistics.median(theirs), 2),
    }


def _env(place: Path) -> dict[str, str]:
    # Installed packages have their bytecode; a checkout gets it in the first run, unless that is switched off.
    left_out = ("PREFECT", "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {
        **env,
        "PYTHONPATH": str(ROOT),
        "PREFECT_HOME": str(place / "home-ours"),
        "PTX_STATE_DIR": str(place / "state"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    }


def _ptx() -> list[str]:
    return [sys.executable, "-c", "import sys; from ptx_prefect.cli import main; sys.exit(main())"]


def _run(argv: list[str], place: Path, env: Mapping[str, str]) -> tuple[float, str]:
    began = time.monotonic()
    done = subprocess.run(argv, cwd=place, env=dict(env), capture_output=True, text=True, timeout=400, check=False)
    if done.returncode:
        raise SystemExit(f"{argv} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return time.monotonic() - began, done.stdout


if __name__ == "__main__":
    main()
