"""Which section built on which: a section that started from another's work is its heir, not its rival."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def ancestors_of(names: Sequence[str], after: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """For every name all that it builds on, near and far; names without an entry in ``after`` build on nothing."""
    found: dict[str, frozenset[str]] = {}
    for name in names:
        pending, seen = list(after.get(name, ())), set[str]()
        while pending:
            one = pending.pop()
            if one not in seen:
                seen.add(one)
                pending.extend(after.get(one, ()))
        found[name] = frozenset(seen)
    return found


def heirs_last(names: Collection[str], ancestors: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Those of ``names`` on which no other of them builds, in the order given: they hold what the others did."""
    inherited = frozenset[str]().union(*(ancestors[name] for name in names))
    return tuple(name for name in names if name not in inherited)


def closest(groups: Sequence[frozenset[str]]) -> tuple[frozenset[str], tuple[int, ...]]:
    """The histories that share most, and what they share.

    ``groups`` are histories (a tip with all that it builds on). Merging the closest first, against what they share,
    keeps an inherited edit from looking like one that several made.
    """
    shared = max(
        (groups[one] & groups[other] for one in range(len(groups)) for other in range(one)),
        key=lambda common: (len(common), sorted(common, reverse=True)),
    )
    return shared, tuple(index for index, group in enumerate(groups) if shared <= group)
