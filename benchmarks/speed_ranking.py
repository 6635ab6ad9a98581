"""Are two programs of known speed ratio ranked right, while another process loads the machine?

usage: python benchmarks/speed_ranking.py [--pairs 50] [--idle]

The true ratio is by construction: both programs run the same loop, one of them so many times more. The JSON line at
the end gives, for each ratio, the percentage of pairs in the right order, beside the first repetition of each alone
(``single``).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys

from ptx_prefect.settings import state_dir
from ptx_prefect.vote import Candidate, Sandbox
from ptx_prefect.vote.criteria import cost_s
from ptx_prefect.vote.measure import Workload, time_candidates

RATIOS = (1.2, 2.0, 10.0)
BODIES = (
    "total += i * i",
    "total += len(str(i))",
    "total ^= hash((i, total))",
    "total += sorted([3, i, 2])[0]",
    "total += {1: 2, i: 3}[i]",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=50, help="pairs for each ratio")
    parser.add_argument("--idle", action="store_true", help="put no load on the machine")
    args = parser.parse_args()
    rng = random.Random(0)
    loads = [] if args.idle else [_load() for _ in range(2)]
    try:
        with Sandbox() as sandbox:
            found = {ratio: [_is_right(ratio, rng, sandbox) for _ in range(args.pairs)] for ratio in RATIOS}
    finally:
        for load in loads:
            load.kill()
            load.wait()
    share = {str(ratio): round(100 * sum(ours for ours, _ in rows) / len(rows), 1) for ratio, rows in found.items()}
    single = {str(ratio): round(100 * sum(one for _, one in rows) / len(rows), 1) for ratio, rows in found.items()}
    print(
        json.dumps(
            {"benchmark": "speed_ranking", "right": share, "single": single, "pairs": args.pairs, "load": not args.idle}
        )
    )


def _is_right(ratio: float, rng: random.Random, sandbox: Sandbox) -> tuple[bool, bool]:
    """Whether the protocol, and one repetition, put the faster one first."""
    body = rng.choice(BODIES)
    steps = rng.choice((50, 300, 2000))
    fast, slow = (
        Candidate(name, _program(body, round(steps * times))) for name, times in (("fast", 1.0), ("slow", ratio))
    )
    field = [fast, slow] if rng.random() < 0.5 else [slow, fast]
    work = Workload("f", ("f(0)",))
    timings = time_candidates(field, work, sandbox, lock=state_dir() / "measure.lock")
    cost = {timing.candidate: cost_s(timing) for timing in timings}
    single = {timing.candidate: timing.samples_s[0] for timing in timings}
    return cost["fast"] < cost["slow"], single["fast"] < single["slow"]


def _program(body: str, steps: int) -> str:
    return f"def f(start):\n    total = start\n    for i in range({steps}):\n        {body}\n    return total\n"


def _load() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True:\n    sum(i * i for i in range(10000))"])


if __name__ == "__main__":
    main()
