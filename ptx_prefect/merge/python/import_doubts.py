"""When two edits of one block of imports are not put together, though as sets of names they could be.

The shares are of conflicted files in public histories (docs/decisions/026-which-structural-merges-are-believed.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.python.imports import bindings_in, block_of
from ptx_prefect.merge.threeway import Versions

_MANY_REMOVED = 4


def doubt_about(place: Versions) -> str | None:
    """Why people would rather look themselves; None where they mostly want what both sides want."""
    base, *sides = place.base, place.ours, place.theirs
    if any(line[:1] in " \t" and line.lstrip().startswith(("import ", "from ")) for lines in sides for line in lines):
        return "the imports stand inside a block"  # agreed with people in 8 of 24
    if any(_comments_inside(lines) - _comments_inside(base) for lines in sides):
        return "a side commented on the imports"  # 15 of 29
    old, *blocks = (block_of(lines) for lines in (base, *sides))
    sizes = [len(bindings_in(old) - bindings_in(block)) for block in blocks if old and block]
    return "many imports are gone at once" if sum(sizes) >= _MANY_REMOVED else None  # 66 of 96


def _comments_inside(lines: Sequence[str]) -> set[str]:
    """The comment lines below the first import."""
    texts = [line.strip() for line in lines]
    first = next((index for index, text in enumerate(texts) if text.startswith(("import ", "from "))), len(texts))
    return {text for text in texts[first:] if text.startswith("#")}
