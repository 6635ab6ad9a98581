"""Conflict markers: how a conflict stands in the text, and the veto that shows two whole texts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.lines import join, split

DEFAULT_SIZE = 7


def marked(
    ours: Sequence[str], theirs: Sequence[str], *, names: tuple[str, str], definition: str | None, size: int
) -> tuple[str, ...]:
    """Both versions between markers that name the sides and the enclosing definition."""
    suffix = f" in {definition}" if definition else ""
    return (
        f"{'<' * size} {names[0]}{suffix}\n",
        *ours,
        "=" * size + "\n",
        *theirs,
        f"{'>' * size} {names[1]}{suffix}\n",
    )


def trimmed(ours: Sequence[str], theirs: Sequence[str]) -> tuple[int, int]:
    """How many lines at the start and at the end both versions share; what is between is the conflict."""
    limit = min(len(ours), len(theirs))
    start = 0
    while start < limit and ours[start] == theirs[start]:
        start += 1
    end = 0
    while end < limit - start and ours[-1 - end] == theirs[-1 - end]:
        end += 1
    return start, end


def vetoed(ours: str, theirs: str, *, names: tuple[str, str], size: int = DEFAULT_SIZE) -> tuple[str, str, str]:
    """A text in which nothing of either side is lost, and both rival parts: for a merge that a guard refused."""
    our_lines, their_lines = split(ours), split(theirs)
    start, end = trimmed(our_lines, their_lines)
    mine, yours = our_lines[start : len(our_lines) - end], their_lines[start : len(their_lines) - end]
    middle = marked(mine, yours, names=names, definition=None, size=size)
    tail = our_lines[len(our_lines) - end :]
    return join((*our_lines[:start], *middle, *tail)), join(mine), join(yours)


def has_markers(text: str, size: int = DEFAULT_SIZE) -> bool:
    """True when a line looks like the start and one like the end of a conflict."""
    return all(f"\n{mark * size} " in text or text.startswith(f"{mark * size} ") for mark in "<>")
