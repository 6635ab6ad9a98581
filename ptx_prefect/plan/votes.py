"""Sections of a vote: voters that write a candidate, judges that read one. Independent of each other, so one wave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptx_prefect.plan.graph import shape_of
from ptx_prefect.plan.make import DEFAULT_ESTIMATE_S, heartbeat_of
from ptx_prefect.plan.plan import Plan, Section
from ptx_prefect.run.models import with_model
from ptx_prefect.run.simulate import lower_bound, simulate
from ptx_prefect.settings import Settings
from ptx_prefect.spec import VotingSpec


@dataclass(frozen=True, slots=True)
class Part:
    """One voter or judge at work: ``given`` are its inputs, ``instruction`` is what a thinking worker is told."""

    name: str
    instruction: str
    worker: str
    config: Mapping[str, Any]
    timeout_s: float
    given: Mapping[str, Any]


def plan_votes(spec: VotingSpec, parts: Sequence[Part], settings: Settings, learned: Mapping[str, float]) -> Plan:
    """The plan of independent parts. ``learned`` holds seconds by section identity."""
    sections = tuple(_section(part, settings, learned) for part in parts)
    after: dict[str, tuple[str, ...]] = {section.name: () for section in sections}
    seconds = {section.name: section.estimate_s for section in sections}
    shape = shape_of(after, seconds)
    parallelism = settings.parallelism
    wanted = spec.parallelism_hint or parallelism.default_workers
    least = min(parallelism.min_workers, wanted)
    workers = max(least, min(wanted, parallelism.max_workers, max(1, len(sections))))
    return Plan(
        task_id=spec.task_id,
        level="voters",
        sections=sections,
        edges=(),
        waves=shape.waves,
        critical_path=shape.critical_path,
        critical_path_s=shape.critical_path_s,
        workers=workers,
        predicted_makespan_s=simulate(after, seconds, workers=workers).makespan_s,
        sequential_s=sum(seconds.values()),
        bound_s=lower_bound(after, seconds, workers=workers),
    )


def _section(part: Part, settings: Settings, learned: Mapping[str, float]) -> Section:
    identity = f"{part.worker}:{part.name}"
    # Candidates and scores are read from an answer's text; a voter that is to write files says so.
    config = {"output": "text", **part.config} if part.worker == "chat" else part.config
    return Section(
        name=part.name,
        description=part.instruction,
        worker=part.worker,
        config=with_model(part.worker, config, settings),
        depends_on=(),
        timeout_s=part.timeout_s,
        estimate_s=learned.get(identity, DEFAULT_ESTIMATE_S),
        estimate_from="history" if identity in learned else "default",
        identity=identity,
        heartbeat_s=heartbeat_of(part.worker, settings),
        given=part.given,
    )
