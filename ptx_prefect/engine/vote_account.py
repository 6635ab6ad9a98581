"""From a vote to its report: the specification's format with the decision inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ptx_prefect.engine.account import Measured, performance_of, result_of, summary_of, usage_of
from ptx_prefect.report import Report, Results, SectionResult
from ptx_prefect.run.outcomes import Done
from ptx_prefect.run.records import SectionRecord


def make_vote_report(
    task_id: str,
    candidates: Sequence[str],
    records: Mapping[str, SectionRecord],
    measured: Measured,
    decision: Mapping[str, Any],
    *,
    winner_path: str | None,
    outputs: Mapping[str, str],
    artifacts: Mapping[str, str],
) -> Report:
    """The report of a vote. ``records`` are the voters and judges that ran, ``decision`` as plain data."""
    ordered = list(records.values())
    # Candidates that were there already are subtasks that cost nothing.
    ready = tuple(SectionResult(name=name, status="success") for name in candidates if name not in records)
    # Voters wait for nobody: the longest of them is the critical path.
    longest_s = max((record.busy_s for record in ordered), default=0.0)
    return Report(
        task_id=task_id,
        status="success" if decision["winner"] is not None else "failed",
        execution_summary=summary_of(
            ordered, measured, total=len(ordered) + len(ready), sync_points=1, critical_s=longest_s
        ),
        results=_results(ready, ordered, decision, winner_path, outputs),
        performance_metrics=performance_of(ordered, measured, critical_s=longest_s),
        next_steps=_next_steps(decision, winner_path),
        usage={**usage_of(ordered), **measured.usage},
        notes=(*measured.notes, *decision["notes"]),
        artifacts=artifacts,
    )


def _results(
    ready: tuple[SectionResult, ...],
    ordered: Sequence[SectionRecord],
    decision: Mapping[str, Any],
    winner_path: str | None,
    outputs: Mapping[str, str],
) -> Results:
    done = [record for record in ordered if isinstance(record.outcome, Done)]
    rest = [record for record in ordered if not isinstance(record.outcome, Done)]
    return Results(
        mode="voting",
        completed_sections=(*ready, *(result_of(record, outputs) for record in done)),
        unfinished_sections=tuple(result_of(record, outputs) for record in rest),
        merged_output=winner_path,
        decision=decision,
    )


def _next_steps(decision: Mapping[str, Any], winner_path: str | None) -> tuple[str, ...]:
    if decision["winner"] is None:
        return ("No candidate could be chosen: read the gate results in the rationale",)
    steps = [f"Use {decision['winner']!r}" + (f": {winner_path}" if winner_path else "")]
    if decision["tied"]:
        steps.append(f"Nothing measured tells it from {', '.join(decision['tied'])}: decide by taste")
    if decision["difference"]:
        steps.append("Read the first input on which winner and runner-up differ, in the rationale")
    return tuple(steps)
