"""Hold one vote: gate, agreement, measurement, rule, hybrid, decision with its documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from ptx_prefect.vote.answers import poll
from ptx_prefect.vote.command_gate import CommandGate
from ptx_prefect.vote.criteria import NOISE_RATIO, Measured, cost_s, known_criterion, score_field
from ptx_prefect.vote.doubts import copies_in, doubts_of, is_answered
from ptx_prefect.vote.judges import Judged, Judgement, combine_judgements
from ptx_prefect.vote.metrics import cognitive_complexity
from ptx_prefect.vote.rationale import Circumstances, rationale_of
from ptx_prefect.vote.rules import (
    Ranked,
    approval,
    approvals_of,
    ballots_of,
    borda,
    pareto,
    shares_of,
    weight_ranges,
    weighted_score,
)
from ptx_prefect.vote.synthesis.entry import Entry, enter_hybrid, enter_written
from ptx_prefect.vote.synthesis.mend import enter_mended
from ptx_prefect.vote.task import Compared, Laboratory, VoteTask, check_vote
from ptx_prefect.vote.values import Candidate, Decision, Difference, GateResult, Output, Timing

_TIMED = ("performance", "memory")


@dataclass(frozen=True, slots=True)
class Trial:
    """What was found out about a field of candidates that behave alike."""

    field: tuple[Candidate, ...]
    timings: tuple[Timing, ...]
    measured: Measured
    ranked: Ranked
    notes: tuple[str, ...] = ()


def hold_vote(candidates: Sequence[Candidate], task: VoteTask, laboratory: Laboratory | None = None) -> Decision:
    """Choose between candidates.

    With an entry point they are run: the gate first, then agreement, and the rule decides inside the winning
    behaviour group only, so that no score outvotes correctness. Without one they are texts: ``consensus`` groups
    what says the same, the other rules use given and judged scores, and the decision says that nothing was run.

    Raises:
        VoteError: the vote cannot be held; says what is missing.
    """
    check_vote(candidates, task)
    absent = sorted(set(task.given) - {candidate.name for candidate in candidates})
    if absent:
        told = f"scores were given for {', '.join(map(repr, absent))}, which gave no candidate"
        task = replace(task, notes=(*task.notes, told))
    if task.entry_point is None or laboratory is None:
        return _documented(*_by_words(candidates, task), task, len(candidates))
    if task.test_command is not None:
        laboratory = CommandGate(laboratory, task.test_command, task.prelude)
    gate, kept, mended = _gated(candidates, task, laboratory)
    if not kept:
        out = tuple(candidate.name for candidate in candidates)
        why = "no candidate loads, so there is nothing to choose from"
        notes = (*task.notes, why)
        empty = Decision(
            None, out, None, gated_out=out, aggregation=task.aggregation, gate=gate, notes=notes, warnings=(why,)
        )
        return _documented(empty, Circumstances(sandbox=laboratory.remarks()), task, len(candidates))
    compared = laboratory.compare(kept)
    trial = try_field(_leading(kept, compared), task, laboratory, gate)
    hybrid, written = mended, None
    if is_answered(compared) or not compared.calls:
        if hybrid is None:
            trial, hybrid = _with_hybrid(trial, task, laboratory, gate)
        trial, written = _with_written(trial, task, laboratory, gate)
    gates = [entry.gate for entry in (hybrid, written) if entry and entry.gate]
    entered = tuple(result for result in gates if result.candidate in trial.ranked.order)
    decision = _decided(candidates, task, (*gate, *entered), compared, trial)
    about = Circumstances(
        not_measured=trial.measured.not_measured,
        figures={name: asdict(row) for name, row in trial.measured.figures.items()},
        sandbox=laboratory.remarks(),
        load=_load(),
        hybrid=hybrid.as_json() if hybrid else {},
        written=written.as_json() if written else {},
        behaviour_compared=is_answered(compared),
        ballots=trial.ranked.ballots,
    )
    return _documented(decision, about, task, len(candidates))


def _gated(
    candidates: Sequence[Candidate], task: VoteTask, laboratory: Laboratory
) -> tuple[tuple[GateResult, ...], list[Candidate], Entry | None]:
    """The gate, and who stays: where parts of several pass more tests than any of them, the program made of those."""
    gate = laboratory.gate(candidates)
    mended = enter_mended(candidates, laboratory, gate) if task.hybrid else None
    if mended is not None and mended.candidate is not None:
        return tuple(replace(result, kept=False) for result in gate), [mended.candidate], mended
    return gate, [one for one, result in zip(candidates, gate, strict=True) if result.kept], None


def undecided(candidates: Sequence[Candidate], task: VoteTask, why: str) -> Decision:
    """The decision of a vote that could not be held, with the reason."""
    out = tuple(candidate.name for candidate in candidates)
    notes = (*task.notes, why)
    empty = Decision(None, out, None, aggregation=task.aggregation, notes=notes, warnings=(why,))
    return _documented(empty, Circumstances(), task, len(out))


def _leading(kept: Sequence[Candidate], compared: Compared) -> tuple[Candidate, ...]:
    """The best supported behaviour group; everyone where no behaviour was seen, for then nothing tells them apart."""
    if compared.calls and not any(compared.supports):
        return tuple(kept)
    names = compared.groups[0] if compared.groups else [candidate.name for candidate in kept]
    return tuple(candidate for candidate in kept if candidate.name in names)


def try_field(field: Sequence[Candidate], task: VoteTask, laboratory: Laboratory, gate: Sequence[GateResult]) -> Trial:
    """Measure candidates that behave alike and rank them by the task's rule."""
    needs_time = task.aggregation == "consensus" or any(
        criterion.name in _TIMED for name in task.criteria if (criterion := known_criterion(name))
    )
    alone = len(field) < 2 and task.aggregation == "consensus"
    timings = laboratory.measure(field) if needs_time and not alone else ()
    judged = combine_judgements(_judgements_of(field, task))
    sources = {candidate.name: candidate.source for candidate in field}
    measured = score_field(task.criteria, sources, timings=timings, gate=gate, given=task.given, judged=judged.scores)
    ranked, notes = rank_field(field, task, measured, judged, timings)
    memory = tuple(
        f"{one.candidate} answers from memory what it was asked before: the time of its first answers counts"
        for one in timings
        if one.remembers
    )
    return Trial(tuple(field), timings, measured, ranked, (*measured.notes, *judged.notes, *notes, *memory))


def rank_field(
    field: Sequence[Candidate], task: VoteTask, measured: Measured, judged: Judged, timings: Sequence[Timing]
) -> tuple[Ranked, tuple[str, ...]]:
    """The task's rule over the scores; by speed and simplicity where the rule is consensus or nothing is scored."""
    if task.aggregation == "consensus":
        return by_speed(field, timings, task.reliabilities), ()
    names = [candidate.name for candidate in field]
    scores = measured.scores
    if not scores and not judged.ballots:
        basis = "speed and simplicity" if timings else "simplicity"
        told = f"{task.aggregation} had no scores to work on, so {basis} decided"
        return by_speed(field, timings, task.reliabilities), (told,)
    prefer = by_speed(field, (), task.reliabilities).order
    if task.aggregation == "borda":
        return borda(judged.ballots or ballots_of(scores), names, prefer=prefer), ()
    if task.aggregation == "approval":
        return approval(judged.approvals or approvals_of(scores), names, prefer=prefer), ()
    rule = pareto if task.aggregation == "pareto" else weighted_score
    ranked = rule(scores, task.weights, prefer=prefer)
    return ranked, tuple(f"{name} does not count: {why}" for name, why in ranked.not_counted.items())


def by_speed(field: Sequence[Candidate], timings: Sequence[Timing], reliabilities: Mapping[str, float]) -> Ranked:
    """Rank candidates that behave alike: speed (differences below 1.25x are none), then simplicity, record, order."""
    costs = {timing.candidate: cost_s(timing) for timing in timings}
    best = min(costs.values(), default=0.0)
    simple = {candidate.name: cognitive_complexity(candidate.source) for candidate in field}
    known = all(value is not None for value in simple.values())
    place = {candidate.name: index for index, candidate in enumerate(field)}

    def key(name: str) -> tuple[float, float, float, int]:
        cost = costs.get(name, best)
        level = 0.0 if cost <= best * NOISE_RATIO else cost
        return level, float(simple[name] or 0) if known else 0.0, -reliabilities.get(name, 0.5), place[name]

    order = tuple(sorted(place, key=key))
    tied = tuple(name for name in order[1:] if key(name)[:3] == key(order[0])[:3]) if order else ()
    return Ranked(order, tied)


def _with_hybrid(
    trial: Trial, task: VoteTask, laboratory: Laboratory, gate: Sequence[GateResult]
) -> tuple[Trial, Entry | None]:
    """Let a synthesis of the best parts compete."""
    if not task.hybrid or len(trial.field) < 2 or not trial.timings:
        return trial, None
    return _admitted(trial, enter_hybrid(trial.field, trial.ranked.order[0], laboratory, gate), task, laboratory, gate)


def _with_written(
    trial: Trial, task: VoteTask, laboratory: Laboratory, gate: Sequence[GateResult]
) -> tuple[Trial, Entry | None]:
    """Let a synthesis that a worker wrote compete, under the same conditions."""
    if task.written is None:
        return trial, None
    leader = next(one for one in trial.field if one.name == trial.ranked.order[0])
    return _admitted(trial, enter_written(task.written, leader, laboratory, gate), task, laboratory, gate)


def _admitted(
    trial: Trial, entry: Entry, task: VoteTask, laboratory: Laboratory, gate: Sequence[GateResult]
) -> tuple[Trial, Entry]:
    """The trial with one more candidate. It wins only if it measures better than all: a tie goes to those before it."""
    if entry.candidate is None or entry.gate is None:
        return trial, entry
    name = entry.candidate.name
    opinions = {score.criterion for score in trial.measured.scores if score.source != "measured"}
    if opinions:
        told = f"did not enter: nobody scored it on {', '.join(sorted(opinions))}"
        return trial, replace(entry, outcome=told)
    fuller = try_field((*trial.field, entry.candidate), task, laboratory, (*gate, entry.gate))
    won = fuller.ranked.order[0] == name and not fuller.ranked.tied
    ranked = fuller.ranked if won or fuller.ranked.order[0] != name else _stepped_back(fuller.ranked, name)
    outcome = (
        "measured better than every single candidate and won"
        if won
        else ("entered, passed the gate, and did not measure better than the best single candidate")
    )
    return replace(fuller, ranked=ranked), replace(entry, outcome=outcome)


def _stepped_back(ranked: Ranked, name: str) -> Ranked:
    """The ranking with the synthesis behind those that it only ties with."""
    level = [one for one in ranked.order if one in ranked.tied]
    rest = [one for one in ranked.order if one != name and one not in level]
    return replace(ranked, order=(*level, name, *rest), tied=(*level[1:], name))


def _decided(
    candidates: Sequence[Candidate],
    task: VoteTask,
    gate: Sequence[GateResult],
    compared: Compared,
    trial: Trial,
) -> Decision:
    order = trial.ranked.order
    others = [name for group in compared.groups[1:] for name in group if name not in order]
    out = tuple(result.candidate for result in gate if not result.kept and result.candidate not in order)
    unlisted = [one.name for one in candidates if one.name not in {*order, *others, *out}]
    ranking = (*order, *others, *unlisted, *sorted(out, key=lambda name: -_passed(gate, name)))
    names = {candidate.name for candidate in candidates}
    winners = [name for name in order if name in names]
    voters = len(candidates) + len(task.absent)
    answered = is_answered(compared)
    share = (len(winners) if answered else 0) / voters if compared.calls else None
    quorum_met = None if task.quorum is None else share is not None and share >= task.quorum
    warnings = doubts_of(task, gate, compared, share, voters, quorum_met, names)
    notes = [*task.notes, *trial.notes, *warnings]
    notes += copies_in(candidates, compared) if answered else []
    return Decision(
        winner=order[0],
        ranking=ranking,
        agreement_share=share,
        gated_out=out,
        groups=compared.groups if compared.calls else (),
        group_scores=compared.supports if compared.calls else (),
        aggregation=task.aggregation,
        tied=trial.ranked.tied,
        gate=tuple(gate),
        timings=trial.timings,
        scores=trial.measured.scores,
        totals=trial.ranked.totals,
        pareto=trial.ranked.front,
        sensitivity=_sensitivity(trial.measured, trial.ranked, task),
        difference=first_difference(order[0], ranking[1:], compared),
        notes=tuple(notes),
        warnings=warnings,
        quorum_met=quorum_met,
        not_measured=tuple(trial.measured.not_measured),
    )


def first_difference(winner: str, others: Sequence[str], compared: Compared) -> Difference | None:
    """The first call on which the best ranked candidate that behaves differently parts from the winner."""
    mine = compared.outputs.get(winner, ())
    alike = next((group for group in compared.groups if winner in group), ())
    for name in others:
        if name in alike:
            continue
        for call, one, other in zip(compared.calls, mine, compared.outputs.get(name, ()), strict=False):
            if (one.kind, one.seen) != (other.kind, other.seen):
                return Difference(call, _shown(one), name, _shown(other))
    return None


def _shown(output: Output) -> str:
    if output.kind != "value":
        return f"{output.kind}: {output.key}"
    if output.effect:
        return f"changes its arguments to {output.shown or output.effect}"
    return output.shown or output.key


def _passed(gate: Sequence[GateResult], name: str) -> int:
    return next((sum(result.passed) for result in gate if result.candidate == name), 0)


def _sensitivity(measured: Measured, ranked: Ranked, task: VoteTask) -> dict[str, tuple[float, float]]:
    if task.aggregation != "weighted_score" or not ranked.totals:
        return {}
    return weight_ranges(measured.scores, ranked.order[0], task.weights)


def _judgements_of(field: Sequence[Candidate], task: VoteTask) -> list[Judgement]:
    names = {candidate.name for candidate in field}
    return [one for one in task.judgements if one.candidate in names and one.criterion in task.criteria]


def _by_words(candidates: Sequence[Candidate], task: VoteTask) -> tuple[Decision, Circumstances]:
    """Answers that cannot be run: what says the same, or the scores that were given."""
    told = "nothing was run or timed: there is no entry point, so the vote rests on the texts and the given scores"
    if task.aggregation == "consensus":
        return _by_agreement(candidates, task, (told,)), Circumstances(behaviour_compared=True)
    judged = combine_judgements(_judgements_of(candidates, task))
    sources = {one.name: one.source for one in candidates}
    measured = score_field(task.criteria, sources, given=task.given, judged=judged.scores)
    if not measured.scores and not judged.ballots:
        # The voters' work is done and paid for: an answer with its reservation is worth more than an error.
        told_why = f"{task.aggregation} had no scores to work on, so agreement between the texts decided"
        decision = _by_agreement(candidates, task, (told, told_why, *measured.notes))
        return decision, Circumstances(not_measured=measured.not_measured, behaviour_compared=True)
    ranked, notes = rank_field(candidates, task, measured, judged, ())
    warnings: tuple[str, ...] = ()
    if task.quorum is not None:
        warnings = (f"the quorum of {task.quorum:.0%} was not reached: scores do not tell who agrees",)
    decision = Decision(
        winner=ranked.order[0],
        ranking=ranked.order,
        agreement_share=None,
        aggregation=task.aggregation,
        tied=ranked.tied,
        scores=measured.scores,
        totals=ranked.totals,
        pareto=ranked.front,
        sensitivity=_sensitivity(measured, ranked, task),
        notes=(told, *task.notes, *measured.notes, *judged.notes, *notes, *warnings),
        warnings=warnings,
        quorum_met=None if task.quorum is None else False,
        not_measured=tuple(measured.not_measured),
    )
    return decision, Circumstances(not_measured=measured.not_measured, ballots=ranked.ballots)


def _by_agreement(candidates: Sequence[Candidate], task: VoteTask, notes: Sequence[str]) -> Decision:
    heard = poll([(one.name, one.source) for one in candidates], quorum=task.quorum, absent=len(task.absent))
    order = tuple(name for group in heard.groups for name in group)
    supports = tuple(len(group) / len(candidates) for group in heard.groups)
    told = [*notes, *task.notes, f"answers were compared as {heard.form}"]
    warnings: tuple[str, ...] = ()
    if not heard.reached:
        warnings = (f"the quorum of {task.quorum:.0%} was not reached: {heard.share:.0%} agree; decide by hand",)
    return Decision(
        winner=order[0],
        ranking=order,
        agreement_share=heard.share,
        groups=heard.groups,
        group_scores=supports,
        aggregation=task.aggregation,
        tied=(*heard.voters[1:], *heard.tied),
        notes=(*told, *warnings),
        warnings=warnings,
        quorum_met=None if task.quorum is None else heard.reached,
    )


def _documented(decision: Decision, about: Circumstances, task: VoteTask, voters: int) -> Decision:
    scored = list(dict.fromkeys(score.criterion for score in decision.scores))
    weights = shares_of(scored, task.weights) if scored and decision.totals else {}
    about = replace(
        about,
        description=task.description,
        weights=weights,
        uses_records=bool(task.reliabilities),
        voters=voters + len(task.absent),
        absent=task.absent,
        rejected=task.rejected,
        judgements=task.judgements,
    )
    return replace(decision, rationale=rationale_of(decision, about))


def _load() -> float | None:
    try:
        return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except OSError:
        return None
