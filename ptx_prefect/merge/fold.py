"""N sides as a row of two-sided merges, in an order that does not depend on the order in which they came."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ptx_prefect.merge.edits import Edits, words_of
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.result import Conflict, FileMerge, Resolution
from ptx_prefect.merge.text import Merger, merge_pair, merge_plain
from ptx_prefect.merge.threeway import has_edits_of


def merge_text(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """Any text, by lines."""
    return fold(base, sides, path=path, names=names, marker_size=marker_size, merger=merge_plain)


def fold(
    base: bytes,
    sides: Sequence[bytes],
    *,
    path: str,
    names: Sequence[str],
    merger: Merger,
    marker_size: int = DEFAULT_SIZE,
    is_symmetric: bool = False,
    keeps_order: bool = False,
) -> FileMerge:
    """The sides merged one after the other against the base, sorted by content.

    Sorting makes every permutation of the sides give the same bytes, conflicts included; the names go with their
    sides. Two sides keep the given order for the markers when they clash, as people expect of "ours" and "theirs".

    Args:
        is_symmetric: the merger gives the same clean result for swapped sides, so two sides need no sorting.
        keeps_order: the order of the sides (the plan's) has a meaning, so they are not sorted.
    """
    if is_symmetric and len(sides) == 2:
        pair = (names[0], names[1])
        return merge_pair(base, sides[0], sides[1], path=path, names=pair, merger=merger, marker_size=marker_size)
    rows = list(zip(sides, names, strict=True))
    rivals = _without_included(base, rows if keeps_order else sorted(rows), path=path, merger=merger)
    content, name = rivals[0]
    conflicts: tuple[Conflict, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    for side, side_name in rivals[1:]:
        # Markers in the text are no Python (JSON, …): from the first conflict on, the rest folds in by lines.
        step = merge_pair(
            base,
            content,
            side,
            path=path,
            names=(name, side_name),
            merger=merge_plain if conflicts else merger,
            marker_size=marker_size + len(conflicts),
        )
        content, name = step.content, f"{name} + {side_name}"
        conflicts, resolutions = conflicts + step.conflicts, resolutions + step.resolutions
    if conflicts and len(sides) == 2 and rivals[0][0] != sides[0]:
        pair = (names[0], names[1])
        return merge_pair(base, sides[0], sides[1], path=path, names=pair, merger=merger, marker_size=marker_size)
    return FileMerge(content, conflicts, resolutions)


def _without_included(
    base: bytes, rivals: list[tuple[bytes, str]], *, path: str, merger: Merger
) -> list[tuple[bytes, str]]:
    """The sides less those whose edits another side has too, alone or two together (a merge is merged again)."""
    if len(rivals) < 3:
        return rivals
    old = base.decode("latin-1")
    texts = {content: content.decode("latin-1") for content, _ in rivals}
    said = {content: words_of(Edits(old, text).added).keys() for content, text in texts.items()}
    lines = {content: split(text) for content, text in texts.items()}
    rivals = [
        rival
        for rival in rivals
        if not any(
            said[rival[0]] <= said[more] and has_edits_of(split(old), lines[rival[0]], lines[more])
            for more in texts
            if more != rival[0]
        )
    ]
    contents = [content for content, _ in rivals]
    for first, second in itertools.combinations(contents, 2):
        both = said[first] | said[second]
        whole = [content for content in contents if content not in (first, second) and both <= said[content]]
        if not whole:
            continue
        pair = merge_pair(base, first, second, path=path, names=("", ""), merger=merger)
        if pair.is_clean and pair.content in whole:
            rest = [rival for rival in rivals if rival[0] not in (first, second)]
            return _without_included(base, rest, path=path, merger=merger)
    return rivals
