"""How many calls a provider takes at once: found out by asking (additive increase, multiplicative decrease).

Chiu and Jain, "Analysis of the increase and decrease algorithms for congestion avoidance in computer networks" (1989).
"""

from __future__ import annotations

import threading

SHRINK = 0.5
MIN_LIMIT = 1.0


class Limiter:
    """One provider's limit, shared by all threads of a process. Pure but for its lock: it is told the time in seconds.

    Args:
        limit: calls at once to begin with, and the most there will be.
        default_wait_s: how long nothing is sent after a refusal that names no time.
    """

    def __init__(self, *, limit: int = 1000, default_wait_s: float = 1.0) -> None:
        self._lock = threading.Lock()
        self._most = float(limit)
        self._limit = float(limit)
        self._default_wait_s = default_wait_s
        self._closed_until_s = 0.0
        self._epoch = 0
        self._open: dict[int, int] = {}
        self._tickets = 0

    @property
    def limit(self) -> int:
        """Calls at once that the provider seems to take now."""
        return max(1, int(self._limit))

    def enter(self, now_s: float) -> int | float:
        """A ticket (int) to make one call with; or the seconds (float) to wait before asking again."""
        with self._lock:
            if now_s < self._closed_until_s:
                return float(self._closed_until_s - now_s)
            if len(self._open) >= self.limit:
                return self._default_wait_s / 4
            self._tickets += 1
            self._open[self._tickets] = self._epoch
            return self._tickets

    def succeeded(self, ticket: int) -> None:
        """The call was answered: a little more may be tried."""
        with self._lock:
            if self._open.pop(ticket, None) is not None:
                self._limit = min(self._most, self._limit + 1 / self._limit)

    def left(self, ticket: int) -> None:
        """The call ended in a way that says nothing about the limit."""
        with self._lock:
            self._open.pop(ticket, None)

    def refused(self, ticket: int, now_s: float, *, retry_after_s: float | None = None) -> float:
        """The provider asked to wait. Returns for how long (seconds).

        Refusals of calls that were under way together count as one: a burst of ten must not shrink a thousandfold.
        """
        wait_s = self._default_wait_s if retry_after_s is None else retry_after_s
        with self._lock:
            began = self._open.get(ticket)
            if began == self._epoch:
                self._limit = max(MIN_LIMIT, min(self._limit, len(self._open)) * SHRINK)
                self._epoch += 1
            self._open.pop(ticket, None)
            self._closed_until_s = max(self._closed_until_s, now_s + wait_s)
            return wait_s


class Throttle:
    """A run's own share of the same rule: fewer sections at once while a provider asks to wait, more again later."""

    def __init__(self) -> None:
        self._cap: float | None = None
        self._shrunk_s = -1.0
        self._least: int | None = None
        self._refusals: dict[str, int] = {}

    def capped(self, limit: int) -> int:
        """The most sections that should run at once, given what the pool allows."""
        if self._cap is None:
            return limit
        if self._cap >= limit:
            self._cap = None
            return limit
        return max(1, int(self._cap))

    def refused(self, provider: str, *, started_s: float, now_s: float, running: int) -> None:
        """A section's provider asked to wait. Sections that were under way together shrink the run once."""
        self._refusals[provider] = self._refusals.get(provider, 0) + 1
        if started_s < self._shrunk_s:
            return
        self._shrunk_s = now_s
        self._cap = max(MIN_LIMIT, min(running, self._cap or running) * SHRINK)
        self._least = min(self._least or int(self._cap), int(self._cap))

    def succeeded(self) -> None:
        """A section was done: a little more may run."""
        if self._cap is not None:
            self._cap += 1 / self._cap

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report."""
        return tuple(
            f"{provider} asked {count} time{'s' * (count != 1)} to wait; down to {self._least} section(s) at once"
            for provider, count in sorted(self._refusals.items())
        )
