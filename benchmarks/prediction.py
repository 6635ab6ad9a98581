"""How near the plan's predicted makespan comes to the measured one, on the example that runs networkx's tests.

    python benchmarks/prediction.py [--spec examples/test_suite.json] [--state DIR] [--learned]

One run teaches the durations (left out with ``--learned``, for a state directory that has them), then the plan is
made, then a run that reuses no result is measured: from the first section's start to the last one's end. The JSON
line last: ``predicted_s``, ``measured_s`` and ``error``, the difference as a share of what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spec", type=Path, default=ROOT / "examples/test_suite.json")
    options.add_argument("--state", type=Path, help="where history is kept; default: a directory that is thrown away")
    options.add_argument("--learned", action="store_true", help="the state directory knows the durations already")
    options.add_argument("--only-learn", action="store_true", help="stop after the first run")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptx-prediction-") as scratch:
        state = chosen.state or Path(scratch)
        if not chosen.learned:
            print(f"learning: {measured_s(chosen.spec, state, Path(scratch)):.1f} s", flush=True)
        if chosen.only_learn:
            return
        planned = json.loads(ptx(["plan", "--fresh", "--json", str(chosen.spec)], state, Path(scratch)))
        took_s = measured_s(chosen.spec, state, Path(scratch))
    predicted_s = planned["predicted_makespan_s"]
    print(
        json.dumps(
            {
                "sections": len(planned["sections"]),
                "workers": planned["workers"],
                "predicted_s": round(predicted_s, 2),
                "measured_s": round(took_s, 2),
                "error": round(abs(predicted_s - took_s) / took_s, 3),
            }
        )
    )


def measured_s(spec: Path, state: Path, scratch: Path) -> float:
    """Seconds from the first section's start to the last one's end."""
    lines = ptx(["run", "--fresh", "--jsonl", str(spec)], state, scratch).splitlines()
    events: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]
    begun = [event["at_s"] for event in events if event.get("event") == "section_started"]
    ended = [event["at_s"] for event in events if event.get("event") == "section_finished"]
    if not ended or len(begun) != len(ended):
        sys.exit(f"the run started {len(begun)} sections and finished {len(ended)}")
    return float(max(ended) - min(begun))


def ptx(arguments: list[str], state: Path, scratch: Path) -> str:
    """What a command prints; its own state, Prefect's apart from the user's."""
    environment = {**os.environ, "PTX_STATE_DIR": str(state), "PREFECT_HOME": str(scratch / "prefect")}
    command = [sys.executable, "-c", "from ptx_prefect.cli import main; main()", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: sections failed
        sys.exit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    main()
