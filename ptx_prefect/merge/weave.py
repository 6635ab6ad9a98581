"""The order of keyed things (sections, dependencies, declarations) that two sides added, removed or moved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)


def weave(
    base: Sequence[Key],
    ours: Sequence[Key],
    theirs: Sequence[Key],
    *,
    kept: Collection[Key],
    sort_key: Callable[[Key], Any] | None = None,
) -> tuple[Key, ...] | None:
    """``kept`` in the order that both sides agree on; None when both moved the same things differently.

    What both added at one place stands in side order, ours first. Where all three lists are sorted by ``sort_key``,
    the result is too, so that the place of an addition does not depend on whose it is.
    """
    keep = set(kept)
    if sort_key is not None and all(_is_sorted(keys, sort_key) for keys in (base, ours, theirs)):
        return tuple(sorted(keep, key=sort_key))
    known = set(base) & set(ours) & set(theirs)
    orders = [[key for key in keys if key in known] for keys in (base, ours, theirs)]
    if orders[2] in (orders[0], orders[1]):
        return _inserted(list(ours), theirs, keep, after_rivals=True)
    if orders[1] == orders[0]:
        return _inserted(list(theirs), ours, keep, after_rivals=False)
    return None


def _is_sorted(keys: Sequence[Key], sort_key: Callable[[Key], Any]) -> bool:
    ranks = [sort_key(key) for key in keys]
    return ranks == sorted(ranks)


def _inserted(result: list[Key], others: Sequence[Key], keep: set[Key], *, after_rivals: bool) -> tuple[Key, ...]:
    """``others`` that ``result`` lacks, each put behind its own predecessor."""
    known, shared = set(result), set(others)
    place = 0
    for key in others:
        if key in known:
            place = _position(result, key, place) + 1
            continue
        if key not in keep:
            continue
        while after_rivals and place < len(result) and result[place] not in shared:
            place += 1
        result.insert(place, key)
        known.add(key)
        place += 1
    return tuple(key for key in result if key in keep)


def _position(keys: Sequence[Key], key: Key, near: int) -> int:
    """Where ``key`` is, looking from ``near`` on first, because most keys come in the same order."""
    try:
        return keys.index(key, near)
    except ValueError:
        return keys.index(key)
