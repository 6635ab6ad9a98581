"""From scores and ballots to a ranking: weighted score, Pareto front and knee, Borda count, approval.

Every rule gives the same winner for any order of the candidates and for scaled weights; what it cannot tell apart
it names as tied. ``prefer`` is the order in which ties are resolved (names; those that it leaves out come after it,
alphabetically).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.values import Score

DIGITS = 9
"""Totals are compared to this many digits: the order of a float sum must not decide a vote."""

Ballot = Sequence[Sequence[str]]
"""One judge's ranking, best first; names that stand in one group are equal to that judge."""

Table = Mapping[str, Mapping[str, Score]]
"""Candidate to criterion to score."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a rule made of the scores.

    Attributes:
        order: every candidate, best first.
        tied: names that the rule cannot tell from the first of ``order``.
        totals: what the rule compared: higher is better (for ``pareto``: 10 minus the distance to the ideal).
        bounds: ``totals`` with the spread of the measurements.
        front: the candidates that nobody dominates, best first; only ``pareto`` fills it.
        not_counted: criterion to the reason why it took no part.
        ballots: what was counted, by judge (or criterion), best first; only ``borda`` and ``approval`` fill it.
    """

    order: tuple[str, ...]
    tied: tuple[str, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    front: tuple[str, ...] = ()
    not_counted: Mapping[str, str] = field(default_factory=dict)
    ballots: Mapping[str, Ballot] = field(default_factory=dict)


def weighted_score(
    scores: Sequence[Score], weights: Mapping[str, float] | None = None, *, prefer: Sequence[str] = ()
) -> Ranked:
    """Rank by the weighted sum of the scores, out of 10 for each criterion that counts.

    Equal weights give the plain sum: three criteria add up to at most 30. Candidates whose bounds overlap those of
    the best total are tied with it. ``prefer`` orders those that only the noise of a measurement tells apart; judges
    at odds leave a tie too, but the higher total stays first.

    Raises:
        VoteError: no criterion is scored for every candidate, or no weight is above zero.
    """
    table, not_counted = counted(scores)
    shares = shares_of(_criteria(table), weights)
    totals = {name: _weigh(row, shares, "value") for name, row in table.items()}
    bounds = {name: (_weigh(row, shares, "low"), _weigh(row, shares, "high")) for name, row in table.items()}
    noise = {name: (_weigh(row, shares, "least"), _weigh(row, shares, "most")) for name, row in table.items()}
    order, _ = _ranked(totals, noise, prefer)
    tied = tuple(name for name in order[1:] if _overlap(bounds[order[0]], bounds[name]))
    return Ranked(order, tied, totals, bounds, not_counted=not_counted)


def pareto(
    scores: Sequence[Score], weights: Mapping[str, float] | None = None, *, prefer: Sequence[str] = ()
) -> Ranked:
    """Rank by the Pareto front, and on the front by the knee: the least distance to the ideal point.

    The ideal has the best score found on each criterion; the distance is the weighted root mean square of what a
    candidate lacks, so a balanced candidate comes before one that excels in a single criterion (compromise
    programming, Zeleny 1973). Behind the front come the candidates that only front members dominate, and so on.

    Raises:
        VoteError: no criterion is scored for every candidate, or no weight is above zero.
    """
    table, not_counted = counted(scores)
    criteria = _criteria(table)
    shares = shares_of(criteria, weights)
    points = {name: tuple(round(row[key].value, DIGITS) for key in criteria) for name, row in table.items()}
    ideal = [max(point[axis] for point in points.values()) for axis in range(len(criteria))]
    totals = {
        name: round(10 - _distance(point, ideal, [shares[key] for key in criteria]), DIGITS)
        for name, point in points.items()
    }
    layers = _layers(points)
    order = tuple(name for layer in layers for name in _sorted(layer, totals, prefer))
    tied = tuple(name for name in order[1:] if _overlap_everywhere(table[order[0]], table[name]))
    front = tuple(name for name in order if name in layers[0])
    return Ranked(order, tied, totals, front=front, not_counted=not_counted)


def borda(ballots: Mapping[str, Ballot], candidates: Sequence[str], *, prefer: Sequence[str] = ()) -> Ranked:
    """Rank by Borda count: on each ballot a candidate gets one point for each one that it beats, half for an equal.

    Candidates that a ballot leaves out share its last place.

    Raises:
        VoteError: no ballot, or a ballot that names a stranger or names one twice.
    """
    totals = dict.fromkeys(candidates, 0.0)
    for judge, ballot in _checked(ballots, candidates).items():
        listed = {name for group in ballot for name in group}
        groups = [*ballot, [name for name in candidates if name not in listed]]
        below = len(candidates)
        for group in groups:
            below -= len(group)
            for name in group:
                totals[name] += below + (len(group) - 1) / 2
        if below:
            raise AssertionError(f"ballot of {judge!r} does not add up")
    order, tied = _ranked(totals, None, prefer)
    return Ranked(order, tied, totals, ballots=ballots)


def approval(
    ballots: Mapping[str, Collection[str]], candidates: Sequence[str], *, prefer: Sequence[str] = ()
) -> Ranked:
    """Rank by the number of judges that approve of a candidate.

    Raises:
        VoteError: no ballot, or a ballot that names a stranger.
    """
    sets = {judge: tuple(sorted(set(names))) for judge, names in ballots.items()}
    _checked({judge: (names,) for judge, names in sets.items()}, candidates)
    totals = {name: float(sum(name in names for names in sets.values())) for name in candidates}
    order, tied = _ranked(totals, None, prefer)
    return Ranked(order, tied, totals, ballots={judge: (names,) for judge, names in sets.items()})


def ballots_of(scores: Sequence[Score], by: Mapping[str, str] | None = None) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Scores as ranked ballots, one for each criterion: what Borda counts where no judge ranked.

    Args:
        scores: criteria that are not scored for every candidate cast no ballot.
        by: renames criteria to judges.
    """
    table, _ = counted(scores)
    ballots = {}
    for criterion in _criteria(table):
        values = {name: round(row[criterion].value, DIGITS) for name, row in table.items()}
        levels = sorted(set(values.values()), reverse=True)
        ballots[(by or {}).get(criterion, criterion)] = tuple(
            tuple(sorted(name for name in values if values[name] == level)) for level in levels
        )
    return ballots


def approvals_of(scores: Sequence[Score], *, at_least: float = 7.0) -> dict[str, tuple[str, ...]]:
    """Scores as approval ballots, one for each criterion: it approves of every candidate with ``at_least`` (of 10)."""
    table, _ = counted(scores)
    return {
        criterion: tuple(sorted(name for name, row in table.items() if row[criterion].value >= at_least))
        for criterion in _criteria(table)
    }


def weight_ranges(
    scores: Sequence[Score], winner: str, weights: Mapping[str, float] | None = None
) -> dict[str, tuple[float, float]]:
    """For each criterion, the shares of the total weight (0 to 1) between which ``winner`` holds.

    The other criteria keep their proportions. A range that ends at 0 or 1 has no limit on that side; ``winner`` holds
    as long as nobody beats it by more than the spread of the measurements. An empty range cannot occur for the winner
    of :func:`weighted_score`; for others the criterion is left out.
    """
    table, _ = counted(scores)
    shares = shares_of(_criteria(table), weights)
    ranges = {}
    for criterion in shares:
        limits = [_holds(_leads(table[winner], table[rival], criterion, shares)) for rival in table if rival != winner]
        low = max((limit[0] for limit in limits), default=0.0)
        high = min((limit[1] for limit in limits), default=1.0)
        if low <= high:
            ranges[criterion] = (round(low, 6), round(high, 6))
    return ranges


def shares_of(criteria: Sequence[str], weights: Mapping[str, float] | None = None) -> dict[str, float]:
    """Each criterion's share of the total weight. A criterion without a weight has weight 1.

    Raises:
        VoteError: a negative or endless weight, or none above zero.
    """
    found = {key: float((weights or {}).get(key, 1.0)) for key in criteria}
    wrong = {key: value for key, value in found.items() if not 0 <= value < math.inf}
    if wrong:
        raise VoteError(f"weights must be finite and not negative, found {wrong!r}; correct `weights`")
    # Scaled by the largest first, so that neither huge nor tiny weights overflow or vanish in the sum.
    largest = max(found.values(), default=0.0)
    if largest == 0:
        raise VoteError(f"no criterion has a weight above zero: {found!r}; give one of them a positive weight")
    total = math.fsum(value / largest for value in found.values())
    return {key: value / largest / total for key, value in found.items()}


def counted(scores: Sequence[Score]) -> tuple[dict[str, dict[str, Score]], dict[str, str]]:
    """The scores as a table of the criteria that every candidate has, and why the others do not count.

    Raises:
        VoteError: nothing is scored for every candidate, or one score stands twice.
    """
    names = sorted({score.candidate for score in scores})
    criteria = list(dict.fromkeys(score.criterion for score in scores))
    cells: dict[tuple[str, str], Score] = {}
    for score in scores:
        key = (score.candidate, score.criterion)
        if key in cells:
            raise VoteError(f"{key[0]!r} has two scores for {key[1]!r}; combine them first (combine_judgements)")
        cells[key] = score
    not_counted = {}
    for criterion in criteria:
        missing = [name for name in names if (name, criterion) not in cells]
        if missing:
            not_counted[criterion] = f"has no score for {', '.join(map(repr, missing))}"
    whole = [criterion for criterion in criteria if criterion not in not_counted]
    if not whole:
        raise VoteError(
            f"no criterion is scored for every candidate: {not_counted or 'no scores at all'}; "
            "give scores, add a judge, or name a criterion that can be measured"
        )
    return {name: {criterion: cells[name, criterion] for criterion in whole} for name in names}, not_counted


def _criteria(table: Table) -> list[str]:
    return list(next(iter(table.values())))


def _weigh(row: Mapping[str, Score], shares: Mapping[str, float], part: str) -> float:
    total = math.fsum(share * getattr(row[criterion], part) for criterion, share in shares.items())
    return round(total * len(shares), DIGITS)


def _ranked(
    totals: Mapping[str, float], bounds: Mapping[str, tuple[float, float]] | None, prefer: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if not totals:
        return (), ()
    top = max(totals, key=lambda name: totals[name])
    if bounds is None:
        level = {name for name in totals if round(totals[name] - totals[top], DIGITS) == 0}
    else:
        level = {name for name in totals if bounds[name][1] >= bounds[top][0]}
    rank = {name: place for place, name in enumerate(prefer)}
    first = sorted(level, key=lambda name: (rank.get(name, len(rank)), -totals[name], name))
    rest = _sorted([name for name in totals if name not in level], totals, prefer)
    return (*first, *rest), tuple(first[1:])


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _sorted(names: Collection[str], totals: Mapping[str, float], prefer: Sequence[str]) -> list[str]:
    rank = {name: place for place, name in enumerate(prefer)}
    return sorted(names, key=lambda name: (-totals[name], rank.get(name, len(rank)), name))


def _distance(point: Sequence[float], ideal: Sequence[float], shares: Sequence[float]) -> float:
    return math.sqrt(
        math.fsum(share * (best - value) ** 2 for share, best, value in zip(shares, ideal, point, strict=True))
    )


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return one != other and all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def _layers(points: Mapping[str, tuple[float, ...]]) -> list[list[str]]:
    layers: list[list[str]] = []
    left = dict(points)
    while left:
        layer = [name for name in left if not any(_dominates(other, left[name]) for other in left.values())]
        layers.append(layer)
        for name in layer:
            del left[name]
    return layers


def _overlap_everywhere(one: Mapping[str, Score], other: Mapping[str, Score]) -> bool:
    return all(one[key].low <= other[key].high and other[key].low <= one[key].high for key in one)


def _checked(ballots: Mapping[str, Ballot], candidates: Sequence[str]) -> Mapping[str, Ballot]:
    if not ballots:
        raise VoteError("there is no ballot to count; add judges, or take another aggregation")
    for judge, ballot in ballots.items():
        names = [name for group in ballot for name in group]
        strangers = sorted(set(names) - set(candidates))
        if strangers:
            raise VoteError(f"the ballot of {judge!r} names {strangers!r}; the candidates are {sorted(candidates)!r}")
        if len(names) != len(set(names)):
            raise VoteError(f"the ballot of {judge!r} names a candidate twice: {names!r}")
    return ballots


def _leads(
    winner: Mapping[str, Score], rival: Mapping[str, Score], criterion: str, shares: Mapping[str, float]
) -> tuple[float, float]:
    """By how much the winner leads if ``criterion`` has none of the weight, and if it has all of it."""
    lead = {key: winner[key].high - rival[key].low for key in shares}
    rest = math.fsum(share for key, share in shares.items() if key != criterion)
    if rest > 0:
        without = math.fsum(share * lead[key] for key, share in shares.items() if key != criterion) / rest
    else:
        others = [lead[key] for key in shares if key != criterion]
        without = math.fsum(others) / len(others) if others else lead[criterion]
    return round(without, DIGITS), round(lead[criterion], DIGITS)


def _holds(ends: tuple[float, float]) -> tuple[float, float]:
    """The part of 0..1 on which the line through ``ends`` is not below zero."""
    start, end = ends
    if start >= 0 and end >= 0:
        return 0.0, 1.0
    if start < 0 and end < 0:
        return 1.0, 0.0
    root = start / (start - end)
    return (0.0, root) if start >= 0 else (root, 1.0)
