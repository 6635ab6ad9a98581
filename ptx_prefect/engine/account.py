"""From what was measured to the report: every number is measured or left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ptx_prefect.engine.keys import canonical_json
from ptx_prefect.plan.plan import Plan
from ptx_prefect.report import (
    ExecutionSummary,
    PerformanceMetrics,
    Report,
    Results,
    SectionResult,
    Status,
    seconds_text,
)
from ptx_prefect.run.outcomes import Cancelled, Done, Failed, Outcome, OverMemory, Skipped, TimedOut, Usage, headline_of
from ptx_prefect.run.ready import remaining_paths
from ptx_prefect.run.records import Attempt, SectionRecord
from ptx_prefect.tree import Changeset

SHOWN_VALUE = 4_000
"""Characters of JSON: what sections returned is in the report up to this, each."""
_MOST_STEPS = 10
"""Next steps of one kind."""


@dataclass(frozen=True, slots=True)
class Aggregated:
    """What came of merging the sections' results; each part None or empty where it does not apply.

    ``merged`` is what all sections together changed, where that passed its checks; ``left_out`` maps a section that is
    not in it to the reason.
    """

    merged_output: str | None = None
    conflicts_resolved: int = 0
    manual_review_required: tuple[Any, ...] = ()
    resolutions: tuple[Mapping[str, Any], ...] = ()
    tests: Mapping[str, Any] | None = None
    validation: Mapping[str, Any] | None = None
    published: Mapping[str, Any] | None = None
    review: Mapping[str, Any] | None = None
    after: tuple[Mapping[str, Any], ...] = ()
    merged: Changeset | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The run as a whole. ``wall_s`` from the start of the flow to the report; ``dispatch_s`` of the sections alone.

    ``workers`` is the most that the pool allowed, ``most_at_once`` how many of them were used, ``offered_s`` the time
    that those were there for (worker seconds), ``pool`` its changes. ``waited_s``: of ``wall_s``, waiting for a person.
    """

    wall_s: float
    dispatch_s: float
    workers: int
    most_at_once: int
    was_stopped: str = ""
    notes: tuple[str, ...] = field(default=())
    usage: Mapping[str, Any] = field(default_factory=dict)
    offered_s: float | None = None
    pool: tuple[Mapping[str, Any], ...] = ()
    waited_s: float = 0.0


def make_report(
    plan: Plan,
    records: Mapping[str, SectionRecord],
    measured: Measured,
    aggregated: Aggregated,
    *,
    outputs: Mapping[str, str],
    artifacts: Mapping[str, str],
) -> Report:
    """The report of a sectioning run. ``outputs`` maps a section to where its output lies."""
    ordered = [records[section.name] for section in plan.sections if section.name in records]
    done = [record for record in ordered if isinstance(record.outcome, Done)]
    rest = [record for record in ordered if not isinstance(record.outcome, Done)]
    critical_s = _critical_s(plan, ordered)
    summary = summary_of(
        ordered, measured, total=len(plan.sections), sync_points=plan.sync_points, critical_s=critical_s
    )
    return Report(
        task_id=plan.task_id,
        status=_status(done, rest, aggregated, measured),
        execution_summary=summary,
        results=Results(
            mode="sectioning",
            completed_sections=tuple(_ejected(result_of(record, outputs), aggregated.left_out) for record in done),
            unfinished_sections=tuple(result_of(record, outputs) for record in rest),
            merged_output=aggregated.merged_output,
            conflicts_resolved=aggregated.conflicts_resolved,
            manual_review_required=aggregated.manual_review_required,
            resolutions=aggregated.resolutions,
            tests=aggregated.tests,
            validation=aggregated.validation,
            published=aggregated.published,
            review=aggregated.review,
            after=aggregated.after,
        ),
        performance_metrics=performance_of(ordered, measured, critical_s=critical_s),
        next_steps=_nothing_selected(plan)
        or (*_next_steps(rest, aggregated, measured), *_did_not_pay(plan, aggregated, summary)),
        usage={**usage_of(ordered), **measured.usage},
        notes=(*plan.notes, *measured.notes, *aggregated.notes),
        artifacts=artifacts,
    )


def status_of(outcome: Outcome) -> str:
    """The word that the report uses for an outcome."""
    match outcome:
        case Done():
            return "success"
        case TimedOut():
            return "timed_out"
        case OverMemory():
            return "over_memory"
        case Skipped():
            return "skipped"
        case Cancelled():
            return "cancelled"
        case _:
            return "failed"


def _status(
    done: Sequence[SectionRecord], rest: Sequence[SectionRecord], aggregated: Aggregated, measured: Measured
) -> Status:
    if measured.was_stopped or any(isinstance(record.outcome, Cancelled) for record in rest):
        return "cancelled"
    if aggregated.failures:
        return "failed"
    if rest or aggregated.left_out:
        return "partial" if len(done) > len(aggregated.left_out) else "failed"
    return "success"


def summary_of(
    records: Sequence[SectionRecord], measured: Measured, *, total: int, sync_points: int, critical_s: float
) -> ExecutionSummary:
    """The totals of a run of either mode. ``critical_s`` is how long its longest chain of sections took."""
    ran = _that_ran(records)
    sequential = sum(record.busy_s for record in ran)
    bound = max(critical_s, sequential / max(1, measured.workers))
    at_work_s = measured.wall_s - measured.waited_s
    return ExecutionSummary(
        total_subtasks=total,
        parallel_executions=measured.most_at_once,
        execution_time=seconds_text(measured.wall_s),
        speedup_factor=round(sequential / at_work_s, 2) if ran and at_work_s > 0 else None,
        workers_used=measured.most_at_once if ran else 0,
        sync_points=sync_points,
        execution_seconds=round(measured.wall_s, 3),
        sequential_seconds=round(sequential, 3),
        bound_seconds=round(bound, 3),
        bound_ratio=round(measured.dispatch_s / bound, 3) if ran and bound > 0 else None,
        reused_sections=sum(record.reused for record in records),
    )


def performance_of(records: Sequence[SectionRecord], measured: Measured, *, critical_s: float) -> PerformanceMetrics:
    """How well the workers were used, and who ran when."""
    ran = _that_ran(records)
    busy = sum(record.busy_s for record in ran)
    offered = measured.most_at_once * measured.dispatch_s if measured.offered_s is None else measured.offered_s
    average = busy / len(ran) if ran else None
    return PerformanceMetrics(
        worker_utilization=round(min(1.0, busy / offered), 3) if ran and offered > 0 else None,
        avg_task_time=seconds_text(average or 0.0),
        critical_path_time=seconds_text(critical_s),
        avg_task_seconds=None if average is None else round(average, 3),
        critical_path_seconds=round(critical_s, 3),
        pool=measured.pool,
        timeline=_bars(records),
    )


def _that_ran(records: Sequence[SectionRecord]) -> list[SectionRecord]:
    return [record for record in records if record.started_s is not None]


def _bars(records: Sequence[SectionRecord]) -> tuple[dict[str, Any], ...]:
    """One bar an attempt, in the order in which they began."""
    rows = [(record.name, number, one) for record in records for number, one in enumerate(record.tried, start=1)]
    return tuple(_bar(*row) for row in sorted(rows, key=lambda row: (row[2].started_s, row[0])))


def _bar(name: str, number: int, attempt: Attempt) -> dict[str, Any]:
    return {
        "section": name,
        "worker": attempt.worker,
        "start_s": round(attempt.started_s, 3),
        "end_s": round(attempt.ended_s, 3),
        "status": status_of(attempt.outcome),
        "attempt": number,
    }


def _critical_s(plan: Plan, records: Sequence[SectionRecord]) -> float:
    """Seconds of the longest chain of sections that waited for each other, as they took."""
    # Not `busy_s`: a section that was helped did more work than it lasted.
    seconds = {record.name: sum(one.ended_s - one.started_s for one in record.tried) for record in records}
    after = {
        name: tuple(item for item in prerequisites if item in seconds)
        for name, prerequisites in plan.after.items()
        if name in seconds
    }
    return max(remaining_paths(after, seconds).values(), default=0.0)


def result_of(record: SectionRecord, outputs: Mapping[str, str]) -> SectionResult:
    """A section's row in the report."""
    usage: Usage = getattr(record.outcome, "usage", Usage())
    is_done = isinstance(record.outcome, Done)
    return SectionResult(
        name=record.name,
        status=status_of(record.outcome),
        output=outputs.get(record.name),
        value=_small_value(record.outcome),
        seconds=round(usage.wall_s if record.reused else record.busy_s, 3) if not _never_ran(record) else None,
        cpu_seconds=None if usage.cpu_s is None else round(usage.cpu_s, 3),
        peak_memory_mb=None if usage.peak_rss_mb is None else round(usage.peak_rss_mb, 1),
        attempts=record.attempts,
        reused=record.reused,
        reason=None if is_done else headline_of(record.outcome),
        key=record.key,
        model_usage=_model_usage(usage),
    )


def _small_value(outcome: Outcome) -> Any:
    """What a section returned; None where it is large, or so large that it lies in the store."""
    if type(outcome) is not Done or outcome.value is None:
        return None
    return outcome.value if len(canonical_json(outcome.value)) <= SHOWN_VALUE else None


def _ejected(result: SectionResult, left_out: Mapping[str, str]) -> SectionResult:
    """A section that did its work, but whose change is not in the merged tree."""
    reason = left_out.get(result.name)
    return result if reason is None else result.model_copy(update={"status": "ejected", "reason": reason})


def _model_usage(usage: Usage) -> dict[str, Any] | None:
    """What model calls cost; None where none was made."""
    if not usage.calls:
        return None
    names = ("calls", "input_tokens", "output_tokens", "cost_usd")
    return {name: value for name in names if (value := getattr(usage, name)) is not None}


def _never_ran(record: SectionRecord) -> bool:
    return record.started_s is None and not record.reused


def usage_of(records: Sequence[SectionRecord]) -> dict[str, Any]:
    """Totals of what was measured in this run; reused sections cost nothing."""
    usages = [getattr(record.outcome, "usage", Usage()) for record in records if not record.reused]
    total: dict[str, Any] = {}
    for name in ("cpu_s", "calls", "input_tokens", "output_tokens", "cost_usd"):
        values = [value for usage in usages if (value := getattr(usage, name)) is not None]
        if values:
            total[name] = round(sum(values), 6)
    peaks = [usage.peak_rss_mb for usage in usages if usage.peak_rss_mb is not None]
    if peaks:
        total["peak_rss_mb"] = round(max(peaks), 1)
    return total


def _nothing_selected(plan: Plan) -> tuple[str, ...]:
    """Why a run had nothing to do; empty where it had."""
    if plan.sections:
        return ()
    return (
        f"Nothing was selected and nothing ran: {'; '.join(plan.notes)}",
        "Run without impacted_by to run all tests",
    )


def _did_not_pay(plan: Plan, aggregated: Aggregated, summary: ExecutionSummary) -> tuple[str, ...]:
    """Of a suite that is surely faster without us: said, since it is what people compare us with.

    The tests' own seconds leave out collection and what pytest does around each test, which may be as much again.
    """
    tests_s = (aggregated.tests or {}).get("seconds")
    if plan.level != "test" or tests_s is None or summary.reused_sections:
        return ()
    if 2 * tests_s >= summary.execution_seconds:
        return ()
    return (
        f"Run pytest directly: these tests take {tests_s:.1f} s one after the other, planning, running and merging them"
        f" took {summary.execution_seconds:.1f} s, and starting Prefect comes on top",
    )


def _next_steps(rest: Sequence[SectionRecord], aggregated: Aggregated, measured: Measured) -> tuple[str, ...]:
    failed = []
    for record in rest:
        if isinstance(record.outcome, Failed | TimedOut | OverMemory):
            log = getattr(record.outcome, "log", None)
            where = f"; its log: {log}" if log else ""
            failed.append(f"Mend section {record.name!r}: {headline_of(record.outcome).splitlines()[0]}{where}")
    steps = _few(failed, "failed")
    skipped = [record.name for record in rest if isinstance(record.outcome, Skipped)]
    if skipped:
        steps.append(f"{len(skipped)} section(s) were not started: {', '.join(skipped[:5])}{' …' * (len(skipped) > 5)}")
    if rest or measured.was_stopped:
        steps.append("Run the same task again: what is finished is reused, only the rest runs")
    left_out = [f"Section {name!r} is not in the merged tree: {reason}" for name, reason in aggregated.left_out.items()]
    steps += _few(left_out, "are not in the merged tree")
    steps += list(aggregated.failures)
    if aggregated.manual_review_required:
        steps.append(f"Review {len(aggregated.manual_review_required)} place(s) in manual_review_required")
    if aggregated.conflicts_resolved:
        steps.append(f"Read the {aggregated.conflicts_resolved} resolution(s) that the merge made")
    if aggregated.tests and not aggregated.failures and not rest:
        steps.append(f"All tests passed; the merged JUnit file: {aggregated.tests.get('junit')}")
    published = aggregated.published or {}
    if published.get("run_id"):
        how = f" (`git am {aggregated.merged_output}/*.patch`)" if published["kind"] == "patches" else ""
        undo = f"`ptx rollback {published['run_id']}` undoes it"
        steps.append(f"Use the merged tree: {aggregated.merged_output}{how}; {undo}")
    elif published:
        steps.append(f"There is no merged tree: {published.get('note')}, so nothing was published")
    return tuple(steps or ["Nothing is left to do"])


def _few(steps: list[str], told: str) -> list[str]:
    """The first steps of one kind: what is wrong with hundreds of sections is mostly one thing."""
    rest = len(steps) - _MOST_STEPS
    return (
        [*steps[:_MOST_STEPS], f"{rest} section(s) more {told}; the report has each with its reason"]
        if rest > 1
        else steps
    )
