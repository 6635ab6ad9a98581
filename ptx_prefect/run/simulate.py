"""What a plan would take: the real ready queue on a clock that costs nothing."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.run.ready import ReadyQueue, remaining_paths


@dataclass(frozen=True, slots=True)
class Simulated:
    """``makespan_s``: from the first start to the last end. ``spans``: (section, start, end, worker index)."""

    makespan_s: float
    spans: tuple[tuple[str, float, float, int], ...]


def simulate(
    after: Mapping[str, Sequence[str]],
    seconds: Mapping[str, float],
    *,
    workers: int,
    overhead_s: float = 0.0,
    estimates: Mapping[str, float] | None = None,
    priority: Mapping[str, float] | None = None,
) -> Simulated:
    """Run the plan in simulation.

    Args:
        after: section to its prerequisites.
        seconds: how long each section takes.
        workers: how many run at once.
        overhead_s: added to every section (dispatch and start-up).
        estimates: what the scheduler believes, where that differs from ``seconds``.
        priority: remaining path of each section, where the caller knows it already.
    """
    if priority is None:
        priority = remaining_paths(after, seconds if estimates is None else estimates)
    queue = ReadyQueue(after, priority)
    free = list(range(workers))
    running: list[tuple[float, str, int]] = []
    spans: list[tuple[str, float, float, int]] = []
    now = 0.0
    while queue.is_active:
        for name in queue.get_ready(len(free)):
            worker = heapq.heappop(free)
            end = now + seconds.get(name, 0.0) + overhead_s
            heapq.heappush(running, (end, name, worker))
            spans.append((name, now, end, worker))
        now, name, worker = heapq.heappop(running)
        heapq.heappush(free, worker)
        queue.done(name)
    return Simulated(makespan_s=now, spans=tuple(spans))


def lower_bound(after: Mapping[str, Sequence[str]], seconds: Mapping[str, float], *, workers: int) -> float:
    """No schedule beats this: max(critical path, work / workers), in seconds."""
    paths = remaining_paths(after, seconds)
    return max(max(paths.values(), default=0.0), sum(seconds.get(name, 0.0) for name in after) / workers)
