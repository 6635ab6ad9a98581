"""How close a run comes to what no schedule can beat: ours against Prefect's own ways, waves and Dask.

    python benchmarks/schedule.py [--pairs 3] [--no-dask]

(a) Two DAGs of sleeping tasks as real Prefect tasks on 4 workers, all-in wall time of the flow against the bound
    max(critical path, work / workers): 8 chains of 4 tasks of 0.4 s, and the same with heavy-tailed durations.
(b) 200 random DAGs and 10 real-shaped ones in simulation: the longest remaining path first against FIFO and waves.

A Prefect server is started for all of it. Dask needs the `dask` extra. Last line: JSON; ``ratio`` is our worse one.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
WORKERS = 4
After = Mapping[str, Sequence[str]]
Seconds = Mapping[str, float]


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--pairs", type=int, default=3)
    options.add_argument("--no-dask", action="store_true")
    chosen = options.parse_args()
    simulated = simulate_all()
    print(json.dumps(simulated), flush=True)
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as scratch:
        os.environ["PTX_STATE_DIR"] = f"{scratch}/state"
        os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
        os.environ["PREFECT_SERVER_LOGGING_LEVEL"] = "CRITICAL"
        os.chdir(scratch)
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            real = {name: measure(name, chosen.pairs, chosen.no_dask) for name in ("equal", "heavy")}
    ratio = max(row["ours"] for row in real.values())
    print(json.dumps({"ratio": ratio, "worker_count": WORKERS, "load": os.getloadavg()[0], **real, **simulated}))


def chains(name: str) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    """8 chains of 4; work is equally 12.8 s in both."""
    names = [(chain, step) for chain in range(8) for step in range(4)]
    after = {f"c{chain}_{step}": (f"c{chain}_{step - 1}",) if step else () for chain, step in names}
    if name == "equal":
        return after, dict.fromkeys(after, 0.4)
    draw = random.Random(7)
    raw = {task: draw.paretovariate(1.3) for task in after}
    scale = 12.8 / sum(raw.values())
    return after, {task: round(value * scale, 3) for task, value in raw.items()}


def measure(name: str, pairs: int, no_dask: bool) -> dict[str, Any]:
    """Median ratio to the bound of each way, the ways taking turns."""
    from ptx_prefect.run.simulate import lower_bound

    after, seconds = chains(name)
    bound = lower_bound(after, seconds, workers=WORKERS)
    ways: dict[str, Callable[[], None]] = {
        "ours": lambda: ours(after, seconds),
        "submit_depth_first": lambda: submit(list(after), after, seconds),
        "submit_topological": lambda: submit(sorted(after, key=lambda task: task[-1]), after, seconds),
        "waves": lambda: waves(after, seconds),
    }
    if not no_dask:
        ways["dask"] = lambda: dask(after, seconds)
    ours(after, seconds)  # Imports and the server's first requests are nobody's schedule.
    walls: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(pairs):
        for way, run in ways.items():
            if way == "dask" and len(walls[way]) >= 1:
                continue
            began = time.monotonic()
            try:
                run()
            except ImportError as error:
                print(f"{way}: left out ({error})", flush=True)
                continue
            walls[way].append(time.monotonic() - began)
            print(f"{name} {way}: {walls[way][-1]:.2f} s of {bound:.2f}", flush=True)
    ratios = {way: round(statistics.median(rows) / bound, 3) for way, rows in walls.items() if rows}
    return {"bound_s": round(bound, 2), **ratios}


def ours(after: After, seconds: Seconds) -> None:
    """The sectioning flow, every run anew."""
    from ptx_prefect import sectioning

    rows = [
        {
            "name": task,
            "depends_on": list(after[task]),
            "estimate_seconds": seconds[task],
            "worker": {"kind": "callable", "target": "time:sleep", "in_process": True, "args": {}},
        }
        for task in after
    ]
    Path("sleeping.py").write_text("import time\ndef nap(seconds): time.sleep(seconds)\n")
    for row in rows:
        row["worker"] |= {"target": "sleeping:nap", "args": {"seconds": seconds[row["name"]]}}
    main_task = {"description": "sleep", "components": rows}
    task = {"task_id": "schedule", "mode": "sectioning", "main_task": main_task, "parallelism_hint": WORKERS}
    sectioning(task, fresh=True)


def _naps() -> Any:
    from prefect import task

    @task
    def nap(seconds: float) -> None:
        time.sleep(seconds)

    return nap


def submit(order: Sequence[str], after: After, seconds: Seconds, runner: Any = None) -> None:
    """Everything submitted at once, `wait_for` doing the waiting: what Prefect's documentation shows."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    nap = _naps()

    @flow(task_runner=runner or ThreadPoolTaskRunner(max_workers=WORKERS))
    def plain() -> None:
        futures: dict[str, Any] = {}
        for task in order:
            futures[task] = nap.submit(seconds[task], wait_for=[futures[item] for item in after[task]])
        for future in futures.values():
            future.wait()

    plain()


def waves(after: After, seconds: Seconds) -> None:
    """One wave after the other."""
    from prefect import flow
    from prefect.task_runners import ThreadPoolTaskRunner

    nap = _naps()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=WORKERS))
    def barriers() -> None:
        for wave in waves_of(after):
            for future in [nap.submit(seconds[task]) for task in wave]:
                future.wait()

    barriers()


def dask(after: After, seconds: Seconds) -> None:
    """A local Dask cluster; its start counts, as ours does."""
    from prefect_dask import DaskTaskRunner

    runner = DaskTaskRunner(cluster_kwargs={"n_workers": 1, "threads_per_worker": WORKERS, "processes": False})
    submit(sorted(after, key=lambda task: task[-1]), after, seconds, runner)


def waves_of(after: After) -> list[list[str]]:
    """Layers by the longest path from the start."""
    depth: dict[str, int] = {}
    for task in after:  # Every DAG here is in topological order.
        depth[task] = 1 + max((depth[item] for item in after[task]), default=-1)
    found: list[list[str]] = [[] for _ in range(1 + max(depth.values()))]
    for task, level in depth.items():
        found[level].append(task)
    return found


def simulate_all() -> dict[str, Any]:
    """Ratios to the bound in simulation, and how often another order was better than ours."""
    from ptx_prefect.run.simulate import lower_bound
    from ptx_prefect.run.simulate import simulate as ours_simulated

    ratios, fifo_ratios, wave_ratios, worse = [], [], [], 0
    dags = [random_dag(seed) for seed in range(200)] + real_dags()
    for index, (after, seconds) in enumerate(dags):
        workers = (2, 4, 8, 10)[index % 4]
        bound = lower_bound(after, seconds, workers=workers)
        mine = ours_simulated(after, seconds, workers=workers).makespan_s
        fifo = fifo_simulated(after, seconds, workers)
        barrier = sum(
            _pack(sorted((seconds[task] for task in wave), reverse=True), workers) for wave in waves_of(after)
        )
        ratios.append(mine / bound)
        fifo_ratios.append(fifo / bound)
        wave_ratios.append(barrier / bound)
        worse += mine > min(fifo, barrier) * (1 + 1e-9)
    return {
        "simulated_mean": round(statistics.mean(ratios), 4),
        "simulated_worst": round(max(ratios), 3),
        "simulated_fifo_mean": round(statistics.mean(fifo_ratios), 4),
        "simulated_waves_mean": round(statistics.mean(wave_ratios), 4),
        "simulated_worse_than_a_peer": worse,
        "simulated_dags": len(dags),
    }


def _pack(seconds: Sequence[float], workers: int) -> float:
    ends = [0.0] * workers
    for value in seconds:
        heapq.heappush(ends, heapq.heappop(ends) + value)
    return max(ends)


def fifo_simulated(after: After, seconds: Seconds, workers: int) -> float:
    """Ready tasks in the order in which they became ready."""
    missing = {task: len(set(items)) for task, items in after.items()}
    dependents: dict[str, list[str]] = {task: [] for task in after}
    for task, items in after.items():
        for item in set(items):
            dependents[item].append(task)
    ready = [task for task, count in missing.items() if count == 0]
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            task = ready.pop(0)
            heapq.heappush(running, (now + seconds[task], task))
        now, ended = heapq.heappop(running)
        for task in dependents[ended]:
            missing[task] -= 1
            if missing[task] == 0:
                ready.append(task)
    return now


def random_dag(seed: int) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    """100–1,000 nodes, edges backwards to near ones, durations with a heavy tail."""
    draw = random.Random(seed)
    count = draw.randint(100, 1000)
    density, near = draw.uniform(0.3, 3.0), draw.randint(10, 200)
    after: dict[str, tuple[str, ...]] = {}
    for index in range(count):
        reach = range(max(0, index - near), index)
        wanted = min(len(reach), int(draw.expovariate(1 / density)))
        after[f"n{index}"] = tuple(f"n{item}" for item in sorted(draw.sample(reach, wanted)))
    return after, _durations(after, draw)


def real_dags() -> list[tuple[dict[str, tuple[str, ...]], dict[str, float]]]:
    """Fork-join, map-reduce, build trees, pipelines, a stencil; two sizes of each."""
    found = []
    for size in (10, 24):
        for make in (_fork_join, _map_reduce, _build, _pipelines, _stencil):
            after = make(size)
            found.append((after, _durations(after, random.Random(size))))
    return found


def _durations(after: After, draw: random.Random) -> dict[str, float]:
    return {task: min(60.0, draw.paretovariate(1.3)) for task in after}


def _fork_join(size: int) -> dict[str, tuple[str, ...]]:
    after: dict[str, tuple[str, ...]] = {}
    join: tuple[str, ...] = ()
    for stage in range(10):
        fork = [f"f{stage}_{index}" for index in range(size)]
        after |= dict.fromkeys(fork, join)
        after[f"j{stage}"] = tuple(fork)
        join = (f"j{stage}",)
    return after


def _map_reduce(size: int) -> dict[str, tuple[str, ...]]:
    after: dict[str, tuple[str, ...]] = {f"m{index}": () for index in range(size * 10)}
    maps = tuple(after)
    after |= dict.fromkeys((f"r{index}" for index in range(size)), maps)
    after["end"] = tuple(f"r{index}" for index in range(size))
    return after


def _build(size: int) -> dict[str, tuple[str, ...]]:
    """Objects to libraries to programs to tests, libraries building on earlier ones."""
    after: dict[str, tuple[str, ...]] = {}
    for library in range(size):
        objects = [f"o{library}_{index}" for index in range(8)]
        after |= dict.fromkeys(objects, ())
        below = (f"l{(library - 1) // 2}",) if library else ()
        after[f"l{library}"] = (*objects, *below)
        after |= dict.fromkeys((f"t{library}_{index}" for index in range(3)), (f"l{library}",))
    return after


def _pipelines(size: int) -> dict[str, tuple[str, ...]]:
    rows = [(line, step) for line in range(size) for step in range(12)]
    return {f"p{line}_{step}": (f"p{line}_{step - 1}",) if step else () for line, step in rows}


def _stencil(size: int) -> dict[str, tuple[str, ...]]:
    after: dict[str, tuple[str, ...]] = {}
    for row in range(14):
        for column in range(size):
            near = [item for item in (column - 1, column, column + 1) if 0 <= item < size]
            after[f"s{row}_{column}"] = tuple(f"s{row - 1}_{item}" for item in near) if row else ()
    return after


if __name__ == "__main__":
    main()
