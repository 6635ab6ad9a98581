"""What a plan would take: the real ready queue on a clock that costs nothing."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

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
    """Run the plan in simulation, in the order that :func:`best_priority` gives.

    Args:
        after: section to its prerequisites.
        seconds: how long each section takes.
        workers: how many run at once.
        overhead_s: added to every section (dispatch and start-up).
        estimates: what the scheduler believes, where that differs from ``seconds``.
        priority: of each section, where the caller has one already.
    """
    if priority is None:
        priority = best_priority(after, seconds if estimates is None else estimates, workers=workers)
    return _play(ReadyQueue(after, priority), seconds, workers=workers, overhead_s=overhead_s)


def best_priority(
    after: Mapping[str, Sequence[str]], estimates: Mapping[str, float], *, workers: int
) -> dict[str, float]:
    """The order in which ready sections go out, by section: the higher number first.

    The longest remaining path first is nearly always the best order; for some graphs plain first come, first served
    happens to end sooner (Graham, "Bounds on multiprocessing timing anomalies", 1969). Both are played with the
    estimates, and the one that ends first is taken.
    """
    longest = remaining_paths(after, estimates)
    planned = _play(ReadyQueue(after, longest), estimates, workers=workers)
    if planned.makespan_s <= lower_bound(after, estimates, workers=workers, paths=longest):
        return longest
    served = _play(_Arrivals(after), estimates, workers=workers)
    if planned.makespan_s <= served.makespan_s:
        return longest
    return {name: served.makespan_s - start for name, start, _, _ in served.spans}


class _Queue(Protocol):
    @property
    def is_active(self) -> bool: ...

    def get_ready(self, limit: int) -> tuple[str, ...]: ...

    def done(self, name: str) -> None: ...


class _Arrivals:
    """First come, first served."""

    def __init__(self, after: Mapping[str, Sequence[str]]) -> None:
        self._missing = {name: len(set(prerequisites)) for name, prerequisites in after.items()}
        self._dependents: dict[str, list[str]] = {name: [] for name in after}
        for name, prerequisites in after.items():
            for prerequisite in dict.fromkeys(prerequisites):
                self._dependents[prerequisite].append(name)
        self._ready = deque(name for name, count in self._missing.items() if count == 0)
        self._open = len(after)

    @property
    def is_active(self) -> bool:
        return self._open > 0

    def get_ready(self, limit: int) -> tuple[str, ...]:
        return tuple(self._ready.popleft() for _ in range(min(limit, len(self._ready))))

    def done(self, name: str) -> None:
        self._open -= 1
        for dependent in self._dependents[name]:
            self._missing[dependent] -= 1
            if self._missing[dependent] == 0:
                self._ready.append(dependent)


def _play(queue: _Queue, seconds: Mapping[str, float], *, workers: int, overhead_s: float = 0.0) -> Simulated:
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


def lower_bound(
    after: Mapping[str, Sequence[str]],
    seconds: Mapping[str, float],
    *,
    workers: int,
    paths: Mapping[str, float] | None = None,
) -> float:
    """No schedule beats this: max(critical path, work / workers), in seconds. ``paths``: the remaining ones."""
    paths = remaining_paths(after, seconds) if paths is None else paths
    return max(max(paths.values(), default=0.0), sum(seconds.get(name, 0.0) for name in after) / workers)
