"""The body of the sectioning flow: plan, run, aggregate, report."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from ptx_prefect.engine.account import Aggregated, Measured, make_report
from ptx_prefect.engine.afterwards import check_after, run_after
from ptx_prefect.engine.aggregate import aggregate
from ptx_prefect.engine.artifacts import ProgressArtifact, Publisher, plan_artifact, report_artifact
from ptx_prefect.engine.claims import Claims
from ptx_prefect.engine.credentials import with_credentials
from ptx_prefect.engine.events import EventsForPrefect, review_requested, run_finished
from ptx_prefect.engine.execution import OBSERVERS, Execution, Site, check_sections
from ptx_prefect.engine.limits import limits_of
from ptx_prefect.engine.output import EventLog, copy_sections, open_output, write_report
from ptx_prefect.engine.references import check_blocks
from ptx_prefect.engine.server_check import notes_on_server
from ptx_prefect.engine.spending import Spending
from ptx_prefect.engine.storage import check_storage
from ptx_prefect.engine.workspaces import pin_for
from ptx_prefect.errors import RunError
from ptx_prefect.report import Report
from ptx_prefect.run.records import Event
from ptx_prefect.settings import Settings, state_dir
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.workers.planner import plan_task
from ptx_prefect.workers.registry import reap_orphans


def run_sectioning(spec: SectioningSpec, settings: Settings, *, fresh: bool = False) -> Report:
    """Run a sectioning task to its report. Must be called inside a Prefect flow.

    Raises:
        SpecError: mistakes, all at once, before anything runs.
        PlanError: nothing to plan.
        TreeError: the base cannot be read.
        RunError: output or state cannot be written.
        KeyboardInterrupt: stopped; the report of what was finished is written first.
    """
    began_s = time.monotonic()
    state = state_dir()
    reap_orphans(state)
    limits = limits_of(settings)
    check_blocks(spec.model_dump(by_alias=True))
    settings = with_credentials(settings)
    spending = Spending(spec.budget, settings)
    ledger = spending.ledger if spec.budget else None
    spec, plan = plan_task(spec, settings, state_dir=state, ledger=ledger, fresh=fresh)
    check_sections(plan, spec)
    check_after(spec, settings)
    if settings.result_storage is not None:
        check_storage(settings.result_storage)
    with Claims(state) as claims:
        output = open_output(spec, claims)
        base, reference = pin_for(spec, output)
        site = Site(Path(spec.workdir), state, base, reference, output)
        with closing(Publisher()) as publisher, closing(EventLog(output / "events.jsonl")) as log:
            publisher.put(partial(plan_artifact, plan))
            seen = (ProgressArtifact(publisher, spec.task_id, len(plan.sections)), EventsForPrefect(spec.task_id))
            execution = Execution(
                plan,
                settings,
                site,
                fresh=fresh,
                fail_fast=spec.fail_fast,
                observers=(*OBSERVERS.get(), log, *seen),
                spending=spending,
                limits=limits,
            )
            return _to_report(spec, settings, execution, output, began_s, publisher)


def _to_report(
    spec: SectioningSpec, settings: Settings, execution: Execution, output: Path, began_s: float, publisher: Publisher
) -> Report:
    """Run, aggregate, write; the report is written even when the run is stopped."""
    stopped: BaseException | None = None
    aggregated, dispatch_s = Aggregated(), None
    on_server = notes_on_server()  # Now: when the work is done the server may be gone, and asking takes minutes then.
    try:
        execution.run()
        dispatch_s = execution.dispatch.elapsed_s
        aggregated = aggregate(spec, execution, output)
    except Exception:
        raise
    except BaseException as error:  # Ctrl-C, a signal of Prefect's worker: also while a person is waited for
        stopped = error
    dispatch_s = execution.dispatch.elapsed_s if dispatch_s is None else dispatch_s
    if spec.after and not stopped and (aggregated.merged is not None or execution.site.base is None):
        done = run_after(spec, settings, execution, aggregated.merged, output)
        aggregated = replace(aggregated, after=done.verdicts, failures=(*aggregated.failures, *done.failures))
    because = execution.scheduler.stopped_because
    measured = Measured(
        wall_s=time.monotonic() - began_s,
        dispatch_s=dispatch_s,
        workers=execution.pool.adaptive.most_reached,
        offered_s=execution.pool.adaptive.offered_s(dispatch_s, used=execution.dispatch.most_at_once),
        waited_s=float((aggregated.review or {}).get("waited_seconds") or 0.0),
        pool=tuple(asdict(change) for change in execution.pool.adaptive.changes),
        most_at_once=execution.dispatch.most_at_once,
        was_stopped=type(stopped).__name__ if stopped else "",
        notes=(
            *((because,) if because else ()),
            *execution.pool.adaptive.notes,
            *execution.dispatch.notes,
            *execution.limits.notes,
            *(execution.site.base.notes if execution.site.base else ()),
            *on_server,
        ),
        usage=execution.spending.report(),
    )
    report = _write(execution, measured, aggregated, output)
    publisher.put(partial(report_artifact, report, execution.dispatch.task_runs))
    if stopped is not None:
        raise stopped
    return report


def _write(execution: Execution, measured: Measured, aggregated: Aggregated, output: Path) -> Report:
    records = execution.records
    artifacts = {"output": str(output), "events": str(output / "events.jsonl")}
    artifacts |= {"report": str(output / "report.json"), "report_markdown": str(output / "report.md")}
    try:
        outputs = copy_sections(records, output)
        report = make_report(execution.plan, records, measured, aggregated, outputs=outputs, artifacts=artifacts)
        write_report(report, output)
    except OSError as error:
        raise RunError(
            f"the report cannot be written to {str(output)!r} ({error.strerror}); finished sections are kept:"
            " free space and run the same task again"
        ) from error
    execution.dispatch.tell(Event("run_finished", execution.dispatch.elapsed_s, detail=report.status))
    if report.results.manual_review_required:
        found = [dict(row) for row in report.results.manual_review_required[:20]]
        review_requested(
            report.task_id, "report", {"conflicts": len(report.results.manual_review_required), "first": found}
        )
    run_finished(report)
    return report
