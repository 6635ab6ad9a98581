"""When two edits of one block of imports are not put together, though as sets of names they could be.

The shares are of conflicted files in public histories (docs/decisions/026-which-structural-merges-are-believed.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.python.imports import Binding, bindings_in, block_of
from ptx_prefect.merge.threeway import Versions

_MANY_REMOVED = 4
_FEW_LINES = 2
_REWORKED = 3
"""Names that one side imports anew, from which on people take the time to merge a block of imports."""


def doubt_about(place: Versions, mine: Edits, yours: Edits) -> str | None:
    """Why people would rather look themselves; None where they mostly want what both sides want.

    Args:
        mine: what one side did to the whole file.
    """
    base, *sides = place.base, place.ours, place.theirs
    if any(line[:1] in " \t" and line.lstrip().startswith(("import ", "from ")) for lines in sides for line in lines):
        return "the imports stand inside a block"  # agreed with people in 8 of 24
    if any(_comments_inside(lines) - _comments_inside(base) for lines in sides):
        return "a side commented on the imports"  # 15 of 29
    blocks = [block_of(lines) for lines in (base, *sides)]
    old, *new = [bindings_in(block) if block else set() for block in blocks]
    if sum(len(old - side) for side in new) >= _MANY_REMOVED:
        return "many imports are gone at once"  # 66 of 96
    gone = (old - new[0]) ^ (old - new[1])
    return _doubt_about_removal(gone, [side - old for side in new], mine, yours) if gone else None


def _doubt_about_removal(gone: set[Binding], come: Sequence[set[Binding]], mine: Edits, yours: Edits) -> str | None:
    """Why an import that one side removed may be wanted still.

    Args:
        come: what each side imports anew.
    """
    if all("__future__" in {module for module, _, _ in names} for names in (gone, set().union(*come))):
        return "a side leaves the old Python, the other does not"  # 2 of 6
    if max(map(len, come)) >= _REWORKED:
        return None  # 68 of 76
    if min(sum(side.removed.values()) for side in (mine, yours)) > _FEW_LINES:
        return "an import is gone, and both sides rewrote other lines"  # 44 of 57, otherwise 129 of 150
    return None


def _comments_inside(lines: Sequence[str]) -> set[str]:
    """The comment lines below the first import."""
    texts = [line.strip() for line in lines]
    first = next((index for index, text in enumerate(texts) if text.startswith(("import ", "from "))), len(texts))
    return {text for text in texts[first:] if text.startswith("#")}
