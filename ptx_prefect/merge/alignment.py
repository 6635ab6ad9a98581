"""What two sequences share: the alignment under every finer merge than git's."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

_DENSE_LIMIT = 40_000
"""Pairs of unmatched items up to which the quadratic matcher is worth its time."""

Block = tuple[int, int, int]
"""Start in the first sequence, start in the second, length."""


def align(first: Sequence[str], second: Sequence[str]) -> list[Block]:
    """Matching blocks in order, neither overlapping nor touching on both sides.

    Items that occur once on each side anchor the alignment (patience diff, Bram Cohen); the gaps between anchors are
    small, so the longest-match-first search of :mod:`difflib` may look into them. An insertion or a deletion that can
    be cut out in several ways (a blank line before it, another behind it) starts as far down as it can: the same edit
    made by two sides is then cut alike, whatever else they changed.
    """
    pairs: list[Block] = []
    _align_range(first, second, 0, len(first), 0, len(second), pairs)
    return _slid_down(_joined(pairs), first, second)


def _align_range(
    first: Sequence[str], second: Sequence[str], low: int, high: int, start: int, end: int, out: list[Block]
) -> None:
    prefix = 0
    while low + prefix < high and start + prefix < end and first[low + prefix] == second[start + prefix]:
        prefix += 1
    if prefix:
        out.append((low, start, prefix))
        low, start = low + prefix, start + prefix
    suffix = 0
    while low < high - suffix and start < end - suffix and first[high - suffix - 1] == second[end - suffix - 1]:
        suffix += 1
    high, end = high - suffix, end - suffix
    if low < high and start < end:
        anchors = _anchors(first, second, low, high, start, end)
        if anchors:
            for i, j in [*anchors, (high, end)]:
                if i >= low and j >= start:
                    _align_range(first, second, low, i, start, j, out)
                    if i < high:
                        out.append((i, j, 1))
                    low, start = i + 1, j + 1
        elif (high - low) * (end - start) <= _DENSE_LIMIT:
            matcher = SequenceMatcher(None, first[low:high], second[start:end], autojunk=False)
            out += [(low + i, start + j, size) for i, j, size in matcher.get_matching_blocks() if size]
    if suffix:
        out.append((high, end, suffix))


def _anchors(
    first: Sequence[str], second: Sequence[str], low: int, high: int, start: int, end: int
) -> list[tuple[int, int]]:
    """The longest run, rising in both, of items that are unique in both ranges."""
    seen_first = _unique(first, low, high)
    seen_second = _unique(second, start, end)
    pairs = [(i, seen_second[item]) for item, i in seen_first.items() if i >= 0 and seen_second.get(item, -1) >= 0]
    pairs.sort()
    return _longest_rising(pairs)


def _unique(items: Sequence[str], low: int, high: int) -> dict[str, int]:
    """Item -> its index, or -1 when it occurs more than once."""
    found: dict[str, int] = {}
    for index in range(low, high):
        item = items[index]
        found[item] = -1 if item in found else index
    return found


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    from bisect import bisect_left

    tails: list[int] = []
    tail_at: list[int] = []
    previous: list[int] = []
    for index, (_, second) in enumerate(pairs):
        place = bisect_left(tails, second)
        previous.append(tail_at[place - 1] if place else -1)
        if place == len(tails):
            tails.append(second)
            tail_at.append(index)
        else:
            tails[place], tail_at[place] = second, index
    rising: list[tuple[int, int]] = []
    index = tail_at[-1] if tail_at else -1
    while index >= 0:
        rising.append(pairs[index])
        index = previous[index]
    return rising[::-1]


def _joined(blocks: list[Block]) -> list[Block]:
    joined: list[Block] = []
    for i, j, size in blocks:
        if joined and joined[-1][0] + joined[-1][2] == i and joined[-1][1] + joined[-1][2] == j:
            joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + size)
        else:
            joined.append((i, j, size))
    return joined


def _slid_down(blocks: list[Block], first: Sequence[str], second: Sequence[str]) -> list[Block]:
    """The blocks with every pure insertion or deletion moved down, short of the change that follows it."""
    slid: list[Block] = [(0, 0, 0)]
    for at, there, size in blocks:
        i, j, before = slid[-1]
        end, stop = i + before, j + before
        steps = 0
        if (end == at) != (stop == there):
            items, low, high = (second, stop, there) if end == at else (first, end, at)
            while steps < size - 1 and items[low + steps] == items[high + steps]:
                steps += 1
        slid[-1] = (i, j, before + steps)
        slid.append((at + steps, there + steps, size - steps))
    return _joined([block for block in slid if block[2]])
