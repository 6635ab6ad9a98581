"""Who behaves alike, and which behaviour has the most support.

The support of a group is what all groups lend it: each lends its size, weighted by how many answers it shares with
the group (squared: half the answers in common are a quarter of an agreement), as in minimum Bayes risk decoding over
executions (Shi et al., EMNLP 2022) and in ranking clusters by overlap (SRank, ACL Findings 2024). Tests of unknown
quality, where there are any, weigh both sides by the share that they pass (as CodeT, ICLR 2023, does with sets of
tests). An error agrees with nobody, not even with the same error, unless it is meant (see `meant_errors`); nor does a
value of which nothing is seen. Voters' records order groups of equal support and do nothing else: who was right before
does not outvote what most do now. Of programs that are one and the same but for names the square root of their number
counts, as CodeT has it for all: copies are no independent evidence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.vote.inside.wire import UNSEEN
from ptx_prefect.vote.values import Output

_DIGITS = 9
_SHARPNESS = 2
_GIVEN_WEIGHT = 2


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One candidate's answers and what speaks for it beside them.

    Attributes:
        outputs: one for each call, the same calls for every candidate.
        credence: the share of the tests of unknown quality that it passes, smoothed; 1 without any.
        program: equal for candidates that are one program; empty where that is not known.
        weight: how often its voter was right before; decides between groups of equal support only.
    """

    outputs: tuple[Output, ...]
    credence: float = 1.0
    weight: float = 0.5
    program: str = ""


def group_by_behaviour(
    field: Mapping[str, Behaviour], *, given: int = 0
) -> tuple[tuple[tuple[str, ...], ...], tuple[float, ...]]:
    """Groups of names that answer alike, best supported first, and each group's support as a share of 1.

    Groups of equal support stand in the order of their voters' records, then of their first members. Candidates that
    give nothing but errors and ``None`` come last, each alone, without support, be there others or not.

    Args:
        given: so many of the first calls were given; together they weigh twice as much as all that were made up, which
            may ask for what nobody wants.
    """
    alive = {name: one for name, one in field.items() if not _is_degenerate(one.outputs)}
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, one in alive.items():
        mark: tuple[object, ...] = (one.credence, *(_vector(one.outputs) if one.outputs else ()))
        groups.setdefault(mark, []).append(name)
    listed = list(groups.values())
    supports = _supports([[alive[name] for name in group] for group in listed], given)
    records = [sum(alive[name].weight for name in group) for group in listed]
    order = sorted(
        range(len(supports)), key=lambda index: (-round(supports[index], _DIGITS), -round(records[index], _DIGITS))
    )
    total = sum(supports) or 1.0
    rest = [(name,) for name in field if name not in alive]
    names = (*(tuple(listed[index]) for index in order), *rest)
    return names, (*(supports[index] / total for index in order), *(0.0 for _ in rest))


def _is_degenerate(outputs: Sequence[Output]) -> bool:
    return bool(outputs) and all(
        output.kind != "value" or not output.is_answer or output.seen == "None" for output in outputs
    )


def _vector(outputs: Sequence[Output]) -> tuple[str, ...]:
    return tuple(output.seen if output.is_answer else f"{UNSEEN}{output.kind}" for output in outputs)


def _supports(groups: Sequence[Sequence[Behaviour]], given: int) -> list[float]:
    vectors = [_vector(group[0].outputs) for group in groups]
    lent = [_size(group) * group[0].credence for group in groups]
    return [
        group[0].credence
        * sum(size * _overlap(mine, other, given) ** _SHARPNESS for other, size in zip(vectors, lent, strict=True))
        for group, mine in zip(groups, vectors, strict=True)
    ]


def _size(group: Sequence[Behaviour]) -> float:
    copies = Counter(one.program or str(place) for place, one in enumerate(group))
    return sum(math.sqrt(count) for count in copies.values())


def _overlap(one: Sequence[str], other: Sequence[str], given: int) -> float:
    """The share of answers in common, over the given calls and over the others, the first weighing more."""
    alike = [mine == theirs and mine[0] != UNSEEN for mine, theirs in zip(one, other, strict=True)]
    parts = [(part, weight) for part, weight in ((alike[:given], _GIVEN_WEIGHT), (alike[given:], 1)) if part]
    shares = sum(weight * sum(part) / len(part) for part, weight in parts)
    return shares / sum(weight for _, weight in parts) if parts else 1.0
