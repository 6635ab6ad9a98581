"""Clashing lines of a document solved by what they are: sections, list items, table rows, definitions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from ptx_prefect.merge.documents.outline import Kind, headings_of
from ptx_prefect.merge.lines import Clash, join
from ptx_prefect.merge.weave import weave

_BULLET = re.compile(r"([ \t]*)([-*+•])([ \t]+)\S")
_NUMBERED = re.compile(r"([ \t]*)(\d+)([.)])([ \t]+)\S")
_ROW = re.compile(r"[ \t]*\|.*\|\s*\Z")
_DEFINITION = re.compile(r" {0,3}\[\^?([^\]\n]+)\]:[ \t]|\.\. _[^:\n]+:|\.\. \[[^\]\n]+\][ \t]|\.\. \|[^|\n]+\| ")
_BARE = re.compile(r"[ \t]+[\w./-]+(?: <[\w./-]+>)?\s*\Z")
_SAME_WORDS = 0.6


@dataclass(frozen=True, slots=True)
class Solved:
    """The lines that stand for a clash, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Block:
    """One section, item, row or definition: what it is, what names it, its text with the blank lines before it."""

    shape: str
    key: str
    text: str
    level: int = 0


def solve(clash: Clash, before: Sequence[str], after: Sequence[str], kind: Kind) -> Solved | None:
    """What stands for the clash, if there is one safe answer."""
    words = [join(lines).split() for lines in (clash.base, clash.ours, clash.theirs)]
    if words[0] and words[1] == words[0] and _is_prose(clash):
        return Solved(join(clash.theirs), "one side only wrapped the lines anew")
    if words[0] and words[2] == words[0] and _is_prose(clash):
        return Solved(join(clash.ours), "one side only wrapped the lines anew")
    in_toctree = kind == "rst" and _is_in_toctree(before)
    for read in (_sections, _items):
        sides = [read(lines, kind, in_toctree) for lines in (clash.base, clash.ours, clash.theirs)]
        base, ours, theirs = sides
        if base is None or ours is None or theirs is None or not (ours or theirs):
            continue
        merged = _woven(base, ours, theirs, before, after)
        if merged is not None:
            return Solved(merged, f"{(ours or theirs)[0].shape}s of both sides, each kept")
    return None


def _is_prose(clash: Clash) -> bool:
    """No line whose indentation or line end may have a meaning of its own."""
    lines = (*clash.base, *clash.ours, *clash.theirs)
    return not any(line.startswith(("    ", "\t", "|", "```")) or "::" in line for line in lines)


def _sections(lines: Sequence[str], kind: Kind, in_toctree: bool) -> list[Block] | None:
    """Whole sections: the lines start with a heading and hold all of what follows it."""
    headings = headings_of(lines, kind)
    if not any(line.strip() for line in lines):
        return []
    if not headings or any(line.strip() for line in lines[: headings[0].start]):
        return None
    top = headings[0].level
    starts = [one for one in headings if one.level <= top]
    if any(one.level < top for one in starts):
        return None
    blocks = []
    edges = [0, *(one.start for one in starts[1:]), len(lines)]
    for heading, start, end in zip(starts, edges, edges[1:], strict=False):
        key = f"{heading.style or heading.level} {heading.title.casefold()}"
        blocks.append(Block("section", key, join(lines[start:end]), heading.level))
    return blocks


def _items(lines: Sequence[str], kind: Kind, in_toctree: bool) -> list[Block] | None:
    """Items of one list, rows of one table, or definitions, complete; None for anything else."""
    blocks: list[Block] = []
    blank, shape, indent = "", "", -1
    for line in lines:
        if not line.strip():
            blank += line
            continue
        found = _shape_of(line, in_toctree)
        own_indent = len(line) - len(line.lstrip())
        if found is not None and (indent < 0 or own_indent == indent):
            if shape and found != shape:
                return None
            shape, indent = found, own_indent
            blocks.append(Block(found, _key_of(line), blank + line))
            blank = ""
        elif blocks and own_indent > indent and found != "row" and shape in ("bullet", "number", "definition"):
            last = blocks[-1]
            blocks[-1] = Block(shape, f"{last.key} {' '.join(line.split())}", last.text + blank + line)
            blank = ""
        else:
            return None
    if blank and blocks:
        blocks[-1] = Block(shape, blocks[-1].key, blocks[-1].text + blank)
    return blocks


def _shape_of(line: str, in_toctree: bool) -> str | None:
    if _BULLET.match(line):
        return "bullet"
    if _NUMBERED.match(line):
        return "number"
    if _ROW.match(line):
        return "row"
    if _DEFINITION.match(line):
        return "definition"
    return "document" if in_toctree and _BARE.match(line) and not line.strip().startswith(":") else None


def _key_of(line: str) -> str:
    if found := _DEFINITION.match(line):
        return found.group().strip()
    number = _NUMBERED.match(line)
    return " ".join((line[number.end() - 1 :] if number else line).split())


def _woven(
    base: Sequence[Block],
    ours: Sequence[Block],
    theirs: Sequence[Block],
    before: Sequence[str],
    after: Sequence[str],
) -> str | None:
    """The blocks three-way; None where both changed one, or where the order has a meaning."""
    shapes = {block.shape for side in (base, ours, theirs) for block in side}
    levels = {block.level for side in (base, ours, theirs) for block in side}
    old, mine, yours = ({block.key: block for block in side} for side in (base, ours, theirs))
    if len(shapes) != 1 or any(len(a) != len(b) for a, b in ((old, base), (mine, ours), (yours, theirs))):
        return None
    if len(levels) != 1:
        return _deeper_first(base, ours, theirs)
    merged: dict[str, str] = {}
    for key in dict.fromkeys((*mine, *yours)):
        texts = [
            None if side is None else side.text.strip("\n") for side in (old.get(key), mine.get(key), yours.get(key))
        ]
        block = mine.get(key) or yours[key]
        if texts[1] == texts[2] or texts[2] == texts[0]:
            if key in mine:
                merged[key] = block.text
        elif texts[1] == texts[0]:
            if key in yours:
                merged[key] = yours[key].text
        elif texts[0] is None and (texts[1] is None or texts[2] is None):
            merged[key] = block.text
        else:
            return None  # both changed it, or one changed what the other removed
    added = [[block for key, block in side.items() if key not in old] for side in (mine, yours)]
    gone = [[block for key, block in old.items() if key not in side] for side in (mine, yours)]
    if not _is_free(added, gone):
        return None
    is_sorted = shapes == {"definition"} or (shapes == {"document"} and _is_sorted_around(before, after))
    sort_key = str.casefold if is_sorted else None
    order = weave(tuple(old), tuple(mine), tuple(yours), kept=tuple(merged), sort_key=sort_key)
    if order is None:
        return None
    texts_in_order = _evenly_spaced([merged[key] for key in order], shapes == {"section"})
    if shapes == {"number"}:
        return _renumbered(texts_in_order, (base, ours, theirs), after)
    return join(texts_in_order)


def _is_free(added: Sequence[Sequence[Block]], gone: Sequence[Sequence[Block]]) -> bool:
    """True unless both reworded one thing, or both wrote the same thing in other words."""
    keys_gone = [{block.key for block in side} for side in gone]
    if keys_gone[0] & keys_gone[1] and any(added):
        return False
    # A block that went and one that came on the same side is one block reworded: the other must leave it alone.
    first, second = ([block for block in side if block.shape != "section"] for side in added)
    return not any(one.key != two.key and _alike(one.text, two.text) for one in first for two in second)


def _alike(one: str, two: str) -> bool:
    words = [set(re.findall(r"\w{3,}", text.casefold())) for text in (one, two)]
    shared, every = words[0] & words[1], words[0] | words[1]
    return bool(every) and len(every) > 3 and len(shared) / len(every) > _SAME_WORDS


def _deeper_first(base: Sequence[Block], ours: Sequence[Block], theirs: Sequence[Block]) -> str | None:
    """New subsections belong to the section above the clash, so they come before a new section of a higher level."""
    if base or {block.level for block in ours} == {block.level for block in theirs}:
        return None
    deeper, higher = (ours, theirs) if ours[0].level > theirs[0].level else (theirs, ours)
    return join(_evenly_spaced([block.text for block in (*deeper, *higher)], True))


def _is_sorted_around(before: Sequence[str], after: Sequence[str]) -> bool:
    """Whether the entries of the toctree beside the clash are sorted, as in an index of modules; one alone is not."""
    above = list(takewhile(_BARE.match, reversed(before)))
    entries = [line.strip().casefold() for line in (*reversed(above), *takewhile(_BARE.match, after))]
    return len(entries) > 1 and entries == sorted(entries)


def _evenly_spaced(texts: Sequence[str], is_section: bool) -> list[str]:
    """Blocks parted as they were: sections by a blank line, items of a loose list too."""
    spaced: list[str] = []
    loose = is_section or any(text.startswith("\n") or text.endswith("\n\n") for text in texts)
    for number, text in enumerate(texts):
        follows = number > 0
        if loose and follows and not text.startswith("\n") and not spaced[-1].endswith("\n\n"):
            text = "\n" + text
        if follows and text.startswith("\n") and spaced[-1].endswith("\n\n"):
            text = text.lstrip("\n")
        spaced.append(text)
    return spaced


def _renumbered(texts: Sequence[str], sides: Sequence[Sequence[Block]], after: Sequence[str]) -> str | None:
    """The items counted on from the first; lists that number every item ``1.`` stay so."""
    first_lines = [[text.strip("\n").split("\n")[0] for text in (block.text for block in side)] for side in sides]
    numbers = [[int(found.group(2)) for line in side if (found := _NUMBERED.match(line))] for side in first_lines]
    if all(number == 1 for side in numbers for number in side) and any(len(side) > 1 for side in numbers):
        return join(texts)
    following = next((line for line in after if line.strip()), "")
    if _NUMBERED.match(following) or any(side != list(range(side[0], side[0] + len(side))) for side in numbers if side):
        return None
    start = min(side[0] for side in numbers if side)
    lines = []
    for number, text in enumerate(texts, start):
        found = re.search(r"^([ \t]*)\d+([.)])", text, re.MULTILINE)
        assert found is not None
        lines.append(f"{text[: found.start()]}{found.group(1)}{number}{found.group(2)}{text[found.end() :]}")
    return join(lines)


def _is_in_toctree(before: Sequence[str]) -> bool:
    for line in reversed(before[-200:]):
        if line.strip() and not line[:1].isspace():
            return line.startswith(".. toctree::")
    return False
