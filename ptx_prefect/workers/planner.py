"""The planner: a ``chat`` worker that cuts a bare description into sections."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ptx_prefect.errors import PlanError, SpecError
from ptx_prefect.plan.advice import advice_on, refuse_without_gain
from ptx_prefect.plan.assignment import worker_of
from ptx_prefect.plan.by_model import SCHEMA, Ask, Proposed, needs_components, with_proposed_components
from ptx_prefect.plan.make import deadline_of, make_plan
from ptx_prefect.plan.plan import Plan
from ptx_prefect.run.budget import Granted, Ledger
from ptx_prefect.run.models import model_of
from ptx_prefect.run.outcomes import Done, RateLimited, Usage, headline_of
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.workers.chat import ChatWorker
from ptx_prefect.workers.protocol import Job

MAX_WAITS = 5
"""How often the planner waits for a provider that is busy before it gives up."""


@dataclass(frozen=True, slots=True)
class Planning:
    """Where the planner keeps things, and what it may spend."""

    state_dir: Path
    limit_s: float
    ledger: Ledger | None = None
    sleep: Callable[[float], None] = time.sleep


def plan_task(
    spec: SectioningSpec, settings: Settings, *, state_dir: Path, ledger: Ledger | None = None, fresh: bool = False
) -> tuple[SectioningSpec, Plan]:
    """The task with components, and its plan; where the task says only what is wanted, its planner is asked first.

    Raises:
        SpecError, PlanError: as :func:`with_components` and :func:`make_plan`.
    """
    planning = Planning(state_dir, deadline_of(None, spec, settings), ledger)
    proposed = with_components(spec, settings, planning)
    plan = make_plan(proposed.spec, settings, state_dir=state_dir, fresh=fresh)
    advice = advice_on(plan)
    if spec.strict:
        refuse_without_gain(advice)
    notes = (*plan.notes, *((proposed.note,) if proposed.note else ()), *advice)
    return proposed.spec, replace(plan, notes=notes)


def with_components(spec: SectioningSpec, settings: Settings, planning: Planning) -> Proposed:
    """The task with components: its own, or those that the planner proposes.

    Raises:
        SpecError: it has none, and no planner is named.
        PlanError: the planner gave no usable plan, or the budget does not cover it.
    """
    if not needs_components(spec):
        return Proposed(spec, "")
    config = _config(spec, settings)
    model = model_of(config["model"], settings)
    ask = _asking(config, planning)
    return with_proposed_components(spec, ask, who=model.model, cache_dir=planning.state_dir / "plans")


def _config(spec: SectioningSpec, settings: Settings) -> dict[str, Any]:
    """The planner's worker: the one named, else the task's own worker where that calls a model."""
    found = worker_of(spec.main_task.planner) or worker_of(spec.worker) or worker_of(settings.default_worker)
    if found is None or found[0] != "chat":
        raise SpecError(
            {
                "main_task": "has neither components nor a level; write components, derive them (level),"
                ' or let a model propose them: "planner": {"kind": "chat", "model": "sonnet"}'
            }
        )
    given = {key: value for key, value in found[1].items() if key in ("model", "max_tokens", "output_mode")}
    model = model_of(given.get("model", settings.default_model), settings)
    config = {**given, "model": model.to_json(), "output": dict(SCHEMA)}
    mistakes = ChatWorker().check(config, workdir=Path())
    if mistakes:
        raise SpecError({f"main_task.planner.{place}": text for place, text in mistakes.items()})
    return config


def _asking(config: Mapping[str, Any], planning: Planning) -> Ask:
    worker = ChatWorker()
    calls = 0

    def ask(prompt: str) -> Mapping[str, Any]:
        nonlocal calls
        calls += 1
        job = Job(
            section="planner",
            description=prompt,
            config=config,
            workdir=planning.state_dir,
            log_path=planning.state_dir / "plans" / f"planner-{calls}.log",
            state_dir=planning.state_dir,
            deadline_s=planning.limit_s,
        )
        for _ in range(MAX_WAITS):
            outcome = _within_budget(worker, job, planning)
            if not isinstance(outcome, RateLimited):
                break
            planning.sleep(outcome.retry_after_s or 1.0)
        if not isinstance(outcome, Done) or not isinstance(outcome.value, Mapping):
            raise PlanError(f"the planner gave no plan: {headline_of(outcome)}")
        answer: Mapping[str, Any] = outcome.value["data"]
        return answer

    return ask


def _within_budget(worker: ChatWorker, job: Job, planning: Planning) -> Any:
    ledger = planning.ledger
    if ledger is None:
        return worker.run(job, beat=lambda _: None)
    forecast = worker.forecast(job.config, description=job.description, inputs={}, has_files=False)
    granted = ledger.reserve("planner", forecast)
    if not isinstance(granted, Granted):
        raise PlanError(f"the planner was not asked: {granted.reason}")
    usage = Usage()
    try:
        outcome = worker.run(replace(job, calls_allowed=granted.calls), beat=lambda _: None)
        usage = getattr(outcome, "usage", usage)
        return outcome
    finally:
        ledger.settle("planner", usage, forecast)
