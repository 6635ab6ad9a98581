"""The report: the specification's output JSON, every key of it; what we add stands beside, never instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from ptx_prefect.strict import StrictModel

Status = Literal["success", "partial", "failed", "cancelled"]


class ExecutionSummary(StrictModel):
    """How the run went as a whole."""

    total_subtasks: int
    parallel_executions: Annotated[int, Field(description="The most sections that ran at the same time.")]
    execution_time: Annotated[str, Field(description="Wall time of the run, as in '45s'.")]
    speedup_factor: Annotated[
        float | None, Field(description="Sequential time (sum of what the sections took) over wall time.")
    ]
    workers_used: int
    sync_points: int
    execution_seconds: float
    sequential_seconds: float
    bound_seconds: Annotated[float, Field(description="max(critical path, work / workers) of what was measured.")]
    bound_ratio: Annotated[float | None, Field(description="Wall time over bound: 1.0 is the best possible.")]
    reused_sections: int


class SectionResult(StrictModel):
    """One section's end."""

    name: str
    status: Annotated[
        str,
        Field(description="success, failed, timed_out, over_memory, skipped, cancelled; ejected: done, not merged."),
    ]
    output: str | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory_mb: float | None = None
    attempts: int = 0
    reused: bool = False
    reason: str | None = None
    key: str | None = None
    model_usage: Annotated[
        Mapping[str, Any] | None, Field(description="Calls, tokens and US dollars, where models were called.")
    ] = None


class Results(StrictModel):
    """What came out."""

    mode: Literal["sectioning", "voting"]
    completed_sections: tuple[SectionResult, ...] = ()
    merged_output: str | None = None
    conflicts_resolved: int = 0
    manual_review_required: tuple[Any, ...] = ()
    unfinished_sections: tuple[SectionResult, ...] = ()
    resolutions: tuple[Mapping[str, Any], ...] = ()
    tests: Mapping[str, Any] | None = None
    decision: Mapping[str, Any] | None = None
    validation: Mapping[str, Any] | None = None
    published: Mapping[str, Any] | None = None
    review: Annotated[Mapping[str, Any] | None, Field(description="What a person decided, with `review: pause`.")] = (
        None
    )
    after: Annotated[tuple[Mapping[str, Any], ...], Field(description="Verdicts on the merged output.")] = ()


class PerformanceMetrics(StrictModel):
    """Measured, not estimated. Utilisation is busy worker time over workers times wall time."""

    worker_utilization: float | None
    avg_task_time: str
    critical_path_time: str
    avg_task_seconds: float | None
    critical_path_seconds: float
    timeline: tuple[Mapping[str, Any], ...] = ()
    pool: Annotated[
        tuple[Mapping[str, Any], ...], Field(description="How many sections could run at once, from when on, and why.")
    ] = ()


class Report(StrictModel):
    """The end of a run."""

    task_id: str
    status: Status
    execution_summary: ExecutionSummary
    results: Results
    performance_metrics: PerformanceMetrics
    next_steps: tuple[str, ...]
    usage: Mapping[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    artifacts: Mapping[str, str] = Field(default_factory=dict)


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
            row.attempts,
            row.reason or row.output,
        )
        for row in (*results.unfinished_sections, *results.completed_sections)
    ]
    lines += ["", markdown_table(("section", "status", "seconds", "attempts", "output or reason"), rows)]
    if results.tests:
        lines += ["", "## Tests", "", markdown_table(("", "value"), list(results.tests.items()))]
    if results.manual_review_required:
        lines += ["", "## For review", "", *(f"- {item}" for item in results.manual_review_required)]
    lines += ["", "## Next", "", *(f"- {step}" for step in report.next_steps)]
    if report.notes:
        lines += ["", "## Notes", "", *(f"- {note}" for note in report.notes)]
    return "\n".join(lines) + "\n"


def _share_text(share: float | None) -> str:
    return "—" if share is None else f"{share:.0%}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A GitHub-flavoured table; pipes and line breaks in cells are escaped."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for row in rows:
        cells = [str("" if cell is None else cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
