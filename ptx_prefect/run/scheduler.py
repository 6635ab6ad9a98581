"""The scheduler of one run: what to start, what to try again and when, what to give up. Pure: it is told the time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from ptx_prefect.run.outcomes import Cancelled, Done, Failed, Outcome, OverMemory, RateLimited, Skipped, TimedOut
from ptx_prefect.run.ready import ReadyQueue

BREAKER_AFTER = 5
"""A fan-out whose first so many sections all failed alike is stopped."""
MAX_DELAY_S = 300.0
_OWN_WORDS = re.compile(r"\S*[/\\.\d]\S*|'[^']*'|\"[^\"]*\"")
"""Paths, numbers and quoted words of a reason: what sections that fail for one cause differ in."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``delay_s`` before the second attempt, times ``multiplier`` for each one after; ``jitter`` is a share of it."""

    max_attempts: int = 3
    delay_s: float = 1.0
    multiplier: float = 2.0
    jitter: float = 0.1


@dataclass(frozen=True, slots=True)
class Start:
    """Start this section now; ``attempt`` counts from 1."""

    name: str
    attempt: int


class Scheduler:
    """Events in, decisions out.

    Args:
        after: section to its prerequisites, in plan order.
        priority: seconds from a section's start to the end of the plan (see ``ready.remaining_paths``).
        retry: how failed sections are tried again.
        fail_fast: the first section that finally fails drops all that has not started; the caller ends the rest.
        seed: of the jitter.
    """

    def __init__(
        self,
        after: Mapping[str, Sequence[str]],
        priority: Mapping[str, float],
        *,
        retry: RetryPolicy,
        fail_fast: bool = False,
        seed: int = 0,
    ) -> None:
        self._queue = ReadyQueue(after, priority)
        self._retry = retry
        self._fail_fast = fail_fast
        self._random = random.Random(seed)
        self._attempts: dict[str, int] = dict.fromkeys(after, 0)
        self._parked: dict[str, float] = {}
        self._alike: dict[tuple[str, str], int] = {}
        self._has_success = False
        self.running: set[str] = set()
        self.outcomes: dict[str, Outcome] = {}
        self.stopped_because = ""

    def start(self, now_s: float, *, limit: int) -> tuple[Start, ...]:
        """What to start at ``now_s`` so that at most ``limit`` sections run at once."""
        for name in [name for name, at in self._parked.items() if at <= now_s]:
            del self._parked[name]
            self._queue.again(name)
        names = self._queue.get_ready(max(0, limit - len(self.running)))
        for name in names:
            self.running.add(name)
            self._attempts[name] += 1
        return tuple(Start(name, self._attempts[name]) for name in names)

    def start_along(self, count: int, *, fits: Callable[[str], bool]) -> tuple[Start, ...]:
        """At most ``count`` ready sections to go out with one just started, as long as the next one ``fits``."""
        starts: list[Start] = []
        while len(starts) < count and (name := self._queue.peek()) is not None and fits(name):
            self._queue.get_ready(1)
            self.running.add(name)
            self._attempts[name] += 1
            starts.append(Start(name, self._attempts[name]))
        return tuple(starts)

    def put_back(self, name: str) -> None:
        """A section that was started was not begun after all: it is ready again and has used no attempt."""
        self.running.discard(name)
        self._attempts[name] -= 1
        if self.stopped_because:
            self._queue.failed(name)
            self.outcomes[name] = Skipped(because_of="", reason=self.stopped_because)
        else:
            self._queue.again(name)

    def finish(self, name: str, outcome: Outcome, now_s: float) -> float | None:
        """A running section ended. Returns the delay in seconds where it is tried again, else None."""
        self.running.discard(name)
        delay_s = self._delay_before_retry(name, outcome)
        if delay_s is not None and not self.stopped_because:
            self._parked[name] = now_s + delay_s
            self._queue.park(name)
            return delay_s
        self.outcomes[name] = outcome
        if isinstance(outcome, Done):
            self._has_success = True
            self._queue.done(name)
            return None
        for dropped in self._queue.failed(name):
            self._parked.pop(dropped, None)
            self.outcomes[dropped] = Skipped(because_of=name, reason=f"needs {name!r}, which did not succeed")
        self._stop_where_hopeless(name, outcome)
        return None

    def reuse(self, name: str, outcome: Done) -> None:
        """A section that was started need not run: its result is known."""
        self.running.discard(name)
        self.outcomes[name] = outcome
        self._queue.done(name)

    def stop(self, reason: str, *, because_of: str = "") -> None:
        """Nothing is started or tried again from here on; what has not started is skipped."""
        self.stopped_because = self.stopped_because or reason
        for name in self._queue.drop_waiting():
            self.outcomes.setdefault(name, Skipped(because_of=because_of, reason=reason))
        self._parked.clear()

    @property
    def has_failed_fast(self) -> bool:
        """A section has failed, and nothing is to go on."""
        return self._fail_fast and bool(self.stopped_because)

    def next_wake_s(self) -> float | None:
        """When a parked section wants to start, in the caller's seconds; None where none is parked."""
        return min(self._parked.values(), default=None)

    @property
    def ready_count(self) -> int:
        """Sections that could start now if there were room."""
        return self._queue.ready_count

    @property
    def is_active(self) -> bool:
        """Something is running, parked or waiting."""
        return self._queue.is_active

    def _delay_before_retry(self, name: str, outcome: Outcome) -> float | None:
        match outcome:
            case Done() | Skipped() | Cancelled() | OverMemory():
                return None
            case RateLimited(retry_after_s=wait_s):
                # The provider asked to wait: takes no attempt.
                self._attempts[name] -= 1
                return self._jittered(wait_s if wait_s is not None else self._retry.delay_s * self._retry.multiplier)
            case Failed(permanent=True):
                return None
            case Failed() | TimedOut():
                used = self._attempts[name]
                if used >= self._retry.max_attempts:
                    return None
                return self._jittered(self._retry.delay_s * self._retry.multiplier ** (used - 1))
            case _:
                assert_never(outcome)

    def _jittered(self, delay_s: float) -> float:
        return min(MAX_DELAY_S, delay_s * (1 + self._retry.jitter * self._random.random()))

    def _stop_where_hopeless(self, name: str, outcome: Outcome) -> None:
        if self._fail_fast and not isinstance(outcome, Skipped):
            self.stop(f"fail_fast: {name!r} did not succeed", because_of=name)
            return
        if not isinstance(outcome, Failed) or self._has_success:
            return
        reason = outcome.reason.splitlines()[0] if outcome.reason else ""
        alike = (outcome.kind, _OWN_WORDS.sub("…", reason))
        self._alike[alike] = self._alike.get(alike, 0) + 1
        if self._alike[alike] >= BREAKER_AFTER and self._queue.is_active:
            self.stop(f"the first {BREAKER_AFTER} sections all failed alike: {reason}", because_of=name)
