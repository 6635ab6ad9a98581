"""From a vote to its report: the specification's format with the decision inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ptx_prefect.engine.account import Measured, performance_of, result_of, summary_of, usage_of
from ptx_prefect.report import Report, Results, SectionResult, Status
from ptx_prefect.run.outcomes import Done, headline_of
from ptx_prefect.run.records import SectionRecord

MAX_FAILED = 5
"""Voters and judges that failed and that the next steps name."""


def make_vote_report(
    task_id: str,
    candidates: Sequence[str],
    phases: Sequence[Sequence[SectionRecord]],
    measured: Measured,
    decision: Mapping[str, Any],
    *,
    winner_path: str | None,
    outputs: Mapping[str, str],
    artifacts: Mapping[str, str],
) -> Report:
    """The report of a vote.

    Args:
        phases: the voters that ran, the judges, the writer of a synthesis: each phase waits for the one before.
        decision: as plain data.
        outputs: where a section's files, or the candidate that was there already, lie.
    """
    ordered = [record for phase in phases for record in phase]
    # Candidates that were there already are subtasks that cost nothing.
    ran = {record.name for record in ordered}
    ready = tuple(
        SectionResult(name=name, status="success", output=outputs.get(name)) for name in candidates if name not in ran
    )
    # In a phase nobody waits for another: the longest of each, one behind the other, are the critical path.
    longest_s = sum(max((record.busy_s for record in phase), default=0.0) for phase in phases)
    return Report(
        task_id=task_id,
        status=_status(decision),
        execution_summary=summary_of(
            ordered, measured, total=len(ordered) + len(ready), sync_points=max(1, len(phases)), critical_s=longest_s
        ),
        results=_results(ready, ordered, decision, winner_path, outputs),
        performance_metrics=performance_of(ordered, measured, critical_s=longest_s),
        next_steps=_next_steps(decision, winner_path, ordered),
        usage={**usage_of(ordered), **measured.usage},
        notes=tuple(dict.fromkeys((*measured.notes, *decision["notes"]))),
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


def _status(decision: Mapping[str, Any]) -> Status:
    """A winner that too few agree with, that passes no test at all, or of which nothing is known, is no success."""
    if decision["winner"] is None:
        return "failed"
    gate = decision["gate"]
    is_wrong = bool(gate) and all(row["passed"] and not any(row["passed"]) for row in gate)
    is_tested = any(any(row["passed"]) for row in gate)
    is_unknown = bool(decision["groups"]) and not any(decision["group_scores"]) and not is_tested
    return "partial" if is_wrong or is_unknown or decision["quorum_met"] is False else "success"


def _next_steps(
    decision: Mapping[str, Any], winner_path: str | None, ordered: Sequence[SectionRecord]
) -> tuple[str, ...]:
    steps = [_sentence(text) for text in decision["warnings"]]
    failed = [record for record in ordered if not isinstance(record.outcome, Done)]
    for record in failed[:MAX_FAILED]:
        log = getattr(record.outcome, "log", None)
        where = f"; its log: {log}" if log else ""
        steps.append(f"Mend {record.name!r}: {headline_of(record.outcome).splitlines()[0]}{where}")
    told = tuple(f"{record.name} does not count" for record in failed)
    unheard = [text for text in decision["rationale"]["rejected_judgements"] if not text.startswith(told)]
    steps += [_sentence(text) for text in unheard[:MAX_FAILED]]
    if len(failed) > MAX_FAILED:
        steps.append(f"{len(failed) - MAX_FAILED} more did not succeed: see unfinished_sections")
    if failed:
        steps.append("Run the same task again: what is finished is reused, only the rest runs")
    if decision["winner"] is None:
        return (*steps, "No candidate could be chosen: read the gate results in the rationale")
    steps.append(f"Use {decision['winner']!r}" + (f": {winner_path}" if winner_path else ""))
    if decision["tied"]:
        steps.append(f"Nothing measured tells it from {', '.join(decision['tied'])}: decide by taste")
    if decision["difference"]:
        steps.append("Read the first input on which winner and runner-up differ, in the rationale")
    return tuple(steps)


def _sentence(text: str) -> str:
    """With a capital letter, unless it begins with a key of the task."""
    first = text.partition(" ")[0]
    return text if "." in first or "_" in first else f"{text[:1].upper()}{text[1:]}"
