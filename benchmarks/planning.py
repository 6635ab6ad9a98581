"""How long a plan of 10,000 sections and 30,000 edges takes, and its peak memory. The last line is JSON.

python benchmarks/planning.py [--sections N] [--edges M]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from ptx_prefect.plan.make import make_plan
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sections", type=int, default=10_000)
    options.add_argument("--edges", type=int, default=30_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    task = task_of(chosen.sections, chosen.edges)
    with tempfile.TemporaryDirectory() as scratch:
        began_s = time.perf_counter()
        spec = parse_spec(task)
        parse_s = time.perf_counter() - began_s
        assert isinstance(spec, SectioningSpec)
        seconds = []
        for _ in range(chosen.rounds):
            began_s = time.perf_counter()
            plan = make_plan(spec, Settings(), state_dir=Path(scratch))
            seconds.append(time.perf_counter() - began_s)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {
        "sections": len(plan.sections),
        "edges": len(plan.edges),
        "seconds": round(statistics.median(seconds), 3),
        "parse_seconds": round(parse_s, 3),
        "memory_mb": round(memory_mb, 1),
        "waves": len(plan.waves),
    }
    print(json.dumps(found))


def task_of(sections: int, edges: int) -> dict[str, Any]:
    """A random plan: each edge leads from an earlier section to a later one."""
    chance = random.Random(7)
    after: list[set[int]] = [set() for _ in range(sections)]
    count = 0
    while count < edges:
        target = chance.randrange(1, sections)
        source = chance.randrange(max(0, target - 500), target)
        if source not in after[target]:
            after[target].add(source)
            count += 1
    components = [
        {
            "name": f"s{index}",
            "depends_on": [f"s{source}" for source in sorted(sources)],
            "estimate_seconds": round(chance.lognormvariate(0, 1) + 0.01, 3),
            "writes": [f"out/s{index}.txt"],
        }
        for index, sources in enumerate(after)
    ]
    worker = {"kind": "command", "argv": ["true"]}
    main_task = {"description": "benchmark", "components": components}
    return {"task_id": "planning", "mode": "sectioning", "worker": worker, "main_task": main_task}


if __name__ == "__main__":
    main()
