"""How deep statements stand: a side that moves them in or out changes what they mean, though no word."""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.alignment import align
from ptx_prefect.merge.python.tokens import tokens_of


def nesting(lines: Sequence[str]) -> tuple[int, ...]:
    """The depth of each statement, as steps of indentation relative to the first, whatever their width."""
    depths = [len(margin) for margin in _margins(lines)]
    levels = sorted(set(depths))
    return tuple(levels.index(depth) - levels.index(depths[0]) for depth in depths)


def moved_along(base: Sequence[str], plain: Sequence[str], edited: Sequence[str]) -> tuple[str, ...] | None:
    """``edited`` where ``plain``, a side that changed no word of the base, moved its statements; None if that fails.

    That fails where the statements moved apart, and where the edited side moved them too, in another way.
    """
    if nesting(plain) != nesting(base):
        return None
    before, after, now = (next(iter(_margins(lines)), "") for lines in (base, plain, edited))
    if before == after or now == after:
        return tuple(edited)
    if now != before or any(line.strip() and not line.startswith(before) for line in edited):
        return None
    return tuple(after + line[len(before) :] if line.strip() else line for line in edited)


def keeps_nesting(base: Sequence[str], side: Sequence[str]) -> bool:
    """True when the statements that a side left as they were stand as deep as before, relative to each other."""
    blocks = align([line.strip() for line in base], [line.strip() for line in side])
    before = [line for low, _, size in blocks for line in base[low : low + size]]
    after = [line for _, low, size in blocks for line in side[low : low + size]]
    return before == after or nesting(before) == nesting(after)


def _margins(lines: Sequence[str]) -> list[str]:
    """The white space before each statement (or what starts like one, in a piece that starts inside brackets)."""
    margins: list[str] = []
    open_brackets = 0
    for line in lines:
        words = tokens_of(line).words
        if words and not words[0].startswith("#") and open_brackets <= 0:
            margins.append(line[: len(line) - len(line.lstrip())])
        open_brackets += sum((word in ("(", "[", "{")) - (word in (")", "]", "}")) for word in words)
    return margins
