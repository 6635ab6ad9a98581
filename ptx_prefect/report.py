"""The report: the specification's output JSON, every key of it; what we add stands beside, never instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from ptx_prefect.strict import StrictModel

Status = Literal["success", "partial", "failed", "cancelled"]


class ExecutionSummary(StrictModel):
    """How the run went as a whole."""

    total_subtasks: Annotated[int, Field(description="Sections of the plan, or voters.")]
    parallel_executions: Annotated[int, Field(description="The most sections that ran at the same time.")]
    execution_time: Annotated[str, Field(description="Wall time of the run, as in '45s'.")]
    speedup_factor: Annotated[
        float | None, Field(description="Sequential time (sum of what the sections took) over wall time.")
    ]
    workers_used: Annotated[int, Field(description="How many workers had something to do; 0 where nothing had to run.")]
    sync_points: Annotated[int, Field(description="Waves of the plan.")]
    execution_seconds: Annotated[float, Field(description="Wall time of the run (seconds).")]
    sequential_seconds: Annotated[float, Field(description="Sum of what the sections took (seconds).")]
    bound_seconds: Annotated[float, Field(description="max(critical path, work / workers) of what was measured.")]
    bound_ratio: Annotated[float | None, Field(description="Wall time over bound: 1.0 is the best possible.")]
    reused_sections: Annotated[int, Field(description="Sections whose result of an earlier run was taken.")]


class SectionResult(StrictModel):
    """One section's end."""

    name: Annotated[str, Field(description="As in the task.")]
    status: Annotated[
        str,
        Field(description="success, failed, timed_out, over_memory, skipped, cancelled; ejected: done, not merged."),
    ]
    output: Annotated[str | None, Field(description="Directory with its log and files, if it left any.")] = None
    value: Annotated[
        Any, Field(description="What it returned, where that takes no more than 4,000 characters of JSON.")
    ] = None
    seconds: Annotated[
        float | None, Field(description="Wall time of its attempts (seconds); of the earlier run where reused.")
    ] = None
    cpu_seconds: Annotated[float | None, Field(description="CPU time of its process and children (seconds).")] = None
    peak_memory_mb: Annotated[float | None, Field(description="Largest resident size (MB).")] = None
    attempts: Annotated[int, Field(description="Attempts that were made in this run.")] = 0
    reused: Annotated[bool, Field(description="Whether a finished result was taken.")] = False
    reason: Annotated[str | None, Field(description="Why it did not succeed.")] = None
    key: Annotated[str | None, Field(description="Content key of its result in the store.")] = None
    model_usage: Annotated[
        Mapping[str, Any] | None, Field(description="Calls, tokens and US dollars, where models were called.")
    ] = None


class Results(StrictModel):
    """What came out."""

    mode: Annotated[Literal["sectioning", "voting"], Field(description="As in the task.")]
    completed_sections: Annotated[tuple[SectionResult, ...], Field(description="Sections that succeeded.")] = ()
    merged_output: Annotated[str | None, Field(description="Where the merged tree, or the winner, lies.")] = None
    conflicts_resolved: Annotated[int, Field(description="Overlapping edits that the merge combined.")] = 0
    manual_review_required: Annotated[
        tuple[Any, ...], Field(description="Conflicts that need a person, each with place, kind and both versions.")
    ] = ()
    unfinished_sections: Annotated[
        tuple[SectionResult, ...], Field(description="Sections that failed, were skipped or cancelled.")
    ] = ()
    resolutions: Annotated[
        tuple[Mapping[str, Any], ...],
        Field(description="What the merge decided, each with its class: file, import, type, dependency, logic."),
    ] = ()
    tests: Annotated[Mapping[str, Any] | None, Field(description="Totals, JUnit and coverage files of a suite.")] = None
    decision: Annotated[Mapping[str, Any] | None, Field(description="The decision of a vote with its evidence.")] = None
    validation: Annotated[
        Mapping[str, Any] | None, Field(description="What was checked of the merged tree, and whom it ejected.")
    ] = None
    published: Annotated[Mapping[str, Any] | None, Field(description="Kind, place and run of what was published.")] = (
        None
    )
    review: Annotated[Mapping[str, Any] | None, Field(description="What a person decided, with `review: pause`.")] = (
        None
    )
    after: Annotated[tuple[Mapping[str, Any], ...], Field(description="Verdicts on the merged output.")] = ()


class PerformanceMetrics(StrictModel):
    """Measured, not estimated. Utilisation is busy worker time over used workers times wall time."""

    worker_utilization: Annotated[float | None, Field(description="Busy time of used workers over their time, 0 to 1.")]
    avg_task_time: Annotated[str, Field(description="Mean wall time of a section, as in '12s'.")]
    critical_path_time: Annotated[
        str, Field(description="Longest chain of dependent sections as measured, as in '35s'.")
    ]
    avg_task_seconds: Annotated[float | None, Field(description="Mean wall time of a section (seconds).")]
    critical_path_seconds: Annotated[float, Field(description="Longest chain as measured (seconds).")]
    timeline: Annotated[
        tuple[Mapping[str, Any], ...],
        Field(description="A row an attempt: section, worker, start, end (seconds since the first start), status."),
    ] = ()
    pool: Annotated[
        tuple[Mapping[str, Any], ...], Field(description="How many sections could run at once, from when on, and why.")
    ] = ()


class Report(StrictModel):
    """The end of a run."""

    task_id: Annotated[str, Field(description="As in the task.")]
    status: Annotated[
        Status,
        Field(
            description="success: all done; partial: some sections are missing; failed; cancelled: stopped by a person."
        ),
    ]
    execution_summary: ExecutionSummary
    results: Results
    performance_metrics: PerformanceMetrics
    next_steps: Annotated[tuple[str, ...], Field(description="What to do now, most urgent first.")]
    usage: Annotated[
        Mapping[str, Any], Field(description="Totals of CPU, memory, tokens and US dollars of this run.")
    ] = Field(default_factory=dict)
    notes: Annotated[
        tuple[str, ...], Field(description="What a reader should know: choices of the plan, changes of the pool.")
    ] = ()
    artifacts: Annotated[Mapping[str, str], Field(description="Name to path of what the run left.")] = Field(
        default_factory=dict
    )


def seconds_text(seconds: float) -> str:
    """Seconds as the specification writes them: ``45s``; below ten with one decimal."""
    return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"


def report_markdown(report: Report) -> str:
    """The report as a person reads it."""
    summary, results, metrics = report.execution_summary, report.results, report.performance_metrics
    speedup = "—" if summary.speedup_factor is None else f"{summary.speedup_factor}×"
    lines = [
        f"# {report.task_id}: {report.status}",
        "",
        f"{len(results.completed_sections)} of {summary.total_subtasks} sections in {summary.execution_time}"
        f" ({summary.reused_sections} reused), speed-up {speedup} on {summary.workers_used} workers;"
        f" utilisation {_share_text(metrics.worker_utilization)}, wall time over bound {summary.bound_ratio or '—'}.",
    ]
    rows = [
        (
            row.name,
            row.status + (" (reused)" if row.reused else ""),
            row.seconds,
            row.cpu_seconds,
            row.peak_memory_mb,
            row.attempts,
            row.reason or row.output,
        )
        for row in (*results.unfinished_sections, *results.completed_sections)
    ]
    header = ("section", "status", "seconds", "CPU seconds", "peak MB", "attempts", "output or reason")
    lines += ["", markdown_table(header, rows)]
    if len(metrics.pool) > 1:
        changes = [(f"{change['at_s']:.1f} s", change["workers"], change["reason"]) for change in metrics.pool]
        lines += ["", "## Workers", "", markdown_table(("from", "at once", "why"), changes)]
    if results.tests:
        lines += ["", "## Tests", "", markdown_table(("", "value"), list(results.tests.items()))]
    if results.decision:
        lines += _decision_lines(results.decision)
    if results.manual_review_required:
        lines += ["", "## For review", "", *(f"- {item}" for item in results.manual_review_required)]
    lines += ["", "## Next", "", *(f"- {step}" for step in report.next_steps)]
    if report.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def _decision_lines(decision: Mapping[str, Any]) -> list[str]:
    """Who won a vote and why, and where the others stand."""
    totals, out = decision["totals"], decision["gated_out"]
    rows = [
        (
            place,
            name,
            f"{totals[name]:.4g}" if name in totals else "",
            "failed the gate" if name in out else "tied with the winner" if name in decision["tied"] else "",
        )
        for place, name in enumerate(decision["ranking"], start=1)
    ]
    reason = decision.get("rationale", {}).get("reason", "")
    return ["", "## Decision", "", reason, "", markdown_table(("", "candidate", "total", ""), rows)]


def _share_text(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A GitHub-flavoured table; pipes and line breaks in cells are escaped."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        cells = [str("" if cell is None else cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
