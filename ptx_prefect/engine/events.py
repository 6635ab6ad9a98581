"""Events that Prefect's automations can react to. Never fatal, and few: they are for decisions, not for tracing.

| event | when | labels of the resource |
| --- | --- | --- |
| ``ptx.section.failed`` | a section will not be tried again | ``ptx.section``, ``ptx.outcome`` |
| ``ptx.budget.exhausted`` | the budget keeps a section from starting (once a run) | ``ptx.section`` |
| ``ptx.review.requested`` | a person is to decide | ``ptx.review``: ``report`` or ``pause`` |
| ``ptx.run.finished`` | the report is written | ``ptx.status``, ``ptx.mode`` |

Every resource is ``ptx.run.<flow run id>`` and carries ``ptx.task`` and ``ptx.started-by-automation`` (``yes`` or
``no``), so that an automation that runs a task again does not answer its own runs. Prefect adds flow run, flow,
deployment and tags as related resources.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.context import FlowRunContext
from prefect.events import emit_event

from ptx_prefect.engine.account import status_of
from ptx_prefect.engine.artifacts import safely
from ptx_prefect.report import Report
from ptx_prefect.run.outcomes import Cancelled, Done, Skipped
from ptx_prefect.run.records import Event

MAX_FAILED = 100
"""So many failed sections of a run have an event of their own; the report names all."""
MAX_TEXT = 2000


def tell_prefect(name: str, task_id: str, labels: Mapping[str, str], payload: Mapping[str, Any]) -> None:
    """Emit one event about the flow run around us; without one, nothing."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    run = context.flow_run
    by = run.created_by.type if run.created_by is not None else None
    resource = {
        "prefect.resource.id": f"ptx.run.{run.id}",
        "prefect.resource.name": task_id,
        "ptx.task": task_id,
        "ptx.started-by-automation": "yes" if by == "AUTOMATION" else "no",
        **labels,
    }
    safely(emit_event, name, resource=resource, payload={"task_id": task_id, **payload}, key=name)


class EventsForPrefect:
    """An observer that passes on what a person or an automation may want to react to."""

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id
        self._failed = 0
        self._budget_told = False

    def __call__(self, event: Event) -> None:
        """Look at an event; most are not passed on."""
        outcome = event.outcome
        if event.kind != "section_finished" or outcome is None or isinstance(outcome, Done | Cancelled):
            return
        if isinstance(outcome, Skipped):
            if outcome.because_of == "budget" and not self._budget_told:
                self._budget_told = True
                labels = {"ptx.section": event.section}
                self._tell("ptx.budget.exhausted", labels, {"section": event.section, "reason": outcome.reason})
            return
        self._failed += 1
        if self._failed > MAX_FAILED:
            return
        kind = status_of(outcome)
        payload = {
            "section": event.section,
            "outcome": kind,
            "reason": event.detail[:MAX_TEXT],
            "log": getattr(outcome, "log", None),
            "at_s": round(event.at_s, 3),
        }
        self._tell("ptx.section.failed", {"ptx.section": event.section, "ptx.outcome": kind}, payload)

    def _tell(self, name: str, labels: Mapping[str, str], payload: Mapping[str, Any]) -> None:
        tell_prefect(name, self._task_id, labels, payload)


def review_requested(task_id: str, how: str, payload: Mapping[str, Any]) -> None:
    """A person is to decide: by answering a paused run, or by reading the report."""
    tell_prefect("ptx.review.requested", task_id, {"ptx.review": how}, payload)


def run_finished(report: Report) -> None:
    """The report is written: how it went, in a few numbers, and where it lies."""
    summary, results = report.execution_summary, report.results
    payload = {
        "status": report.status,
        "mode": results.mode,
        "seconds": summary.execution_seconds,
        "sections": summary.total_subtasks,
        "done": len(results.completed_sections),
        "reused": summary.reused_sections,
        "unfinished": [row.name for row in results.unfinished_sections][:MAX_FAILED],
        "to_review": len(results.manual_review_required),
        "winner": (results.decision or {}).get("winner"),
        "next_steps": [step[:MAX_TEXT] for step in report.next_steps[:10]],
        "report": report.artifacts.get("report"),
    }
    tell_prefect("ptx.run.finished", report.task_id, {"ptx.status": report.status, "ptx.mode": results.mode}, payload)
