"""Ready sections to Prefect, outcomes back to the scheduler: the only loop of a run, in the flow's own thread."""

from __future__ import annotations

import queue
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from ptx_prefect.engine.limits import SharedLimits
from ptx_prefect.engine.perform import Request
from ptx_prefect.engine.room import Room
from ptx_prefect.engine.runners import Runner
from ptx_prefect.engine.spending import Spending
from ptx_prefect.engine.store import Stored
from ptx_prefect.errors import PtxError
from ptx_prefect.run.batches import TINY_S, Batches
from ptx_prefect.run.memory import MemoryBook
from ptx_prefect.run.outcomes import Cancelled, Done, Failed, Outcome, RateLimited, Skipped, Usage, headline_of
from ptx_prefect.run.records import Attempt, Event, Observer, SectionRecord
from ptx_prefect.run.scheduler import Scheduler, Start
from ptx_prefect.workers.spare import Spare

TICK_S = 0.5
"""How often the pool is looked at while nothing happens; also the longest that Ctrl-C waits."""
GRACE_S = 10.0
"""How long a cancelled run waits for its workers to be gone."""

Prepare = Callable[[Start], Request | Stored | RateLimited]
"""Turns a start into a request, into the stored result that makes it needless, or into the time to ask again, because
another run is at it. Called in the flow's thread."""
Settle = Callable[[str, Outcome], Outcome]
"""Told that a section has finally ended; returns what is recorded of it. Called in the flow's thread."""


class Pool(Protocol):
    """How many sections may run now."""

    def limit(self, *, ready: int, running: int) -> int:
        """The limit at this moment, given how many sections are ready and running."""
        ...

    def succeeded(self) -> None:
        """A section was done."""
        ...

    def refused(self, provider: str, *, started_s: float, now_s: float, running: int) -> None:
        """A section's provider asked to wait; ``started_s`` is when the section began."""
        ...

    def used_mb(self) -> float | None:
        """What all sections together used when that was last looked at; None: not known."""
        ...


@dataclass(slots=True)
class _Running:
    start: Start
    key: str | None
    started_s: float
    slot: int


class Dispatch:
    """One run's traffic between scheduler and task runner.

    A section is submitted when it is ready and there is room: no thread ever waits for a prerequisite or a retry.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        prepare: Prepare,
        pool: Pool,
        observers: tuple[Observer, ...],
        *,
        spending: Spending | None = None,
        batches: Batches | None = None,
        memory: MemoryBook | None = None,
        settle: Settle = lambda _, outcome: outcome,
        place_of: Callable[[str], str | None] = lambda _: None,
        limits: SharedLimits | None = None,
        spare: Spare | None = None,
    ) -> None:
        self._spare = spare or Spare()
        self._limits = limits or SharedLimits()
        self._scheduler = scheduler
        self._batches = batches or Batches({}, {})
        self._spending = spending
        self._room = Room(memory or MemoryBook(float("inf"), {}))
        self._settle = settle
        self._place_of = place_of
        self._told: set[tuple[str, str]] = set()
        self._prepare = prepare
        self._pool = pool
        self._observers = observers
        self._began_s = time.monotonic()
        self._runner: Runner | None = None
        self._ended: queue.SimpleQueue[tuple[tuple[Request, ...], Any]] = queue.SimpleQueue()
        self._running: dict[str, _Running] = {}
        self._futures: dict[str, Any] = {}
        self._awaited: dict[str, int] = {}
        self._in_flight = 0
        self._busy: dict[str, float] = {}
        self._earlier: dict[str, tuple[Attempt, ...]] = {}
        self._free_slots: list[int] = []
        self._slots = 0
        self.records: dict[str, SectionRecord] = {}
        self.task_runs: dict[str, str] = {}
        self.most_at_once = 0

    def run(self, after: Mapping[str, tuple[str, ...]], *, runner: Runner) -> dict[str, SectionRecord]:
        """Dispatch until nothing is left.

        Args:
            after: section to its prerequisites; their futures draw the edges in Prefect's UI.
            runner: takes sections to where they are done.

        Raises:
            KeyboardInterrupt, SystemExit, or whatever stopped the flow: after the workers are gone.
        """
        self._runner = runner
        self._awaited = Counter(item for prerequisites in after.values() for item in prerequisites)
        try:
            while self._scheduler.is_active:
                self._start_ready(after)
                self._make_room()
                self._end_others()
                self._take_ended()
        except BaseException as error:
            self._abandon(runner, type(error).__name__)
            raise
        finally:
            self._record_never_started()
            self._limits.close()
        return self.records

    @property
    def elapsed_s(self) -> float:
        """Seconds since the dispatch began."""
        return time.monotonic() - self._began_s

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report."""
        return self._room.notes

    def tell(self, event: Event) -> None:
        """Pass an event to every observer."""
        for observer in self._observers:
            observer(event)

    def _start_ready(self, after: Mapping[str, tuple[str, ...]]) -> None:
        self._spare.offer(0)
        while True:
            ready, running = self._scheduler.ready_count, self._in_flight + self._spare.lent
            limit = self._pool.limit(ready=ready, running=running)
            if running >= limit:
                return
            starts = self._scheduler.start(self.elapsed_s, limit=len(self._scheduler.running) + 1)
            if not starts:
                self._spare.offer(self._room.for_more(self._pool.used_mb(), running=running, most=limit - running))
                return
            why_not = self._room.why_not(starts[0].name, self._running)
            if why_not is not None:
                self._note_once(starts[0].name, why_not)
                self._scheduler.put_back(starts[0].name)
                return
            size = self._batches.size(starts[0].name, ready=ready - 1, free=limit - running, workers=limit)
            if size > 1:
                starts += self._scheduler.start_along(
                    size - 1, fits=lambda name: self._batches.seconds_of(name) is not None
                )
            slot = self._take_slot()
            requests = [request for start in starts if (request := self._admit(start, slot)) is not None]
            if requests:
                self._submit(requests, slot, after)
            else:
                self._free_slots.append(slot)

    def _make_room(self) -> None:
        """Stop a section where all together take more memory than they may."""
        used_mb = self._pool.used_mb()
        if used_mb is None or used_mb <= self._room.limit_mb or self._runner is None:
            return
        began_s = {name: running.started_s for name, running in self._running.items()}
        found = self._room.who_gives_way(used_mb, began_s, self.elapsed_s)
        if found is not None:
            name, reason = found
            self._runner.cancel(reason, name)

    def _end_others(self) -> None:
        """With `fail_fast`, what is under way when a section has failed would be paid for and not used."""
        if self._scheduler.has_failed_fast and self._runner is not None:
            for name in self._running:
                self._runner.cancel(self._scheduler.stopped_because, name)

    def _note_once(self, name: str, detail: str) -> None:
        if (name, detail[:20]) not in self._told:
            self._told.add((name, detail[:20]))
            self.tell(Event("note", self.elapsed_s, name, detail))

    def _admit(self, start: Start, slot: int) -> Request | None:
        """The request for a section that is to run now; None: it is settled, or waits for the budget."""
        try:
            request = self._prepare(start)
        except PtxError as error:
            self._running[start.name] = _Running(start, None, self.elapsed_s, slot)
            self._finish(start.name, Failed(str(error), kind=type(error).__name__, permanent=True))
            return None
        if isinstance(request, Stored):
            self._scheduler.reuse(start.name, request.outcome)
            self.records[start.name] = SectionRecord(
                start.name, request.outcome, 0, None, None, 0.0, True, request.key, directory=str(request.directory)
            )
            self.tell(Event("section_reused", self.elapsed_s, start.name, outcome=request.outcome))
            return None
        if isinstance(request, RateLimited):
            self._note_once(start.name, f"waits: {request.provider}")
            self._not_now(start.name, request)
            return None
        wait_s = self._limits.take(start.name, request.worker)
        if wait_s is not None:
            self._not_now(start.name, RateLimited("a shared limit", wait_s, Usage(), was_asked=False))
            return None
        if self._spending is not None:
            granted = self._spending.reserve(request, now_s=self.elapsed_s)
            if isinstance(granted, Skipped | RateLimited):
                self._limits.give_back(start.name)
                self._not_now(start.name, granted)
                return None
            request = granted
        self._running[start.name] = _Running(start, request.key, self.elapsed_s, slot)
        attempt = f"attempt {start.attempt}" if start.attempt > 1 else ""
        self.tell(Event("section_started", self.elapsed_s, start.name, attempt))
        return request

    def _submit(self, requests: Sequence[Request], slot: int, after: Mapping[str, tuple[str, ...]]) -> None:
        """One task run for one section, or for a batch of small ones."""
        names = tuple(request.section for request in requests)
        if len(requests) == 1:
            shown = f"section: {names[0]}{f' (attempt {requests[0].attempt})' * (requests[0].attempt > 1)}"
        else:
            shown = f"{len(names)} sections: {names[0]} … {names[-1]}"
        assert self._runner is not None
        try:
            future = self._runner.submit(requests, name=_plain(shown), after=self._edges_to(names, after))
        except PtxError as error:
            for name in names:
                self._finish(name, Failed(str(error), kind=type(error).__name__, permanent=True))
            self._free_slots.append(slot)
            return
        self._in_flight += 1
        self.most_at_once = max(self.most_at_once, self._in_flight)
        for name in names:
            self.task_runs[name] = str(future.task_run_id)
            if self._awaited.get(name):
                self._futures[name] = future
        # Runs in the worker's thread: it only tells this loop.
        future.add_done_callback(partial(self._tell_ended, tuple(requests)))

    def _edges_to(self, names: Sequence[str], after: Mapping[str, tuple[str, ...]]) -> list[Any]:
        """The futures that draw the edges to these sections; one that nothing else hangs on is let go."""
        prerequisites = [item for name in names for item in after[name] if item in self._futures]
        # A batch counts as failed where one of its sections did: Prefect would refuse what hangs on the others.
        futures = (self._futures[item] for item in prerequisites)
        found = list({id(future): future for future in futures if future.state.is_completed()}.values())
        for item in prerequisites:
            self._awaited[item] -= 1
            if self._awaited[item] <= 0:
                self._futures.pop(item, None)
        return found

    def _not_now(self, name: str, outcome: Skipped | RateLimited) -> None:
        """The budget does not cover it: for ever, or until something that is under way has ended."""
        if self._scheduler.finish(name, outcome, self.elapsed_s) is None:
            self.records[name] = SectionRecord(name, outcome, 0, None, None, 0.0, False, None)
            self.tell(Event("section_finished", self.elapsed_s, name, headline_of(outcome), outcome))

    def _tell_ended(self, requests: tuple[Request, ...], future: Any) -> None:
        self._ended.put((requests, future))

    def _take_ended(self) -> None:
        self._limits.keep()
        if not self._running and self._scheduler.next_wake_s() is None:
            return
        wake = self._scheduler.next_wake_s()
        wait_s = TICK_S if wake is None else min(TICK_S, max(0.001, wake - self.elapsed_s))
        try:
            requests, future = self._ended.get(timeout=wait_s)
        except queue.Empty:
            return
        while True:
            self._finish_all(requests, future)
            try:
                requests, future = self._ended.get_nowait()
            except queue.Empty:
                return

    def _finish_all(self, requests: Sequence[Request], future: Any) -> None:
        """The sections of one task run. Only what each one did itself counts as its time."""
        self._in_flight -= 1
        names = [request.section for request in requests]
        self._free_slots.append(self._running[names[0]].slot)
        assert self._runner is not None
        outcomes = self._runner.outcomes(future, requests)
        began_s = self._running[names[0]].started_s
        for name, outcome in zip(names, outcomes, strict=True):
            running = self._running[name]
            if outcome is None:
                del self._running[name]
                self._limits.give_back(name)
                self._scheduler.put_back(name)
                continue
            took_s = outcome.usage.wall_s if not isinstance(outcome, Skipped) else 0.0
            if isinstance(outcome, Done) or took_s >= TINY_S:
                self._batches.took(name, took_s)
            ended_s = None
            if len(names) > 1:
                running.started_s, ended_s = began_s, began_s + took_s
                began_s = ended_s
            self._finish(name, outcome, ended_s=ended_s)

    def _finish(self, name: str, outcome: Outcome, *, ended_s: float | None = None) -> None:
        running = self._running.pop(name)
        self._limits.give_back(name)
        if self._spending is not None and running.key is not None:
            outcome = self._spending.settle(name, outcome)
        now_s = self.elapsed_s
        ended_s = now_s if ended_s is None else ended_s
        # One that was helped worked longer than it lasted.
        busy_s = max(ended_s - running.started_s, 0.0 if isinstance(outcome, Skipped) else outcome.usage.wall_s)
        attempt = Attempt(outcome, running.started_s, ended_s, running.slot)
        if self._room.gave_way(name, outcome):
            self._keep(name, attempt)
            self._scheduler.put_back(name)
            self.tell(Event("section_retry", now_s, name, f"{headline_of(outcome)}; again when there is room"))
            return
        self._busy[name] = self._busy.get(name, 0.0) + busy_s
        self._tell_pool(outcome, started_s=running.started_s, now_s=now_s)
        delay_s = self._scheduler.finish(name, outcome, now_s)
        if delay_s is not None:
            self._keep(name, attempt)
            detail = f"{headline_of(outcome)}; again in {delay_s:.1f} s"
            self.tell(Event("section_retry", now_s, name, detail, outcome))
            return
        outcome = self._settle(name, outcome)
        if isinstance(outcome, Done):
            self._scheduler.outcomes[name] = outcome
        self.records[name] = SectionRecord(
            name,
            outcome,
            running.start.attempt,
            running.started_s,
            ended_s,
            self._busy[name],
            False,
            running.key,
            worker=running.slot,
            directory=self._place_of(running.key) if running.key else None,
            earlier=self._earlier.get(name, ()),
        )
        self.tell(Event("section_finished", now_s, name, headline_of(outcome), outcome))

    def _tell_pool(self, outcome: Outcome, *, started_s: float, now_s: float) -> None:
        """What an outcome says of how many sections may run at once."""
        if isinstance(outcome, RateLimited) and outcome.was_asked:
            self._pool.refused(outcome.provider, started_s=started_s, now_s=now_s, running=len(self._running) + 1)
        elif isinstance(outcome, Done):
            self._pool.succeeded()

    def _keep(self, name: str, attempt: Attempt) -> None:
        """An attempt that another one follows, for the timeline."""
        self._earlier[name] = (*self._earlier.get(name, ()), attempt)

    def _abandon(self, runner: Runner, reason: str) -> None:
        """Stop the workers, wait shortly for their tasks to end, record what did not finish."""
        self._scheduler.stop(f"the run was stopped ({reason})")
        runner.cancel(reason)
        deadline = time.monotonic() + GRACE_S
        while self._running and time.monotonic() < deadline:
            try:
                requests, future = self._ended.get(timeout=0.1)
            except queue.Empty:
                runner.cancel(reason)  # Again: a task that was on its way may have started its child only now.
                continue
            self._finish_all(requests, future)
        for name in list(self._running):
            self._finish(name, Cancelled(reason))

    def _record_never_started(self) -> None:
        for name, outcome in self._scheduler.outcomes.items():
            if name not in self.records:
                self.records[name] = SectionRecord(name, outcome, 0, None, None, 0.0, False, None)
                if isinstance(outcome, Skipped):
                    self.tell(Event("section_finished", self.elapsed_s, name, headline_of(outcome), outcome))

    def _take_slot(self) -> int:
        if self._free_slots:
            return self._free_slots.pop()
        self._slots += 1
        return self._slots - 1


def _plain(text: str) -> str:
    """Prefect takes braces in a name for a template."""
    return text.replace("{", "(").replace("}", ")")
