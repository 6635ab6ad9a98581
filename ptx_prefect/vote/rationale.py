"""Decision documentation: what won and why, what it costs, how sure that is, and what was not measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from ptx_prefect.vote.judges import Judgement
from ptx_prefect.vote.rules import Ballot
from ptx_prefect.vote.values import Decision, Score

TIMING_PROTOCOL = (
    "Each candidate in a fresh process, after a warm-up call, repetitions interleaved between the candidates; "
    "the minimum counts. Times closer than 1.25x are a tie."
)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the rationale tells beside the decision itself.

    Attributes:
        description: the task in words.
        weights: each criterion's share of the total weight.
        not_measured: criterion to the reason.
        figures: candidate to what was read off its source.
        sandbox: what the sandbox could and could not enforce, one sentence each.
        load: load average a processor while timing; None if unknown.
        hybrid: what became of the synthesis of the best parts.
        written: what became of the synthesis that a worker wrote.
        behaviour_compared: whether candidates were run against each other on inputs.
        uses_records: whether voters' records break ties.
        voters: how many there were at first, those without a candidate too; two that agree say less than five.
        absent: voters that gave no candidate, with the reason.
        rejected: what judges answered that does not count.
        judgements: what each judge gave.
        ballots: what was counted where the rule counts ballots.
    """

    description: str = ""
    weights: Mapping[str, float] = field(default_factory=dict)
    not_measured: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    sandbox: tuple[str, ...] = ()
    load: float | None = None
    hybrid: Mapping[str, object] = field(default_factory=dict)
    written: Mapping[str, object] = field(default_factory=dict)
    behaviour_compared: bool = False
    uses_records: bool = False
    voters: int = 5
    absent: Mapping[str, str] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    ballots: Mapping[str, Ballot] = field(default_factory=dict)


def rationale_of(decision: Decision, about: Circumstances | None = None) -> dict[str, object]:
    """The documentation of a decision as plain JSON data; the same keys for every aggregation."""
    about = about or Circumstances()
    return {
        "task": about.description,
        "aggregation": decision.aggregation,
        "winner": decision.winner,
        "reason": _reason(decision, about),
        "ranking": list(decision.ranking),
        "tied_with_winner": list(decision.tied),
        "criteria": list(dict.fromkeys(score.criterion for score in decision.scores)),
        "weights": {name: round(share, 4) for name, share in about.weights.items()},
        "totals": {name: round(total, 4) for name, total in decision.totals.items()},
        "scores": _score_table(decision.scores),
        "judgements": [asdict(one) for one in about.judgements],
        "rejected_judgements": list(about.rejected),
        "ballots": {judge: [list(group) for group in ballot] for judge, ballot in about.ballots.items()},
        "pareto_front": list(decision.pareto),
        "holds_for_weights": {name: [low, high] for name, (low, high) in decision.sensitivity.items()},
        "trade_offs": _trade_offs(decision),
        "runner_up": _runner_up(decision),
        "confidence": _confidence(decision, about),
        "dropped_voters": [{"voter": name, "reason": why} for name, why in about.absent.items()],
        "behaviour_groups": _groups(decision),
        "gate": _gate(decision),
        "timings": _timings(decision, about),
        "source_figures": {name: dict(row) for name, row in about.figures.items()},
        "hybrid": dict(about.hybrid),
        "written_synthesis": dict(about.written),
        "not_measured": _not_measured(decision, about),
        "sandbox": list(about.sandbox),
        "warnings": list(decision.warnings),
        "notes": list(decision.notes),
    }


def _reason(decision: Decision, about: Circumstances) -> str:
    winner = decision.winner
    if winner is None:
        return f"There was no candidate to choose{': ' if decision.warnings else ''}{'; '.join(decision.warnings)}."
    warning = "No candidate passes all visible tests; of those that pass the most: " if _failed(decision) else ""
    return warning + _why(decision, about)


def _failed(decision: Decision) -> bool:
    """Whether nobody passes the whole gate."""
    return bool(decision.gate) and all(one.passed and not all(one.passed) for one in decision.gate)


def _why(decision: Decision, about: Circumstances) -> str:
    winner = str(decision.winner)
    if about.hybrid.get("name") == winner and _mended(decision):
        taken = _and([f"{part} of {donor}" for part, donor in _taken(about).items()])
        return f"{winner} {about.hybrid['outcome']}: it is {about.hybrid['base']} with {taken}."
    if decision.totals and winner in decision.totals:
        return f"{winner} {_by_rule(decision)}{_holding(decision)}"
    if about.behaviour_compared and len(decision.ranking) > 1:
        return f"{_agreeing(decision, about)}{_ahead(decision, about)}."
    if len(decision.ranking) == 1:
        return f"{winner} is the only candidate{_silent(about)}."
    if decision.aggregation == "consensus":
        return f"No behaviour was compared, so agreement does not speak for {winner}{_ahead(decision, about)}."
    return f"{winner} ranks first by {decision.aggregation}."


def _mended(decision: Decision) -> bool:
    """Whether everybody else was gated out: then it was put together to pass tests, not to be faster."""
    return {*decision.ranking} - {*decision.gated_out} == {decision.winner}


def _taken(about: Circumstances) -> Mapping[str, str]:
    found = about.hybrid.get("taken")
    return found if isinstance(found, Mapping) else {}


def _silent(about: Circumstances) -> str:
    """How many voters gave no candidate, where one is left alone."""
    return f" that {about.voters} voters gave" if about.absent else ""


def _agreeing(decision: Decision, about: Circumstances) -> str:
    """How many behave like the winner, and how that compares with the other behaviours."""
    winner = str(decision.winner)
    agreeing = round((decision.agreement_share or 0.0) * about.voters)
    if agreeing >= about.voters:
        made = winner in (about.hybrid.get("name"), about.written.get("name"))
        return (
            f"All {about.voters} voters behave alike, {f'and {winner} like them' if made else f'{winner} among them'}"
        )
    others = len(decision.groups) - 1
    if agreeing < 2:
        alike = any(len(group) > 1 for group in decision.groups)
        if not others:
            return f"{winner} alone is left of {about.voters} voters{_rest(decision, about)}"
        told = f"{winner} behaves like nobody else"
        return told if alike else f"{told}, and nor do the others like each other"
    largest = "the best supported behaviour" if others else _rest(decision, about).removeprefix(": ")
    return f"{agreeing} of {about.voters} voters behave like {winner}, {largest}"


def _rest(decision: Decision, about: Circumstances) -> str:
    """What became of the voters outside of the behaviour groups."""
    ends = [*(["were gated out"] if decision.gated_out else []), *(["gave no candidate"] if about.absent else [])]
    return f": the others {' or '.join(ends)}" if ends else ""


def _ahead(decision: Decision, about: Circumstances) -> str:
    """What decided between those that behave alike."""
    everyone = [name for name in decision.ranking if name not in decision.gated_out]
    group = decision.groups[0] if decision.groups and about.behaviour_compared else everyone
    rivals = [name for name in decision.ranking[1:] if name in group]
    if not rivals:
        return ""
    if decision.tied:
        return f"; nothing measured tells {_and(decision.tied[:4])} from it, so the order of the candidates decided"
    seconds = {row.candidate: row.thread_s for row in decision.timings if not row.capped}
    mine, next_s = seconds.get(str(decision.winner)), seconds.get(rivals[0])
    if mine and next_s and next_s > 1.25 * mine:
        return f"; it is {next_s / mine:.3g} times as fast as {rivals[0]}, the next of them"
    if mine and rivals[0] in {row.candidate for row in decision.timings if row.capped}:
        return f"; {rivals[0]}, the next of them, did not come to the end of its timing"
    if about.uses_records:
        basis = f"it is as fast as {rivals[0]}, and" if seconds else "it was not timed;"
        return f"; {basis} simplicity, then the voters' records, put it first"
    return f"; it is as fast as {rivals[0]} and simpler" if seconds else "; it is the simplest of them"


def _by_rule(decision: Decision) -> str:
    winner = str(decision.winner)
    total = f"{decision.totals[winner]:.4g}"
    others = [f"{name} {decision.totals[name]:.4g}" for name in decision.ranking[1:] if name in decision.totals]
    against = f" ({', '.join(others[:3])})" if others else ""
    if decision.aggregation == "pareto" and len(decision.pareto) == 1:
        return f"is as good as any other on every criterion, and no other is{against}"
    if decision.aggregation == "pareto":
        return f"is the most balanced of {len(decision.pareto)} candidates that no other dominates{against}"
    if decision.aggregation in ("borda", "approval"):
        return f"gets {total} points on the ballots{against}"
    return f"has the highest total, {total}{against}" if not decision.tied else f"has a total of {total}{against}"


def _holding(decision: Decision) -> str:
    if decision.tied:
        mine = decision.totals.get(str(decision.winner), 0.0)
        is_ahead = all(mine > decision.totals.get(name, mine) for name in decision.tied)
        how = "its total is the higher one" if is_ahead else "the order of ties decided"
        return f"; {_and(decision.tied)} cannot be told from it within the spread, and {how}."
    strong, weak = _strengths(decision)
    parts = [f"; best on {_and(strong)}"] if strong else []
    if weak:
        parts.append(f", behind on {_and(weak)}")
    return "".join(parts) + "."


def _strengths(decision: Decision) -> tuple[list[str], list[str]]:
    """Criteria on which the winner is best, and those on which another is ahead by more than the spread."""
    strong, weak = [], []
    for criterion in dict.fromkeys(score.criterion for score in decision.scores):
        column = {score.candidate: score for score in decision.scores if score.criterion == criterion}
        mine = column.get(str(decision.winner))
        if mine is None or len(column) < 2:
            continue
        best = max(column.values(), key=lambda score: score.value)
        if mine.value >= best.value:
            strong.append(criterion)
        elif mine.high < best.low or best.source != "measured":
            weak.append(criterion)
    return strong, weak


def _score_table(scores: Sequence[Score]) -> list[dict[str, object]]:
    return [
        {key: round(value, 4) if isinstance(value, float) and key != "raw" else value for key, value in row.items()}
        for row in map(asdict, scores)
    ]


def _trade_offs(decision: Decision) -> list[str]:
    """For each criterion on which somebody beats the winner: who, and by how much."""
    told = []
    for criterion in _strengths(decision)[1]:
        column = {score.candidate: score for score in decision.scores if score.criterion == criterion}
        mine, best = column[str(decision.winner)], max(column.values(), key=lambda score: score.value)
        raw = ""
        if mine.raw is not None and best.raw is not None:
            raw = f" ({figure_text(mine.raw, mine.unit)} against {figure_text(best.raw, best.unit)})"
        told.append(
            f"{decision.winner} gives up {best.value - mine.value:.2g} points of {criterion} "
            f"to {best.candidate}: {mine.value:.3g} against {best.value:.3g}{raw}."
        )
    return told


def _runner_up(decision: Decision) -> dict[str, object] | None:
    if len(decision.ranking) < 2 or decision.winner is None:
        return None
    name = decision.ranking[1]
    row: dict[str, object] = {"name": name, "tied": name in decision.tied}
    if name in decision.totals and decision.winner in decision.totals:
        row["behind_by"] = round(decision.totals[decision.winner] - decision.totals[name], 4)
    if decision.difference is not None:
        row["first_difference"] = asdict(decision.difference)
    return row


def _confidence(decision: Decision, about: Circumstances) -> dict[str, object]:
    share = decision.agreement_share
    row: dict[str, object] = {"agreement_share": None if share is None else round(share, 4)}
    if share is None or not about.behaviour_compared or len(decision.ranking) < 2:
        return row | {"estimate": None, "basis": "behaviour was not compared on inputs, so agreement says nothing"}
    if about.hybrid.get("name") == decision.winner and _mended(decision):
        return row | {"estimate": None, "basis": "the winner was put together from parts, so no voter gave it"}
    if _failed(decision):
        return row | {"estimate": None, "basis": "no candidate passes all visible tests, so agreement says nothing"}
    # Found on five model-written candidates a task: one of five in agreement was right about half the time, five
    # of five about 95 %. A straight line between the two; fewer voters count as if the missing ones disagreed.
    share = share * about.voters / max(about.voters, 5)
    estimate = min(0.95, max(0.5, 0.5 + 0.45 * (share - 0.2) / 0.8))
    return row | {
        "estimate": round(estimate, 2),
        "basis": "how often the winner was right at such a share of agreement, on model-written programs with hidden "
        "tests: about half the time where 1 of 5 agreed, 95 % where all 5 did; with fewer than five voters the "
        "missing ones count as disagreeing",
    }


def _groups(decision: Decision) -> list[dict[str, object]]:
    return [
        {"candidates": list(group), "support": round(support, 4)}
        for group, support in zip(decision.groups, decision.group_scores, strict=False)
    ]


def _gate(decision: Decision) -> list[dict[str, object]]:
    return [
        {
            "candidate": one.candidate,
            "loads": one.loads,
            "passed": sum(one.passed),
            "tests": len(one.passed),
            "kept": one.kept,
            "problem": one.problem,
        }
        for one in decision.gate
    ]


def _timings(decision: Decision, about: Circumstances) -> dict[str, object]:
    if not decision.timings:
        return {}
    rows = [
        {
            "candidate": one.candidate,
            "wall_s": None if one.capped else one.wall_s,
            "thread_s": None if one.capped else one.thread_s,
            "repetitions": len(one.samples_s),
            "loops": one.loops,
            "peak_mb": round(one.peak_kb / 1024, 1),
            "capped": one.capped,
            "problem": one.problem,
        }
        for one in decision.timings
    ]
    return {"protocol": TIMING_PROTOCOL, "load_per_cpu": about.load, "rows": rows}


def _not_measured(decision: Decision, about: Circumstances) -> dict[str, str]:
    return dict(about.not_measured) | {
        name: "was not measured" for name in decision.not_measured if name not in about.not_measured
    }


def figure_text(raw: float, unit: str) -> str:
    """A measured figure for people: 0.00035 s is 350 µs."""
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
            if raw * factor >= 1:
                return f"{raw * factor:.3g} {name}"
        return f"{raw * 1e9:.3g} ns"
    return f"{raw:.3g} {unit}".strip()


def _and(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
