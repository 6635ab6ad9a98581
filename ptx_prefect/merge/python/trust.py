"""When a merge put together by structure is believed: judged by how often such merges agree with what people did.

The shares are of conflicted files in public histories (docs/decisions/020-merge-rules.md); below four in five, a
conflict serves better than a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.edits import Edits, edits
from ptx_prefect.merge.python.names import is_valid
from ptx_prefect.merge.result import Resolution

_REWRITTEN_LINES = 500
"""Changed lines of one side beyond which people pick a side (agreement 45 %)."""

_DOUBTFUL = frozenset(("the sides changed different lines", "the sides changed different words"))
"""Rules that are right in a simple file only."""

_WOVEN = _DOUBTFUL | {"the sides made small edits apart"}
"""Rules that weave lines or words of two sides into one statement or its neighbours."""

_ONE_SIDE_WHOLE = frozenset(("one side has the other's edit too", "both sides raised a version: the higher one stands"))
"""Rules that put nothing together: what they take has been run by somebody."""

_IN_ANY_SIZE = _ONE_SIDE_WHOLE | {"one side changed the layout only"}


def is_trusted(resolutions: Sequence[Resolution], base: str, ours: str, theirs: str) -> bool:
    """True when the solved clashes of one file are of a kind that can be believed."""
    kinds = {kind for row in resolutions for kind in row.reason.split("; ")}
    if not kinds or (len(kinds) > 1 and kinds & _DOUBTFUL):
        return False  # nothing but a finer alignment (right in half of the files), or a doubtful rule among others
    mine, yours = edits(base, ours), edits(base, theirs)
    if kinds & _WOVEN and (mine.removed_words & yours.added_words or yours.removed_words & mine.added_words):
        return False  # one side brings in a word that the other takes away: they work on one thing
    if not kinds <= _IN_ANY_SIZE and max(map(_size, (mine, yours))) > _REWRITTEN_LINES:
        return False
    # What does not parse (Python 2, mostly) cannot be checked: right in 56 %.
    return kinds <= _ONE_SIDE_WHOLE or all(is_valid(text) for text in (base, ours, theirs))


def _size(change: Edits) -> int:
    return sum(change.added.values()) + sum(change.removed.values())
