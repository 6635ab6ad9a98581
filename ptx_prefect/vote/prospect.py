"""What a vote would do, told before anything is spent: voters, gate, criteria, judges, calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ptx_prefect.errors import SpecError
from ptx_prefect.run.models import model_of, models_without_price
from ptx_prefect.settings import Settings
from ptx_prefect.spec import Voter, VotingSpec, WorkerRef
from ptx_prefect.vote.criteria import known_criterion
from ptx_prefect.vote.described import tests_in_description
from ptx_prefect.vote.voters import voters_of

THINKING = ("chat", "agent")


@dataclass(frozen=True, slots=True)
class Prospect:
    """A vote beforehand.

    Attributes:
        voters: name to where its candidate comes from.
        gate: what a candidate must pass; empty: nothing tells right from wrong but agreement.
        criteria: criterion to where its score comes from.
        sections: sections that would run: voters that write, each judge once for each candidate, a synthesis.
        calls: model calls and agents among them, at least; a repair or a retry adds to them.
    """

    task_id: str
    aggregation: str
    voters: Mapping[str, str]
    gate: tuple[str, ...]
    inputs: str
    criteria: Mapping[str, str]
    sections: int
    calls: int
    hybrid: bool
    synthesis: str = ""


def prospect_of(spec: VotingSpec, settings: Settings) -> Prospect:
    """What the vote would do.

    Raises:
        SpecError: a voter's model is not known.
    """
    voters = voters_of(spec, default_worker=settings.default_worker)
    fallback = spec.worker or settings.default_worker
    writing = [_kind(worker) for voter in voters if (worker := _worker_of(voter, fallback)) is not None]
    judging = [_kind(judge) for judge in spec.judges for _ in voters]
    judging += [_kind(spec.synthesis)] if spec.synthesis is not None else []
    return Prospect(
        task_id=spec.task_id,
        aggregation=spec.aggregation,
        voters={voter.name: _origin(voter, fallback, settings) for voter in voters},
        gate=_gate(spec),
        inputs=_inputs(spec),
        criteria={name: _source_of_score(name, spec, voters) for name in spec.main_task.evaluation_criteria},
        sections=len(writing) + len(judging),
        calls=sum(kind in THINKING for kind in (*writing, *judging)),
        hybrid=spec.hybrid and spec.main_task.entry_point is not None,
        synthesis="" if spec.synthesis is None else f"written by {_kind(spec.synthesis)} from the best candidates",
    )


def mistakes_in_prices(spec: VotingSpec, settings: Settings) -> dict[str, str]:
    """A budget in dollars with models whose price nobody knows: their calls would not be made, one after the other."""
    return models_without_price(_models_in(spec, settings), spec.budget, settings)


def _models_in(spec: VotingSpec, settings: Settings) -> tuple[str, ...]:
    """The models that chats of the vote would call, each once; a reference that means none is left to other checks."""
    fallback = spec.worker or settings.default_worker
    writing = [_worker_of(voter, fallback) for voter in voters_of(spec, default_worker=settings.default_worker)]
    found: dict[str, None] = {}
    for worker in (*writing, *spec.judges, spec.synthesis):
        if worker is not None and _kind(worker) == "chat":
            try:
                found[model_of(_model_reference(worker, settings), settings).model] = None
            except SpecError:
                continue
    return tuple(found)


def _model_reference(worker: WorkerRef, settings: Settings) -> Any:
    return settings.default_model if isinstance(worker, str) else worker.get("model", settings.default_model)


def prospect_text(prospect: Prospect) -> str:
    """The vote as a bill."""
    width = min(40, max(len(name) for name in (*prospect.voters, *prospect.criteria)))
    lines = [f"{prospect.task_id}: a vote between {len(prospect.voters)} voters, by {prospect.aggregation}"]
    lines += [f"  {name:<{width}}  {origin}" for name, origin in prospect.voters.items()]
    lines.append(
        f"gate       {'; '.join(prospect.gate) or 'none: without tests only agreement tells right from wrong'}"
    )
    lines.append(f"agreement  {prospect.inputs}")
    lines.append("criteria")
    lines += [f"  {name:<{width}}  {origin}" for name, origin in prospect.criteria.items()]
    if prospect.hybrid:
        lines.append("hybrid     a synthesis of the best parts takes part as one more candidate")
    if prospect.synthesis:
        lines.append(f"synthesis  {prospect.synthesis}; it takes part as one more candidate")
    if prospect.sections:
        lines.append(f"to be run  {prospect.sections} sections, at least {prospect.calls} of them with a model")
    else:
        lines.append("to be run  nothing but the vote itself")
    return "\n".join(lines)


def _worker_of(voter: Voter, fallback: WorkerRef | None) -> WorkerRef | None:
    """The worker that would write the voter's candidate; None: it brings one along, or only scores."""
    brings_one = voter.source is not None or voter.path is not None or voter.callable is not None
    return None if brings_one else voter.worker or fallback


def _kind(worker: WorkerRef) -> str:
    return worker if isinstance(worker, str) else str(worker.get("kind", ""))


def _origin(voter: Voter, fallback: WorkerRef | None, settings: Settings) -> str:
    for key in ("path", "callable"):
        if (value := getattr(voter, key)) is not None:
            return f"{key} {value}"
    if voter.source is not None:
        return "source in the task"
    worker = _worker_of(voter, fallback)
    if worker is None:
        return "given scores"
    kind = _kind(worker)
    if kind != "chat":
        return f"written by {kind}"
    return f"written by {kind}, model {model_of(_model_reference(worker, settings), settings).model}"


def _gate(spec: VotingSpec) -> tuple[str, ...]:
    main = spec.main_task
    parts = [_count(len(main.tests), "assert line")] if main.tests else []
    described = tests_in_description(main.description, main.entry_point) if main.entry_point else ()
    parts += [_count(len(described), "example") + " in the description"] if described else []
    parts += [f"test file {path}" for path in main.test_files]
    parts += [f"command {' '.join(main.test_command)}"] if main.test_command else []
    return tuple(parts)


def _inputs(spec: VotingSpec) -> str:
    main = spec.main_task
    if main.entry_point is None:
        return "not measured: no entry_point, so nothing is run"
    if main.inputs:
        return f"{_count(len(main.inputs), 'given call')} of {main.entry_point}, and variations of the visible ones"
    return f"variations of the calls of {main.entry_point} in the tests" if main.tests else "none: no call is known"


def _source_of_score(name: str, spec: VotingSpec, voters: tuple[Voter, ...]) -> str:
    """The rule of ``criteria.score_field``: given scores, then judges where it is no fact, then what is measured."""
    known = known_criterion(name)
    if all(name in voter.scores for voter in voters):
        return "given scores"
    if spec.judges and (known is None or not known.is_fact):
        return _count(len(spec.judges), "judge")
    if known is None:
        return "nobody scores it"
    if not known.is_fact:
        return f"read off the source ({', '.join(known.figures)})"
    return "measured" if spec.main_task.entry_point else "not measured: no entry_point, so nothing is run"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
