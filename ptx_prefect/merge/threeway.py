"""Three-way comparison of sequences: which stretches each side changed, in coordinates of all three."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ptx_prefect.merge.alignment import Block, align

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the base and what stands for it on each side.

    ``changed_by`` is 0 for nobody, 1 for ours, 2 for theirs, 3 for both.
    """

    changed_by: int
    base: Span
    ours: Span
    theirs: Span


@dataclass(frozen=True, slots=True)
class Versions:
    """The three versions of one place, as lines."""

    base: tuple[str, ...]
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


def cut(versions: Versions, stretch: Stretch) -> Versions:
    """What a stretch covers of each version."""
    return Versions(
        versions.base[slice(*stretch.base)],
        versions.ours[slice(*stretch.ours)],
        versions.theirs[slice(*stretch.theirs)],
    )


def compare(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str], *, touching: bool) -> list[Stretch]:
    """The stretches in order; together they cover all three sequences.

    Args:
        touching: changes that meet without a shared item between them become one stretch changed by both (as git does);
            otherwise they stay apart, unless both insert at the same place.
    """
    return weave(align(base, ours), align(base, theirs), len(base), len(ours), len(theirs), touching=touching)


def has_edits_of(base: Sequence[str], less: Sequence[str], more: Sequence[str]) -> bool:
    """True when ``more`` holds, in their places, all lines that ``less`` put in, and none that it took out."""
    for stretch in compare(base, less, more, touching=False):
        if stretch.changed_by in (0, 2):
            continue
        part, full = less[slice(*stretch.ours)], more[slice(*stretch.theirs)]
        if stretch.changed_by == 1 or not _runs_through(part, full):
            return False
        old = Counter(base[slice(*stretch.base)])
        if not old - Counter(part) <= old - Counter(full):
            return False
    return True


def _runs_through(part: Sequence[str], whole: Sequence[str]) -> bool:
    """True when the items of ``part`` stand in ``whole``, in their order."""
    rest = iter(whole)
    return all(item in rest for item in part)


def weave(
    our_blocks: list[Block],
    their_blocks: list[Block],
    base_size: int,
    our_size: int,
    their_size: int,
    *,
    touching: bool,
) -> list[Stretch]:
    """As :func:`compare`, from alignments that are already known."""
    our_edits, their_edits = _edits(our_blocks, base_size, our_size), _edits(their_blocks, base_size, their_size)
    stretches: list[Stretch] = []
    position, our_shift, their_shift = 0, 0, 0
    first, second = 0, 0
    while first < len(our_edits) or second < len(their_edits):
        low, high, mine, yours = _next_group(our_edits, their_edits, first, second, touching=touching)
        if low > position:
            stretches.append(_stretch(0, (position, low), our_shift, our_shift, their_shift, their_shift))
        grown = sum((end - start) - (stop - begin) for begin, stop, start, end in our_edits[first:mine])
        their_grown = sum((end - start) - (stop - begin) for begin, stop, start, end in their_edits[second:yours])
        changed_by = (1 if mine > first else 0) | (2 if yours > second else 0)
        stretches.append(
            _stretch(changed_by, (low, high), our_shift, our_shift + grown, their_shift, their_shift + their_grown)
        )
        position, our_shift, their_shift = high, our_shift + grown, their_shift + their_grown
        first, second = mine, yours
    if position < base_size:
        stretches.append(_stretch(0, (position, base_size), our_shift, our_shift, their_shift, their_shift))
    return stretches


def _stretch(changed_by: int, base: Span, our_low: int, our_high: int, their_low: int, their_high: int) -> Stretch:
    low, high = base
    return Stretch(changed_by, base, (low + our_low, high + our_high), (low + their_low, high + their_high))


Edit = tuple[int, int, int, int]


def _edits(blocks: list[Block], first_size: int, second_size: int) -> list[Edit]:
    """The gaps between matching blocks: start and end in the base, start and end in the side."""
    edits: list[Edit] = []
    i = j = 0
    for at, there, size in [*blocks, (first_size, second_size, 0)]:
        if at > i or there > j:
            edits.append((i, at, j, there))
        i, j = at + size, there + size
    return edits


def _next_group(
    our_edits: list[Edit], their_edits: list[Edit], first: int, second: int, *, touching: bool
) -> tuple[int, int, int, int]:
    """Start and end in the base of the next stretch, and the edits that come after it."""
    heads = [edits[at] for edits, at in ((our_edits, first), (their_edits, second)) if at < len(edits)]
    low, high = min((edit[0], edit[1]) for edit in heads)
    mine, yours = first, second
    grew = True
    while grew:
        grew = False
        while mine < len(our_edits) and _belongs(our_edits[mine], low, high, mine == first, touching, yours > second):
            high, mine, grew = max(high, our_edits[mine][1]), mine + 1, True
        while yours < len(their_edits) and _belongs(
            their_edits[yours], low, high, yours == second, touching, mine > first
        ):
            high, yours, grew = max(high, their_edits[yours][1]), yours + 1, True
    return low, high, mine, yours


def _belongs(edit: Edit, low: int, high: int, is_first: bool, touching: bool, other_is_in: bool) -> bool:
    start, end = edit[0], edit[1]
    if is_first and not other_is_in:
        return start == low and end == high
    if touching:
        return start <= high
    return start < high or (start == end == low == high)
