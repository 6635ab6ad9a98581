"""When a merge put together by structure is believed: judged by how often such merges agree with what people did.

The shares are of conflicted files in public histories (docs/decisions/020-merge-rules.md); below four in five, a
conflict serves better than a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.edits import edits
from ptx_prefect.merge.python.names import is_valid
from ptx_prefect.merge.result import Resolution

_REWRITTEN_LINES = 500
"""Changed lines of one side beyond which people pick a side (agreement 45 %)."""

_DOUBTFUL = frozenset(("the sides changed different lines", "the sides changed different words"))
"""Rules that are right in a simple file only."""

_ONE_SIDE_WHOLE = frozenset(("one side has the other's edit too", "both sides raised a version: the higher one stands"))
"""Rules that put nothing together: what they take has been run by somebody."""


def is_trusted(resolutions: Sequence[Resolution], base: str, ours: str, theirs: str) -> bool:
    """True when the solved clashes of one file are of a kind that can be believed."""
    kinds = {kind for row in resolutions for kind in row.reason.split("; ")}
    if not kinds or (len(kinds) > 1 and kinds & _DOUBTFUL):
        return False  # nothing but a finer alignment (right in half of the files), or a doubtful rule among others
    if any(_size(base, side) > _REWRITTEN_LINES for side in (ours, theirs)):
        return False
    # What does not parse (Python 2, mostly) cannot be checked: right in 56 %.
    return kinds <= _ONE_SIDE_WHOLE or all(is_valid(text) for text in (base, ours, theirs))


def _size(base: str, side: str) -> int:
    change = edits(base, side)
    return sum(change.added.values()) + sum(change.removed.values())
