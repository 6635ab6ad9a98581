"""How many sections run at once: found out by trying (additive increase, multiplicative decrease).

The pool grows while ready work waits and the machine has room; it shrinks on memory pressure, where more workers
finished less, and while a provider asks to wait. A section that waits for a disk, a network or a model is no load.
Pure: it is told the time and what was measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ptx_prefect.run.limiter import Throttle

GROW_EVERY_S = 0.5
"""Between two steps up: long enough for the last one to show in the measured load."""
HOLD_S = 10.0
"""After a step down nothing grows for so long."""
SHRINK = 0.5
MEMORY_CALM = 0.8
"""No growth above this share of the memory limit; above 1.0 the pool shrinks."""
LOW_MEMORY = 0.05
"""Less free memory on the machine than this share of all of it is pressure, whoever uses the rest."""
WORSE = 0.75
"""After a step up, a rate below this share of the one before takes the step back."""


@dataclass(frozen=True, slots=True)
class Load:
    """One sample. ``cpu`` is the busy share (0 to 1) of the cores we may use; ``used_mb`` is what our workers use."""

    cpu: float
    used_mb: float
    free_mb: float
    total_mb: float


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of a pool. ``start`` workers at first, never less than ``least`` nor more than ``most``."""

    least: int
    most: int
    start: int
    cpu_threshold: float = 0.8
    max_memory_mb: float = 4096


@dataclass(frozen=True, slots=True)
class PoolChange:
    """From ``at_s`` on (seconds since the run began) ``workers`` sections may run at once, and why."""

    at_s: float
    workers: int
    reason: str


class AdaptivePool:
    """One run's pool.

    Args:
        limits: its bounds.
        on_change: told every change; the first is the start.
    """

    def __init__(self, limits: PoolLimits, *, on_change: Callable[[PoolChange], object] = lambda _: None) -> None:
        self._limits = limits
        self._on_change = on_change
        self._throttle = Throttle()
        self._workers = limits.start
        self._granted = limits.start
        self._no_growth_until_s = 0.0
        self._since_s = 0.0
        self._done = 0
        self._rate_before: float | None = None
        self._before = limits.start
        self.changes: list[PoolChange] = [PoolChange(0.0, limits.start, "start")]
        self.most_reached = limits.start

    def limit(self, *, ready: int, running: int, now_s: float, load: Load | None) -> int:
        """How many may run at ``now_s``, given how many are ready and running. ``load`` None: not measured anew."""
        if load is not None:
            self._adapt(ready, running, now_s, load)
        granted = self._throttle.capped(self._workers)
        if granted != self._granted:
            self._note(now_s, granted, "a provider asked to wait" if granted < self._granted else "calls get through")
        return granted

    def succeeded(self) -> None:
        """A section was done."""
        self._done += 1
        self._throttle.succeeded()

    def refused(self, provider: str, *, started_s: float, now_s: float, running: int) -> None:
        """A section's provider asked to wait; see :class:`Throttle`."""
        self._throttle.refused(provider, started_s=started_s, now_s=now_s, running=running)

    def offered_s(self, until_s: float, *, used: int) -> float:
        """Worker seconds on offer from the start to ``until_s``, of the ``used`` workers that ever had work."""
        ends = [*(change.at_s for change in self.changes[1:]), until_s]
        spans = zip(self.changes, ends, strict=True)
        return sum(min(change.workers, used) * max(0.0, end - change.at_s) for change, end in spans)

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report."""
        return self._throttle.notes

    def _adapt(self, ready: int, running: int, now_s: float, load: Load) -> None:
        limits = self._limits
        pressure = _memory_pressure(load, limits)
        if pressure and self._workers > limits.least and now_s >= self._no_growth_until_s - HOLD_S / 2:
            self._resize(now_s, max(limits.least, int(min(self._workers, max(running, 1)) * SHRINK)), pressure)
            self._no_growth_until_s = now_s + HOLD_S
        elif self._fell_behind(now_s):
            self._resize(now_s, self._before, f"{self._workers} workers finished less than {self._before}")
            self._no_growth_until_s = now_s + HOLD_S
        elif self._may_grow(ready, running, now_s, load):
            rate = self._rate(now_s)
            self._rate_before, self._before = rate, self._workers
            self._resize(now_s, self._workers + 1, f"{ready} ready, CPU at {load.cpu:.0%}")

    def _may_grow(self, ready: int, running: int, now_s: float, load: Load) -> bool:
        each_mb = load.used_mb / max(1, running)
        return (
            ready > 0
            and running >= self._workers
            and self._workers < self._limits.most
            and now_s >= max(self._no_growth_until_s, self._since_s + GROW_EVERY_S)
            and load.cpu < self._limits.cpu_threshold
            and load.used_mb + each_mb < self._limits.max_memory_mb * MEMORY_CALM
            and load.free_mb - each_mb > 2 * LOW_MEMORY * load.total_mb
        )

    def _fell_behind(self, now_s: float) -> bool:
        """Enough was finished since the last step up to say that it did harm."""
        rate = self._rate(now_s)
        if self._rate_before is None or rate is None or self._before >= self._workers:
            return False
        return rate < self._rate_before * WORSE

    def _rate(self, now_s: float) -> float | None:
        """Sections a second since the last change; None while too few were finished to tell."""
        span_s = now_s - self._since_s
        return self._done / span_s if self._done >= 2 * self._workers and span_s > 0 else None

    def _resize(self, now_s: float, workers: int, reason: str) -> None:
        if workers == self._workers:
            return
        if workers < self._workers:
            self._rate_before = None
        self._workers = workers
        self._since_s, self._done = now_s, 0
        self._note(now_s, self._throttle.capped(workers), reason)

    def _note(self, now_s: float, granted: int, reason: str) -> None:
        if granted == self._granted:
            return
        self._granted = granted
        self.most_reached = max(self.most_reached, granted)
        change = PoolChange(now_s, granted, reason)
        self.changes.append(change)
        self._on_change(change)


def _memory_pressure(load: Load, limits: PoolLimits) -> str:
    if load.used_mb > limits.max_memory_mb:
        return f"workers use {load.used_mb:.0f} MB of {limits.max_memory_mb:.0f} MB"
    if load.free_mb < LOW_MEMORY * load.total_mb:
        return f"the machine has {load.free_mb:.0f} MB free"
    return ""
