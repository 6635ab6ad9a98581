"""One side gave a name another, the other side edited the lines it stands in: the edit, with the new name.

The share is of conflicted files in public histories (docs/decisions/026-which-structural-merges-are-believed.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ptx_prefect.merge.lines import split
from ptx_prefect.merge.python.tokens import Tokens, tokens_of
from ptx_prefect.merge.threeway import Versions

_WORD = re.compile(r"\w+")
_WORDS_LIMIT = 1500
_FEW, _MANY = 2, 12
"""How often the old name stands in the base. Once proves no renaming (14 of 23); far more is a rework (11 of 20)."""


def renamed(clash: Versions, whole: Versions) -> tuple[str, ...] | None:
    """The other side's lines with the new name, where a side did nothing but rename; None where that is not proved.

    The old name is gone from the whole side, was used a few times before, and the other side still uses it here
    (agreed with people in 34 of 40).
    """
    sides = ((clash.ours, whole.ours, clash.theirs), (clash.theirs, whole.theirs, clash.ours))
    old = tokens_of("".join(clash.base))
    for lines, text, other in sides:
        names = _names_given(old.words, tokens_of("".join(lines)).words)
        if names and _are_gone(names, whole.base, text):
            merged = _with_names(tokens_of("".join(other)), names)
            if merged is not None:
                return merged
    return None


def _names_given(old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Old name -> new name, when nothing else differs and every use was changed; empty otherwise."""
    if not 0 < len(old) == len(new) <= _WORDS_LIMIT:
        return {}
    names: dict[str, str] = {}
    for before, after in zip(old, new, strict=True):
        if before == after:
            continue
        if not (before.isidentifier() and after.isidentifier()) or names.setdefault(before, after) != after:
            return {}
    return {} if names.keys() & set(new) else names


def _are_gone(names: dict[str, str], base: Sequence[str], side: Sequence[str]) -> bool:
    before, after = (_WORD.findall("".join(lines)) for lines in (base, side))
    return names.keys().isdisjoint(after) and all(_FEW <= before.count(name) <= _MANY for name in names)


def _with_names(other: Tokens, names: dict[str, str]) -> tuple[str, ...] | None:
    words = set(other.words)
    if not words & names.keys() or words & set(names.values()) or len(other.words) > _WORDS_LIMIT:
        return None
    pieces = (space + names.get(word, word) for space, word in zip(other.spaces, other.words, strict=True))
    return split("".join(pieces) + other.tail)
