"""The body of the sectioning flow: plan, dispatch, aggregate, report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ptx_prefect.engine.account import Aggregated, Measured, make_report
from ptx_prefect.engine.aggregate import aggregate
from ptx_prefect.engine.artifacts import ProgressArtifact, plan_artifact, report_artifact
from ptx_prefect.engine.dispatch import Dispatch
from ptx_prefect.engine.keys import inputs_digest, key_of
from ptx_prefect.engine.output import EventLog, copy_sections, open_output, write_report
from ptx_prefect.engine.perform import Request
from ptx_prefect.engine.store import Store, Stored
from ptx_prefect.engine.workspaces import pin
from ptx_prefect.errors import MergeError, RunError, SpecError, WorkerError
from ptx_prefect.merge.changesets import merge_changesets
from ptx_prefect.merge.lineage import ancestors_of
from ptx_prefect.plan.durations import Durations
from ptx_prefect.plan.make import SECTIONS_SCOPE, make_plan
from ptx_prefect.plan.plan import Plan, Section
from ptx_prefect.report import Report, report_markdown
from ptx_prefect.run.outcomes import Done
from ptx_prefect.run.ready import remaining_paths
from ptx_prefect.run.records import Event, Observer, SectionRecord
from ptx_prefect.run.scheduler import RetryPolicy, Scheduler, Start
from ptx_prefect.settings import Settings, state_dir
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree import Base, Changeset
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.process import cancel_all
from ptx_prefect.workers.registry import reap_orphans

OBSERVERS: ContextVar[tuple[Observer, ...]] = ContextVar("OBSERVERS", default=())
"""Who else is told of events: the command line's display, a Python caller's callback."""


@dataclass(frozen=True, slots=True)
class FixedPool:
    """As many workers as the plan says."""

    workers: int

    def limit(self, *, ready: int, running: int) -> int:
        """Always the same."""
        return self.workers


def run_sectioning(spec: SectioningSpec, settings: Settings, *, fresh: bool = False) -> Report:
    """Run a sectioning task to its report. Must be called inside a Prefect flow.

    Raises:
        SpecError: mistakes, all at once, before anything runs.
        PlanError: nothing to plan.
        RunError: output or state cannot be written.
        KeyboardInterrupt: stopped; the report of what was finished is written first.
    """
    began_s = time.monotonic()
    state = state_dir()
    reap_orphans(state)
    plan = make_plan(spec, settings, state_dir=state)
    check_sections(plan, Path(spec.workdir))
    output = open_output(spec.task_id, spec.output_dir)
    plan_artifact(plan)
    log = EventLog(output / "events.jsonl")
    observers: tuple[Observer, ...] = (*OBSERVERS.get(), log, ProgressArtifact(spec.task_id, len(plan.sections)))
    run = _Run(spec, settings, plan, state, output, fresh, began_s, observers)
    try:
        return run.to_report()
    finally:
        log.close()


def check_sections(plan: Plan, workdir: Path) -> None:
    """Ask every section's worker whether it can do it.

    Raises:
        SpecError: what they object to, all of it.
    """
    mistakes: dict[str, str] = {}
    if not workdir.is_dir():
        mistakes["workdir"] = f"{str(workdir)!r} is not a directory"
    for section in plan.sections:
        try:
            found = worker_for(section.worker).check(section.config, workdir=workdir)
        except WorkerError as error:
            found = {"kind": str(error)}
        mistakes |= {f"section {section.name!r}: worker.{place}": text for place, text in found.items()}
    if mistakes:
        raise SpecError(mistakes)


class _Run:
    """What one run knows; lives for one call of :func:`run_sectioning`."""

    def __init__(
        self,
        spec: SectioningSpec,
        settings: Settings,
        plan: Plan,
        state: Path,
        output: Path,
        fresh: bool,
        began_s: float,
        observers: tuple[Observer, ...],
    ) -> None:
        self.spec, self.settings, self.plan, self.state, self.output = spec, settings, plan, state, output
        self.fresh, self.began_s = fresh, began_s
        self.store = Store(state)
        self.sections = {section.name: section for section in plan.sections}
        self.keys: dict[str, str] = {}
        self.base: Base | None = None
        self._base_reference: Mapping[str, Any] | None = None
        if spec.base is not None:
            self.base, self._base_reference = pin(spec.base)
        self._inputs: dict[tuple[str, ...], str] = {}
        after = plan.after
        priority = remaining_paths(after, {section.name: section.estimate_s for section in plan.sections})
        retry = settings.retry
        policy = RetryPolicy(retry.max_attempts, retry.initial_delay, retry.backoff_multiplier)
        self.scheduler = Scheduler(after, priority, retry=policy, fail_fast=spec.fail_fast)
        self.dispatch = Dispatch(self.scheduler, self.prepare, FixedPool(plan.workers), observers)

    def to_report(self) -> Report:
        """Dispatch, aggregate, write; the report is written even when the run is stopped."""
        self.dispatch.tell(Event("run_started", 0.0, detail=f"{len(self.plan.sections)} sections"))
        stopped: BaseException | None = None
        try:
            self.dispatch.run(self.plan.after, cancel=cancel_all)
        except (KeyboardInterrupt, SystemExit) as error:
            stopped = error
        dispatch_s = self.dispatch.elapsed_s
        records = self._records()
        self._remember_durations(records)
        aggregated = Aggregated() if stopped else aggregate(self.spec, self.plan, records, self.output, self.state)
        measured = Measured(
            wall_s=time.monotonic() - self.began_s,
            dispatch_s=dispatch_s,
            workers=self.plan.workers,
            most_at_once=self.dispatch.most_at_once,
            was_stopped=type(stopped).__name__ if stopped else "",
            notes=(self.scheduler.stopped_because,) if self.scheduler.stopped_because else (),
        )
        report = self._write(records, measured, aggregated)
        if stopped is not None:
            raise stopped
        return report

    def prepare(self, start: Start) -> Request | Stored:
        """A started section as a request, or its stored result."""
        section = self.sections[start.name]
        key = self.keys.get(start.name) or self._key(section)
        self.keys[start.name] = key
        if not self.fresh:
            stored = self.store.get(key)
            if stored is not None:
                return stored
        if start.attempt == 1:
            self.store.forget(key)
        return Request(
            section=section.name,
            description=section.description,
            worker=section.worker,
            config=section.config,
            key=key,
            attempt=start.attempt,
            workdir=str(Path(self.spec.workdir).resolve()),
            state_dir=str(self.state),
            deadline_s=section.timeout_s,
            heartbeat_s=None,
            inputs={name: self._value_of(name) for name in section.depends_on},
            reads=section.reads,
            writes=section.writes,
            base=self._base_reference,
            start=self._start_of(section).to_json() if self.base else None,
        )

    def _start_of(self, section: Section) -> Changeset:
        """What everything that the section builds on has changed, merged in plan order."""
        assert self.base is not None
        ancestors = ancestors_of([section.name], self.plan.after)[section.name]
        ordered = [name for name in self.plan.after if name in ancestors]
        sides = [(name, changes) for name in ordered if (changes := self._changes_of(name)) is not None]
        if len(sides) < 2:
            return sides[0][1] if sides else Changeset()
        merged = merge_changesets(self.base, sides, after=self.plan.after, order=list(self.plan.after))
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

    def _key(self, section: Section) -> str:
        workdir = Path(self.spec.workdir)
        return key_of(
            section,
            fingerprint=worker_for(section.worker).fingerprint(section.config, workdir=workdir),
            inputs_digest=section.content or self._digest_of_inputs(section.reads),
            prerequisites=[self.keys[name] for name in section.depends_on],
        )

    def _digest_of_inputs(self, reads: tuple[str, ...]) -> str:
        if reads not in self._inputs and self.base is not None:
            self._inputs[reads] = self.base.fingerprint(reads or None)
        elif reads not in self._inputs:
            self._inputs[reads] = inputs_digest(Path(self.spec.workdir), reads)
        return self._inputs[reads]

    def _value_of(self, name: str) -> Any:
        outcome = self.scheduler.outcomes[name]
        return outcome.value if isinstance(outcome, Done) else None

    def _records(self) -> dict[str, SectionRecord]:
        return {
            name: replace(record, directory=str(self.store.directory(record.key))) if record.key else record
            for name, record in self.dispatch.records.items()
        }

    def _remember_durations(self, records: Mapping[str, SectionRecord]) -> None:
        seconds = {
            self.sections[name].identity: record.outcome.usage.wall_s
            for name, record in records.items()
            if isinstance(record.outcome, Done) and not record.reused and self.sections[name].identity
        }
        Durations(self.state).record(SECTIONS_SCOPE, seconds)

    def _write(self, records: Mapping[str, SectionRecord], measured: Measured, aggregated: Aggregated) -> Report:
        artifacts = {"output": str(self.output), "events": str(self.output / "events.jsonl")}
        try:
            outputs = copy_sections(records, self.output)
            artifacts |= {"report": str(self.output / "report.json"), "report_markdown": str(self.output / "report.md")}
            report = make_report(self.plan, records, measured, aggregated, outputs=outputs, artifacts=artifacts)
            write_report(report, self.output)
        except OSError as error:
            raise RunError(
                f"the report cannot be written to {str(self.output)!r} ({error.strerror}); finished sections are kept:"
                " free space and run the same task again"
            ) from error
        self.dispatch.tell(Event("run_finished", self.dispatch.elapsed_s, detail=report.status))
        report_artifact(report, report_markdown(report))
        return report
