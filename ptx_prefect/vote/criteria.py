"""Evaluation criteria: which ones are measured, how, and by which rule a measurement becomes 0 to 10.

The rule is one for all, relative to the field: the best candidate gets 10, and each doubling of the cost takes a
point: ``10 - log2((cost + s) / (best + s))``, not below 0. ``s`` is the cost that is as good as nothing for that
figure, so that 0 against 1 lint finding is not an endless ratio. A criterion made of several figures is the mean of
their points. What could not be measured has no score: it is named with the reason, and is never a 0.

=================  ==========================================================================================
performance        time of one pass over the benchmark (minimum of the repetitions); 1.25x is within the noise
memory             largest resident size of the process during the benchmark; 1 MB is as good as nothing
correctness        10 x the share of the visible tests that pass (not relative)
length             statements (s = 10)
code_quality       lint findings (ruff, s = 2), cognitive complexity (complexipy, s = 5)
readability        cognitive complexity (s = 5), nesting (s = 2), longest function (s = 10), density (s = 5)
maintainability    coupling (s = 3), lack of cohesion (s = 1), cyclomatic complexity (s = 5), statements (s = 10)
=================  ==========================================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.metrics import SourceMeasures, measure_sources
from ptx_prefect.vote.values import GateResult, Score, Timing

NOISE_RATIO = 1.25
"""Two times closer than this are a tie: one pair in ten is ranked wrong at 1.2x on a busy machine."""

_MEMORY_SOFT_KB, _MEMORY_NOISE_RATIO = 1024, 1.1


@dataclass(frozen=True, slots=True)
class Criterion:
    """A criterion that can be measured, the other words for it, and the source figures it is made of (name to s)."""

    name: str
    synonyms: tuple[str, ...]
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_fact(self) -> bool:
        """Measured whatever judges say; the others are matters of taste."""
        return self.name in _FACTS


KNOWN: tuple[Criterion, ...] = (
    Criterion("performance", ("speed", "runtime", "execution time", "time", "latency", "throughput", "efficiency")),
    Criterion("memory", ("memory efficiency", "memory usage", "space", "footprint")),
    Criterion("correctness", ("accuracy", "tests passed", "reliability")),
    Criterion("length", ("brevity", "conciseness", "size", "lines of code", "loc"), {"statements": 10}),
    Criterion("code_quality", ("quality", "lint", "cleanliness"), {"findings": 2, "cognitive": 5}),
    Criterion(
        "readability",
        ("clarity", "simplicity", "complexity", "code complexity", "cognitive complexity", "understandability"),
        {"cognitive": 5, "nesting": 2, "longest": 10, "density": 5},
    ),
    Criterion(
        "maintainability",
        ("coupling", "cohesion", "coupling and cohesion", "modularity", "extensibility"),
        {"coupling": 3, "scatter": 1, "cyclomatic": 5, "statements": 10},
    ),
)
_BY_WORD = {word: criterion for criterion in KNOWN for word in (criterion.name.replace("_", " "), *criterion.synonyms)}
_FACTS = ("performance", "memory", "correctness", "length")
_TOOLS = {"findings": "ruff", "cognitive": "complexipy"}


@dataclass(frozen=True, slots=True)
class Measured:
    """The score table of a field.

    Attributes:
        scores: one for each candidate and criterion that could be scored, under the criterion's name in the task.
        not_measured: criterion to the reason.
        figures: candidate to what was read off its source; for the rationale.
        notes: what the reader must know about the scores.
    """

    scores: tuple[Score, ...] = ()
    not_measured: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, SourceMeasures] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def known_criterion(name: str) -> Criterion | None:
    """The measurable criterion that a free text means: case, hyphens and what follows a colon do not matter."""
    words = re.sub(r"[\W_]+", " ", name.split(":")[0]).strip().lower()
    return _BY_WORD.get(words)


def check_criteria(asked: Sequence[str], scored: Sequence[str] = (), *, judged: bool = False) -> None:
    """Refuse criteria that nobody will score, all of them at once, and several words for one measurement.

    Args:
        asked: the criteria of the task.
        scored: criteria for which scores are given.
        judged: whether there are judges; they can score anything.

    Raises:
        VoteError: names what is known, or what would count twice.
    """
    unknown = [name for name in asked if known_criterion(name) is None and name not in scored]
    if unknown and not judged:
        raise VoteError(
            f"evaluation_criteria {unknown!r} cannot be measured; known are "
            f"{', '.join(criterion.name for criterion in KNOWN)} (and usual words for them). "
            "Give each voter a score for them (`scores`), or add `judges`"
        )
    measured: dict[str, list[str]] = {}
    for name in asked:
        known = known_criterion(name)
        if known is not None and name not in scored and (known.is_fact or not judged):
            measured.setdefault(known.name, []).append(name)
    for what, names in measured.items():
        if len(names) > 1:
            told = f"evaluation_criteria {names!r} are one measurement ({what})"
            raise VoteError(f"{told} and would count {len(names)} times; keep one of them")


def score_field(
    asked: Sequence[str],
    sources: Mapping[str, str],
    *,
    timings: Sequence[Timing] = (),
    gate: Sequence[GateResult] = (),
    given: Mapping[str, Mapping[str, float]] | None = None,
    judged: Sequence[Score] = (),
) -> Measured:
    """Score every candidate of ``sources`` on every criterion that was asked for.

    Given scores (candidate to criterion to 0..10) count where every candidate has one. Judges' scores count for
    what cannot be measured, and for the matters of taste (quality, readability, maintainability); time, memory,
    length and tests are facts and stay measured.
    """
    figures, notes = _figures(asked, sources, given or {})
    scores: list[Score] = []
    missing: dict[str, str] = {}
    for name in dict.fromkeys(asked):
        criterion = known_criterion(name)
        gifts = {one: row[name] for one, row in (given or {}).items() if name in row and one in sources}
        opinions = [score for score in judged if score.criterion == name and score.candidate in sources]
        if gifts and set(gifts) == set(sources):
            found: list[Score] | str = [Score(one, name, v, v, v, v, "", "given") for one, v in gifts.items()]
        elif opinions and (criterion is None or not criterion.is_fact):
            found = opinions
        elif criterion is None:
            found = "nobody scored it"
        else:
            found = _measured(name, criterion, sources, timings, gate, figures)
        if gifts and set(gifts) != set(sources):
            notes.append(f"the given scores for {name!r} cover only some candidates and were not used")
        if isinstance(found, str):
            missing[name] = found
        else:
            scores.extend(found)
    return Measured(
        tuple(scores),
        missing,
        {name: one for name, one in figures.items() if isinstance(one, SourceMeasures)},
        tuple(notes),
    )


def points(cost: float, best: float, soft: float = 0.0) -> float:
    """0 to 10 for a cost, relative to the best one: each doubling takes a point."""
    if cost + soft <= best + soft:
        return 10.0
    if not math.isfinite(cost) or best + soft <= 0:
        return 0.0
    return max(0.0, 10 - math.log2((cost + soft) / (best + soft)))


def cost_s(timing: Timing) -> float:
    """The seconds that count: infinite for a candidate that went over the limit."""
    return math.inf if timing.capped else timing.thread_s


def _figures(
    asked: Sequence[str], sources: Mapping[str, str], given: Mapping[str, Mapping[str, float]]
) -> tuple[dict[str, SourceMeasures | str], list[str]]:
    wanted = [name for name in asked if not all(name in given.get(one, {}) for one in sources)]
    if not any(criterion.figures for name in wanted if (criterion := known_criterion(name))):
        return {}, []
    figures = measure_sources(sources)
    return figures, [f"{name!r} {reason}" for name, reason in figures.items() if isinstance(reason, str)]


def _measured(
    name: str,
    criterion: Criterion,
    sources: Mapping[str, str],
    timings: Sequence[Timing],
    gate: Sequence[GateResult],
    figures: Mapping[str, SourceMeasures | str],
) -> list[Score] | str:
    if criterion.name == "performance":
        return _from_times(name, {one.candidate: one for one in timings if one.candidate in sources}, sources)
    if criterion.name == "memory":
        return _from_memory(name, {one.candidate: one for one in timings if one.candidate in sources}, sources)
    if criterion.name == "correctness":
        return _from_gate(name, {one.candidate: one for one in gate if one.candidate in sources}, sources)
    return _from_figures(name, criterion, figures, sources)


def _from_times(name: str, timings: Mapping[str, Timing], sources: Mapping[str, str]) -> list[Score] | str:
    if set(timings) != set(sources):
        return "nothing was timed: give a benchmark or inputs"
    best = min(cost_s(timing) for timing in timings.values())
    if not math.isfinite(best):
        return "no candidate ended the benchmark within the time limit"
    scores = []
    for one, timing in timings.items():
        cost = cost_s(timing)
        value, spread = points(cost, best), _spread_of(timing)
        raw = cost if math.isfinite(cost) else None
        scores.append(_score(one, name, value, 0.0 if raw is None else spread, raw, "s"))
    return scores


def _spread_of(timing: Timing) -> float:
    """Points up or down: half the noise of a ratio of two times, or half of how far the two best samples differ."""
    lowest = sorted(timing.samples_s)[:2]
    differs = lowest[1] / lowest[0] if len(lowest) == 2 and lowest[0] > 0 else 1.0
    return math.log2(max(NOISE_RATIO, min(differs, 2.0))) / 2


def _from_memory(name: str, timings: Mapping[str, Timing], sources: Mapping[str, str]) -> list[Score] | str:
    if set(timings) != set(sources) or not all(timing.peak_kb > 0 for timing in timings.values()):
        return "the memory of some candidate was not measured: give a benchmark or inputs"
    best = min(timing.peak_kb for timing in timings.values())
    spread = math.log2(_MEMORY_NOISE_RATIO) / 2
    return [
        _score(one, name, points(timing.peak_kb, best, _MEMORY_SOFT_KB), spread, timing.peak_kb / 1024, "MB")
        for one, timing in timings.items()
    ]


def _from_gate(name: str, gate: Mapping[str, GateResult], sources: Mapping[str, str]) -> list[Score] | str:
    if set(gate) != set(sources) or not all(result.passed for result in gate.values()):
        return "there are no visible tests: give tests"
    shares = {one: sum(result.passed) / len(result.passed) for one, result in gate.items()}
    return [_score(one, name, 10 * share, 0.0, share, "of the tests") for one, share in shares.items()]


def _from_figures(
    name: str, criterion: Criterion, figures: Mapping[str, SourceMeasures | str], sources: Mapping[str, str]
) -> list[Score] | str:
    rows: dict[str, SourceMeasures] = {}
    for one in sources:
        row = figures.get(one)
        if not isinstance(row, SourceMeasures):
            return f"{one!r} {row or 'was not read'}"
        rows[one] = row
    parts: dict[str, list[float]] = {one: [] for one in rows}
    for figure, soft in criterion.figures.items():
        costs = {one: getattr(row, figure) for one, row in rows.items()}
        if any(cost is None for cost in costs.values()):
            return f"needs {_TOOLS[figure]}, which is missing or failed: pip install 'ptx-prefect[vote]'"
        best = min(costs.values())
        for one, cost in costs.items():
            parts[one].append(points(cost, best, soft))
    raw = {one: _raw_of(criterion, row) for one, row in rows.items()}
    return [_score(one, name, sum(found) / len(found), 0.0, *raw[one]) for one, found in parts.items()]


def _raw_of(criterion: Criterion, row: SourceMeasures) -> tuple[float | None, str]:
    """The single figure of a criterion; one that is made of several has no single raw value."""
    if len(criterion.figures) != 1:
        return None, ""
    figure = next(iter(criterion.figures))
    return float(getattr(row, figure)), figure


def _score(candidate: str, criterion: str, value: float, spread: float, raw: float | None, unit: str) -> Score:
    value = round(value, 6)
    return Score(candidate, criterion, value, max(0.0, value - spread), min(10.0, value + spread), raw, unit)
