"""When a merge put together by structure is believed: judged by how often such merges agree with what people did.

The shares are of conflicted files in public histories (docs/decisions/026-which-structural-merges-are-believed.md);
below five in six, a conflict serves better than a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.edits import Edits, edits
from ptx_prefect.merge.python.clashes import (
    ADDED_ALIKE,
    FULLER_SIDE,
    HIGHER_RELEASE,
    LAYOUT_ONLY,
    MOVED_IN_OR_OUT,
    OTHER_LINES,
    OTHER_WORDS,
    SAME_BUT_LAYOUT,
    SMALL_EDITS,
    SPACED_OUT,
)
from ptx_prefect.merge.python.names import is_valid
from ptx_prefect.merge.python.tokens import plain_words
from ptx_prefect.merge.result import Resolution

_REWRITTEN_LINES = 500
"""Changed lines of one side beyond which people pick a side (agreement 45 %)."""

_FEW_LINES = 5
"""Changed lines of the side that did less, up to which woven lines are believed (88 of 97; beyond, 39 of 51)."""

_FEW_ALIKE = 20
"""The same where both sides' new definitions have lines in common, as tests have (22 of 26; beyond, 38 of 55)."""

_CLEARLY_MORE = 1.6
"""How much more the side that is taken whole at one place has to change in the file (202 of 225; below, 93 of 119)."""

_LAYOUT = {LAYOUT_ONLY, MOVED_IN_OR_OUT, SPACED_OUT}
_DOUBTFUL = {OTHER_LINES, OTHER_WORDS}  # right in a simple file only
_ONE_SIDE_WHOLE = {FULLER_SIDE, HIGHER_RELEASE}  # nothing is put together: what they take has been run by somebody


def is_trusted(resolutions: Sequence[Resolution], base: str, ours: str, theirs: str) -> bool:
    """True when the solved clashes of one file are of a kind that can be believed."""
    kinds = {kind for row in resolutions for kind in row.reason.split("; ")}
    if not kinds or (len(kinds) > 1 and kinds & _DOUBTFUL):
        return False  # nothing but a finer alignment (right in half of the files), or a doubtful rule among others
    if SMALL_EDITS in kinds:
        return False  # right in 68 of 85; it serves to prove that one side has the other's edits
    if _is_partly_reformatted(resolutions) and not any(_is_layout_of(base, side) for side in (ours, theirs)):
        return False
    if SAME_BUT_LAYOUT in kinds and kinds & _LAYOUT:
        return False  # both sides reformatted, each its own way (right in 4 of 8)
    mine, yours = edits(base, ours), edits(base, theirs)
    less, more = sorted(map(_size, (mine, yours)))
    if not kinds <= _ONE_SIDE_WHOLE | _LAYOUT and more > _REWRITTEN_LINES:
        return False
    if FULLER_SIDE in kinds and more <= _CLEARLY_MORE * less:
        return False
    if kinds & _DOUBTFUL and (mine.removed_words & yours.added_words or yours.removed_words & mine.added_words):
        return False  # one side brings in a word that the other takes away: they work on one thing
    if OTHER_LINES in kinds and less > _FEW_LINES:
        return False
    if ADDED_ALIKE in kinds and less >= _FEW_ALIKE:
        return False
    # What does not parse (Python 2, mostly) cannot be checked: right in 56 %.
    return kinds <= _ONE_SIDE_WHOLE or all(is_valid(text) for text in (base, ours, theirs))


def _is_partly_reformatted(resolutions: Sequence[Resolution]) -> bool:
    """True for layout at several places or lines moved (64 of 91 agreed), and for blank lines put in (32 of 42)."""
    reasons = [kind for row in resolutions for kind in row.reason.split("; ") if kind in _LAYOUT]
    return len(reasons) > 1 or bool({MOVED_IN_OR_OUT, SPACED_OUT}.intersection(reasons))


def _is_layout_of(base: str, side: str) -> bool:
    """True when the whole side is the base in another layout: a formatter ran, and nothing of it can be lost."""
    return plain_words(base) == plain_words(side)


def _size(change: Edits) -> int:
    return sum(change.added.values()) + sum(change.removed.values())
