"""Sections of one plan from keys to records: shared by sectioning and by the voters of a vote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptx_prefect.engine.claims import Claims
from ptx_prefect.engine.collector import collecting_rarely
from ptx_prefect.engine.dispatch import Dispatch
from ptx_prefect.engine.keys import canonical_json, inputs_digest, key_and_parts
from ptx_prefect.engine.limits import SharedLimits
from ptx_prefect.engine.load import MeasuredPool, memory_limit_mb
from ptx_prefect.engine.perform import Request
from ptx_prefect.engine.results import fetch_shared
from ptx_prefect.engine.runners import open_runner, runs_elsewhere
from ptx_prefect.engine.spending import Spending
from ptx_prefect.engine.storage import open_storage
from ptx_prefect.engine.store import Store, Stored
from ptx_prefect.errors import MergeError, SpecError, WorkerError
from ptx_prefect.merge.lineage import ancestors_of
from ptx_prefect.plan.durations import Durations
from ptx_prefect.plan.make import LEVEL_CAPS, SECTIONS_SCOPE
from ptx_prefect.plan.plan import Plan, Section
from ptx_prefect.run.batches import Batches
from ptx_prefect.run.memory import MemoryBook
from ptx_prefect.run.outcomes import Done, Outcome, RateLimited
from ptx_prefect.run.pool import PoolChange, PoolLimits
from ptx_prefect.run.records import Event, Observer, SectionRecord
from ptx_prefect.run.scheduler import RetryPolicy, Scheduler, Start
from ptx_prefect.run.simulate import best_priority
from ptx_prefect.settings import Settings
from ptx_prefect.spec import TaskSpec
from ptx_prefect.tree import Base, Changeset
from ptx_prefect.tree.globs import missing_of
from ptx_prefect.workers.known import objections, worker_for
from ptx_prefect.workers.spare import close_spare, open_spare

if TYPE_CHECKING:
    from ptx_prefect.engine.cluster import Freight

MEMORY_SCOPE = "peak memory (MB)"
"""Scope of the history of what sections took at most."""
LOOK_AGAIN_S = 0.3
"""After so long a section that another run is doing is looked at again."""

OBSERVERS: ContextVar[tuple[Observer, ...]] = ContextVar("OBSERVERS", default=())
"""Who else is told of events: the command line's display, a Python caller's callback."""


@contextmanager
def on_event(observer: Observer) -> Iterator[None]:
    """Inside the block, flows called from this thread tell ``observer`` every event as it happens.

    It is called in the flow's thread and should return quickly; what it raises stops the run.
    """
    token = OBSERVERS.set((*OBSERVERS.get(), observer))
    try:
        yield
    finally:
        OBSERVERS.reset(token)


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run takes place: the user's directory, the state directory, and the tree that sections change, if any.

    ``base_reference`` is the base as other processes can open it (see ``workspaces.pin``). ``output`` is where the run
    writes what a person looks for.
    """

    workdir: Path
    state: Path
    base: Base | None = None
    base_reference: Mapping[str, Any] | None = None
    output: Path | None = None


def check_sections(plan: Plan, spec: TaskSpec) -> None:
    """Ask every section's worker whether it can do it.

    Raises:
        SpecError: what they object to, all of it.
    """
    mistakes: dict[str, str] = {}
    alike: dict[tuple[str, str], list[str]] = {}
    asked: dict[tuple[str, str], Mapping[str, str]] = {}
    if not Path(spec.workdir).is_dir():
        mistakes["workdir"] = f"{spec.workdir!r} is not a directory"
    for section in plan.sections:
        same = section.worker, canonical_json(section.config)
        if same not in asked:
            try:
                asked[same] = objections(section.worker, section.config, spec)
            except WorkerError as error:
                asked[same] = {"kind": str(error)}
        for place, text in asked[same].items():
            alike.setdefault((place, text), []).append(section.name)
    # A key that is missing is missing for all of them: told once.
    for (place, text), names in alike.items():
        others = f" and {len(names) - 1} more" if len(names) > 1 else ""
        mistakes[f"section {names[0]!r}{others}: worker.{place}"] = text
    if mistakes:
        raise SpecError(mistakes)


def _batches(plan: Plan) -> Batches:
    """What the plan knows of its sections' size; functions called in this process are learned from while they run."""
    known = {row.name: row.estimate_s for row in plan.sections if row.estimate_from in ("history", "spec")}
    functions = [row for row in plan.sections if row.worker == "callable" and row.config.get("in_process")]
    return Batches({row.name: str(row.config.get("target")) for row in functions}, known)


def _peaks(plan: Plan, state: Path) -> dict[str, float]:
    """What sections took in earlier runs (MB)."""
    known = Durations(state).estimates(MEMORY_SCOPE)
    return {row.name: known[row.identity] for row in plan.sections if row.identity in known}


def _limits(plan: Plan, settings: Settings, bound: int | None) -> PoolLimits:
    """Bounds of a plan's pool: from what planning chose to start with up to the level's cap, never over ``bound``."""
    parallelism, resources = settings.parallelism, settings.resources
    workers = plan.workers if bound is None else max(1, min(plan.workers, bound))
    is_few = plan.workers < parallelism.min_workers
    most = min(parallelism.max_workers, LEVEL_CAPS.get(plan.level, parallelism.max_workers), len(plan.sections) or 1)
    return PoolLimits(
        least=min(parallelism.min_workers, workers),
        # A suite's sections keep a core busy each: more of them than cores only slow each other. Fewer than the
        # minimum are there only where the task asks for so few.
        most=workers if plan.level == "test" or bound is not None or is_few else max(most, workers),
        start=workers,
        cpu_threshold=resources.cpu_threshold,
        max_memory_mb=resources.max_memory_mb,
    )


class Execution:
    """One plan being run; lives inside a Prefect flow."""

    def __init__(
        self,
        plan: Plan,
        settings: Settings,
        site: Site,
        *,
        fresh: bool = False,
        fail_fast: bool = False,
        observers: tuple[Observer, ...] = (),
        spending: Spending | None = None,
        limits: SharedLimits | None = None,
    ) -> None:
        self.plan, self.site, self.fresh = plan, site, fresh
        self._settings = settings
        self.limits = limits or SharedLimits()
        self.store = Store(site.state).open()
        self._workdir = str(site.workdir.resolve())
        self.keys: dict[str, str] = {}
        self._parts: dict[str, dict[str, str]] = {}
        self._sections = {section.name: section for section in plan.sections}
        self._inputs: dict[tuple[str, ...], str] = {}
        estimates = {section.name: section.estimate_s for section in plan.sections}
        priority = best_priority(plan.after, estimates, workers=plan.workers)
        retry = settings.retry
        policy = RetryPolicy(retry.max_attempts, retry.initial_delay, retry.backoff_multiplier)
        self.scheduler = Scheduler(plan.after, priority, retry=policy, fail_fast=fail_fast)
        self.spending = spending or Spending(None, settings)
        self._memory_limit_mb = memory_limit_mb(float(settings.resources.max_memory_mb))
        self._claims = Claims(site.state)
        self._freight = self._freight_for_workers() if runs_elsewhere(settings) else None
        # What this machine is doing says nothing about a cluster.
        self.pool = MeasuredPool(
            _limits(plan, settings, limits.most if limits else None),
            on_change=self._tell_pool,
            is_measured=self._freight is None,
        )
        self._spare = open_spare()
        self.dispatch = Dispatch(
            self.scheduler,
            self._prepare,
            self.pool,
            observers,
            spending=self.spending,
            batches=_batches(plan),
            memory=MemoryBook(self._memory_limit_mb, _peaks(plan, site.state)),
            settle=self._settle,
            place_of=self.store.place,
            limits=limits,
            spare=self._spare,
        )

    def run(self) -> dict[str, SectionRecord]:
        """Dispatch until nothing is left; what sections took is remembered for the next plan.

        Raises:
            KeyboardInterrupt, SystemExit: stopped from outside; ``records`` holds what was finished.
        """
        self.dispatch.tell(Event("run_started", 0.0, detail=f"{len(self.plan.sections)} sections"))
        try:
            with collecting_rarely(), open_runner(self._settings, self._freight) as runner:
                self.dispatch.run(self.plan.after, runner=runner)
        finally:
            close_spare(self._spare)
            self._claims.release_all()
            self._remember_durations()
        return self.records

    @property
    def records(self) -> dict[str, SectionRecord]:
        """How each section went, with the directory of its files."""
        return dict(self.dispatch.records)

    def _freight_for_workers(self) -> Freight:
        from ptx_prefect.engine.cluster import Freight

        site = self.site
        storage = self._settings.result_storage
        return Freight(site.workdir, site.base, self.store, output=site.output, storage=storage)

    def say(self, text: str) -> None:
        """Tell whoever follows the run."""
        self.dispatch.tell(Event("note", self.dispatch.elapsed_s, detail=text))

    def _tell_pool(self, change: PoolChange) -> None:
        detail = f"{change.workers} at once: {change.reason}"
        self.dispatch.tell(Event("pool_changed", self.dispatch.elapsed_s, detail=detail))

    def _settle(self, name: str, outcome: Outcome) -> Outcome:
        """A section has ended: another run may have its work, and its content may leave the memory."""
        key = self.keys.get(name, "")
        self._claims.release(key)
        return self.store.lightened(key, outcome) if isinstance(outcome, Done) else outcome

    def _prepare(self, start: Start) -> Request | Stored | RateLimited:
        """A started section as a request, or its stored result; or not now, because another run is at it."""
        section = self._sections[start.name]
        if start.name not in self.keys:
            self.parts_of(start.name)
        key = self.keys[start.name]
        fresh = self.fresh or bool(self.gone(start.name))
        stored = None if fresh else self._stored(key)
        if stored is not None:
            return stored
        if not self._claims.take(key):
            return RateLimited("another run is doing the same work", LOOK_AGAIN_S, was_asked=False)
        stored = None if fresh else self._stored(key)
        if stored is not None:  # Finished between the two looks.
            self._claims.release(key)
            return stored
        if start.attempt == 1 and self._freight is not None:
            self.store.forget(key)
        return Request(
            section=section.name,
            description=section.description,
            worker=section.worker,
            config=section.config,
            key=key,
            parts=self._parts[start.name],
            attempt=start.attempt,
            workdir=self._workdir,
            state_dir=str(self.site.state),
            deadline_s=section.timeout_s,
            heartbeat_s=section.heartbeat_s,
            memory_limit_mb=self._memory_limit_mb,
            inputs={**section.given, **{name: self._value_of(name) for name in section.depends_on}},
            reads=section.reads,
            writes=section.writes,
            base=self.site.base_reference,
            start=self._start_of(section, self.site.base).to_json() if self.site.base else None,
            result_storage=self._settings.result_storage,
            # Only sections that we cut ourselves: who wrote one by hand may want its tests in one process.
            spare=self._spare.name if self.plan.level == "test" else "",
        )

    def _stored(self, key: str) -> Stored | None:
        """A finished result, of this machine or of the shared storage."""
        found, shared = self.store.get(key), self._settings.result_storage
        if found is None and shared is not None and fetch_shared(open_storage(shared), self.store, key):
            found = self.store.get(key)
        return found and replace(found, outcome=self.store.lightened(key, found.outcome))

    def gone(self, name: str) -> tuple[str, ...]:
        """Declared files that are not there, where sections share a directory: no stored result brings them back."""
        return () if self.site.base else missing_of(self.site.workdir, self._sections[name].writes)

    def parts_of(self, name: str) -> dict[str, str]:
        """What goes into the key of a section, which stands in ``keys`` from then on, as do its prerequisites'."""
        section = self._sections[name]
        for other in section.depends_on:
            if other not in self.keys:
                self.parts_of(other)
        fingerprint = worker_for(section.worker).fingerprint(section.config, workdir=self.site.workdir)
        is_told = section.content and self.site.base is None
        inputs = section.content + ("" if is_told else self._digest_of_inputs(section.reads))
        prerequisites = [self.keys[other] for other in section.depends_on]
        self.keys[name], self._parts[name] = key_and_parts(
            section, fingerprint=fingerprint, inputs_digest=inputs, prerequisites=prerequisites
        )
        return self._parts[name]

    def _digest_of_inputs(self, reads: tuple[str, ...]) -> str:
        if reads not in self._inputs:
            base = self.site.base
            found = base.fingerprint(reads or None) if base else inputs_digest(self.site.workdir, reads)
            self._inputs[reads] = found
        return self._inputs[reads]

    def _value_of(self, name: str) -> Any:
        outcome = self.scheduler.outcomes[name]
        return outcome.value if isinstance(outcome, Done) else None

    def _start_of(self, section: Section, base: Base) -> Changeset:
        """What everything that the section builds on has changed, merged in plan order."""
        ancestors = ancestors_of([section.name], self.plan.after)[section.name]
        ordered = [name for name in self.plan.after if name in ancestors]
        sides = [(name, changes) for name in ordered if (changes := self._changes_of(name)) is not None]
        if len(sides) < 2:
            return sides[0][1] if sides else Changeset()
        from ptx_prefect.merge.changesets import merge_changesets  # Not before there is something to merge.

        merged = merge_changesets(base, sides, after=self.plan.after, order=list(self.plan.after))
        if merged.conflicts:
            first = merged.conflicts[0]
            raise MergeError(
                f"what {section.name!r} builds on disagrees: {first.reason} ({first.path}, {first.place});"
                " order the sections with depends_on, or narrow their writes"
            )
        return merged.changeset

    def _changes_of(self, name: str) -> Changeset | None:
        outcome = self.scheduler.outcomes.get(name)
        return outcome.changeset if isinstance(outcome, Done) else None

    def _remember_durations(self) -> None:
        seconds: dict[str, float] = {}
        peaks: dict[str, float] = {}
        for name, record in self.dispatch.records.items():
            section, outcome = self._sections[name], record.outcome
            if not isinstance(outcome, Done) or record.reused:
                continue
            if section.identity:
                seconds[section.identity] = record.held_s
            if section.identity and outcome.usage.peak_rss_mb is not None:
                peaks[section.identity] = outcome.usage.peak_rss_mb
            seconds |= {identity: outcome.usage.wall_s * share for identity, share in section.shares.items()}
        history = Durations(self.site.state)
        history.record(SECTIONS_SCOPE, seconds)
        history.record(MEMORY_SCOPE, peaks)
