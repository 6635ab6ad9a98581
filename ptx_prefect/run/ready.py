"""The ready queue: which sections may start now, the longest remaining path first. Pure; it knows no clock."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence


class ReadyQueue:
    """Hands out sections whose prerequisites are done.

    Args:
        after: section to its prerequisites, in plan order; every prerequisite is a key too; no cycles.
        priority: section to the seconds on the longest path from its start to the end of the plan.
    """

    def __init__(self, after: Mapping[str, Sequence[str]], priority: Mapping[str, float]) -> None:
        self._missing = {name: len(set(prerequisites)) for name, prerequisites in after.items()}
        self._dependents: dict[str, list[str]] = {name: [] for name in after}
        for name, prerequisites in after.items():
            for prerequisite in dict.fromkeys(prerequisites):
                self._dependents[prerequisite].append(name)
        # Equal priorities go out in plan order, so that a run can be repeated.
        self._rank = {name: (-priority.get(name, 0.0), index) for index, name in enumerate(after)}
        self._names = list(after)
        self._heap: list[tuple[float, int]] = []
        self._waiting: set[str] = set()
        self._running: set[str] = set()
        self._open = set(after)
        self._push(name for name, count in self._missing.items() if count == 0)

    def get_ready(self, limit: int) -> tuple[str, ...]:
        """At most ``limit`` sections to start now; they count as running from here on."""
        taken: list[str] = []
        while self._heap and len(taken) < limit:
            name = self._names[heapq.heappop(self._heap)[1]]
            self._waiting.discard(name)
            if name in self._open:
                taken.append(name)
        self._running.update(taken)
        return tuple(taken)

    def peek(self) -> str | None:
        """The section that :meth:`get_ready` would hand out next; None where none is ready."""
        while self._heap:
            name = self._names[self._heap[0][1]]
            if name in self._open:
                return name
            heapq.heappop(self._heap)
        return None

    def done(self, name: str) -> None:
        """The section succeeded: what waited only for it is ready."""
        self._close(name)
        freed = []
        for dependent in self._dependents[name]:
            self._missing[dependent] -= 1
            if self._missing[dependent] == 0 and dependent in self._open:
                freed.append(dependent)
        self._push(freed)

    def failed(self, name: str) -> tuple[str, ...]:
        """The section will not succeed: everything that hangs on it is dropped and returned, in plan order."""
        self._close(name)
        dropped: set[str] = set()
        stack = [name]
        while stack:
            for dependent in self._dependents[stack.pop()]:
                if dependent in self._open and dependent not in dropped:
                    dropped.add(dependent)
                    stack.append(dependent)
        self._open -= dropped
        self._waiting -= dropped
        return tuple(sorted(dropped, key=lambda item: self._rank[item][1]))

    def park(self, name: str) -> None:
        """A running section waits before another attempt: it is neither running nor ready until :meth:`again`."""
        self._running.discard(name)

    def again(self, name: str) -> None:
        """A running or parked section goes back to the ready ones (another attempt)."""
        self._running.discard(name)
        self._push([name])

    def drop_waiting(self) -> tuple[str, ...]:
        """Everything that has not started is dropped and returned, in plan order."""
        dropped = self._open - self._running
        self._open -= dropped
        self._waiting.clear()
        return tuple(sorted(dropped, key=lambda item: self._rank[item][1]))

    @property
    def is_active(self) -> bool:
        """Some section is running or still to be started."""
        return bool(self._open)

    @property
    def ready_count(self) -> int:
        """How many sections could start now."""
        return len(self._waiting)

    def _close(self, name: str) -> None:
        self._running.discard(name)
        self._open.discard(name)

    def _push(self, names: Iterable[str]) -> None:
        for name in names:
            self._waiting.add(name)
            heapq.heappush(self._heap, self._rank[name])


def remaining_paths(after: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> dict[str, float]:
    """For each section the seconds on the longest path from its start to the end of the plan, itself included.

    ``after`` need not be in topological order.
    """
    waiting = dict.fromkeys(after, 0)
    for prerequisites in after.values():
        for prerequisite in set(prerequisites):
            waiting[prerequisite] += 1
    longest = {name: seconds.get(name, 0.0) for name in after}
    stack = [name for name, count in waiting.items() if count == 0]
    while stack:
        name = stack.pop()
        for prerequisite in set(after[name]):
            path = seconds.get(prerequisite, 0.0) + longest[name]
            longest[prerequisite] = max(longest[prerequisite], path)
            waiting[prerequisite] -= 1
            if waiting[prerequisite] == 0:
                stack.append(prerequisite)
    return longest
