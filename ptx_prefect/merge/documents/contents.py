"""The table of contents that stands in a Markdown document: found, and written again from the headings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge.documents.outline import Heading, headings_of, prose_of
from ptx_prefect.merge.lines import join, split

_ENTRY = re.compile(r"([ \t]*)([-*+]|\d+[.)])([ \t]+)\[(.*)\]\(#([^)\s]+)\)[ \t]*\n?\Z")
_LEAST_ENTRIES = 2


@dataclass(frozen=True, slots=True)
class Contents:
    """A list of links to headings, lines ``start`` up to ``end``."""

    start: int
    end: int
    bullet: str
    gap: str
    indent: int
    levels: tuple[int, int]


def find_contents(lines: Sequence[str], *, complete: bool = True) -> Contents | None:
    """The first list of links to headings.

    Args:
        complete: only one that names every heading of its levels below it, in order: one that is kept in step.
    """
    run: list[int] = []
    for number, line in [*prose_of(lines, "markdown"), (len(lines) + 9, "")]:
        if _ENTRY.match(line) and (not run or run[-1] == number - 1):
            run.append(number)
        elif len(run) >= _LEAST_ENTRIES:
            break
        else:
            run = [number] if _ENTRY.match(line) else []
    if len(run) < _LEAST_ENTRIES:
        return None
    found = _shape(lines, run[0], run[-1] + 1)
    if found is None or not complete:
        return found
    as_is = [line.rstrip() + "\n" for line in lines[found.start : found.end]]
    return found if _written(lines, found) == as_is else None


def refreshed_like(text: str, model: str) -> str:
    """The text with its list of links written again in the manner of the table of contents in ``model``."""
    manner, lines = find_contents(split(model)), split(text)
    place = find_contents(lines, complete=False)
    if manner is None or place is None:
        return text
    there = replace(manner, start=place.start, end=place.end)
    return join((*lines[: there.start], *_written(lines, there), *lines[there.end :]))


def contents_lines(headings: Sequence[Heading], *, bullet: str = "-", gap: str = " ", indent: int = 2) -> list[str]:
    """One entry a heading, nested by level."""
    top = min((one.level for one in headings), default=1)
    lines, numbers = [], [0] * 10
    for one in headings:
        depth = one.level - top
        numbers[depth] += 1
        numbers[depth + 1 :] = [0] * (9 - depth)
        mark = f"{numbers[depth]}{bullet[-1]}" if bullet[0].isdigit() else bullet
        lines.append(f"{' ' * (indent * depth)}{mark}{gap}[{one.title}](#{one.anchor})\n")
    return lines


def _shape(lines: Sequence[str], start: int, end: int) -> Contents | None:
    entries = [found for line in lines[start:end] if (found := _ENTRY.match(line)) is not None]
    by_anchor = {one.anchor: one for one in headings_of(lines, "markdown")}
    levels = [by_anchor[found.group(5)].level for found in entries if found.group(5) in by_anchor]
    if len(levels) * 2 < len(entries):
        return None
    indents = sorted({len(found.group(1).expandtabs(4)) for found in entries})
    indent = indents[1] - indents[0] if len(indents) > 1 else 2
    first = entries[0]
    return Contents(start, end, first.group(2), first.group(3), indent, (min(levels), max(levels)))


def _written(lines: Sequence[str], shape: Contents) -> list[str]:
    below = [one for one in headings_of(lines, "markdown") if one.start >= shape.end]
    listed = [one for one in below if shape.levels[0] <= one.level <= shape.levels[1]]
    return contents_lines(listed, bullet=shape.bullet, gap=shape.gap, indent=shape.indent)
