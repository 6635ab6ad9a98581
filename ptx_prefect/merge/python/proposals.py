"""What could be written where a clash is left open: shown to the person who decides, never taken."""

from __future__ import annotations

from dataclasses import replace

from ptx_prefect.merge.lines import Clash, join
from ptx_prefect.merge.markers import trimmed
from ptx_prefect.merge.python.annotations import union_proposal
from ptx_prefect.merge.python.clashes import Solved, solve
from ptx_prefect.merge.python.imports import ImportClashError, block_of, merge_imports
from ptx_prefect.merge.result import Conflict
from ptx_prefect.merge.threeway import Versions


def with_proposal(conflict: Conflict, clash: Clash) -> Conflict:
    """The conflict with what a rule makes of its clash, or with the union of two annotations, where there is either."""
    union = union_proposal(*conflict.versions) if len(conflict.versions) == 2 else None
    if union is not None:
        reason = "the sides annotate differently; a union is proposed, not taken"
        return replace(conflict, kind="type", proposal=union, reason=reason)
    # In the order of their texts, so that swapping the sides proposes the same.
    first, second = sorted((clash.ours, clash.theirs))
    solved = _imports(Versions(clash.base, first, second)) or solve(Versions(clash.base, first, second))
    text = _between_markers(clash, solved.lines) if solved is not None else None
    if solved is None or text is None:
        return conflict
    return replace(conflict, proposal=text, reason=f"{conflict.reason}; proposed, not taken: {solved.reason}")


def _imports(place: Versions) -> Solved | None:
    blocks = [block_of(lines) for lines in (place.base, place.ours, place.theirs)]
    if not any(block is not None and block.statements for block in blocks):
        return None
    try:
        merged = merge_imports(place.base, place.ours, place.theirs)
    except ImportClashError:
        return None
    lines = tuple(f"{line}\n" for line in merged[0].split("\n")[:-1]) if merged is not None else ()
    return Solved(lines, "imports merged as sets of names") if merged is not None else None


def _between_markers(clash: Clash, lines: tuple[str, ...]) -> str | None:
    """The lines that stand for what is between the markers; the lines around them are the same on both sides."""
    start, end = trimmed(clash.ours, clash.theirs)
    before, after = clash.ours[:start], clash.ours[len(clash.ours) - end :]
    if len(lines) < start + end or lines[:start] != before or lines[len(lines) - end :] != after:
        return None
    return join(lines[start : len(lines) - end])
