"""The outline of a Markdown or reST document: its headings, their levels and anchors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["markdown", "rst"]

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*\n?\Z")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*\n?\Z")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*[ \t]*\n?\Z")
_NO_PARAGRAPH = re.compile(r"\s*(?:[-*+>|#]|\d+[.)]|<)|\s*\Z")
_EXPLICIT_ID = re.compile(r"\s*\{#([\w:.-]+)\}\s*\Z")
_LINK = re.compile(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")


@dataclass(frozen=True, slots=True)
class Heading:
    """One heading: lines ``start`` up to ``end`` of the text (from 0), level from 1.

    ``anchor`` is what a link ``#anchor`` has to say; ``style`` is how a reST title is adorned.
    """

    level: int
    title: str
    start: int
    end: int
    anchor: str
    style: str = ""


def kind_of(path: str) -> Kind:
    """Which markup a path says that it holds."""
    return "rst" if path.lower().endswith(".rst") else "markdown"


def headings_of(lines: Sequence[str], kind: Kind) -> tuple[Heading, ...]:
    """The headings of a document, or of whole lines of one, in order."""
    found = _rst(lines) if kind == "rst" else _markdown(lines)
    counts: Counter[str] = Counter()
    taken: set[str] = set()
    headings = []
    for one in found:
        anchor = one.anchor or slug_of(one.title, kind)
        if not one.anchor:
            unique = anchor
            while unique in taken:
                counts[anchor] += 1
                unique = f"{anchor}-{counts[anchor]}"
            anchor = unique
        taken.add(anchor)
        headings.append(Heading(one.level, one.title, one.start, one.end, anchor, one.style))
    return tuple(headings)


def paths_of(headings: Sequence[Heading]) -> tuple[tuple[str, ...], ...]:
    """For each heading its titles from the top, a number added where one stands twice: the section's identity."""
    stack: list[Heading] = []
    seen: Counter[tuple[str, ...]] = Counter()
    paths = []
    for heading in headings:
        while stack and stack[-1].level >= heading.level:
            stack.pop()
        stack.append(heading)
        path = tuple(one.title.casefold() for one in stack)
        seen[path] += 1
        paths.append(path if seen[path] == 1 else (*path, f"({seen[path]})"))
    return tuple(paths)


def slug_of(title: str, kind: Kind) -> str:
    """The anchor that GitHub (Markdown) or docutils (reST) makes of a title."""
    if kind == "rst":
        return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    plain = _LINK.sub(r"\1", title)
    plain = re.sub(r"[^\w\- ]", "", plain.strip().lower())
    return plain.replace(" ", "-")


def prose_of(lines: Sequence[str], kind: Kind) -> Iterator[tuple[int, str]]:
    """The lines that are no code, with their numbers."""
    yield from ((number, line) for number, line, is_code in _marked(lines, kind) if not is_code)


def section_at(lines: Sequence[str], line: int, kind: Kind) -> str | None:
    """The titles around a line, from the top, as ``A > B``."""
    headings = [one for one in headings_of(lines, kind) if one.start <= line]
    if not headings:
        return None
    stack: list[Heading] = []
    for heading in headings:
        while stack and stack[-1].level >= heading.level:
            stack.pop()
        stack.append(heading)
    return " > ".join(one.title for one in stack)


def _marked(lines: Sequence[str], kind: Kind) -> Iterator[tuple[int, str, bool]]:
    """Every line, and whether it is code or front matter."""
    fence = ""
    literal_indent: int | None = None
    front = kind == "markdown" and bool(lines) and lines[0].rstrip() == "---" and _front_matter_end(lines) > 0
    front_end = _front_matter_end(lines) if front else -1
    for number, line in enumerate(lines):
        if number <= front_end:
            yield number, line, True
            continue
        if kind == "markdown":
            found = _FENCE.match(line)
            if fence:
                yield number, line, True
                if found and found.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                    fence = ""
            elif found:
                fence = found.group(1)
                yield number, line, True
            else:
                yield number, line, False
            continue
        indent = len(line) - len(line.lstrip())
        if literal_indent is not None and line.strip() and indent <= literal_indent:
            literal_indent = None
        yield number, line, literal_indent is not None
        opens = line.rstrip().endswith("::") or line.lstrip().startswith((".. code", ".. sourcecode"))
        if literal_indent is None and opens and not line.lstrip().startswith(".. toctree"):
            literal_indent = indent


def _front_matter_end(lines: Sequence[str]) -> int:
    for number, line in enumerate(lines[1:200], 1):
        if line.rstrip() in ("---", "..."):
            return number
        if not line.strip() or not re.match(r"[\w'\"-]+\s*:|\s+|#|- ", line):
            return -1
    return -1


def _markdown(lines: Sequence[str]) -> Iterator[Heading]:
    previous: tuple[int, str] | None = None
    in_comment = False
    for number, line in prose_of(lines, "markdown"):
        if in_comment or line.lstrip().startswith("<!--"):
            in_comment = "-->" not in line
            previous = None
            continue
        atx = _ATX.match(line)
        if atx is not None:
            yield _heading(len(atx.group(1)), atx.group(2) or "", number, number + 1)
            previous = None
            continue
        setext = _SETEXT.match(line)
        if setext is not None and previous is not None and previous[0] == number - 1 and _starts(lines, number - 1):
            level = 1 if setext.group(1).startswith("=") else 2
            yield _heading(level, previous[1].strip(), number - 1, number + 1)
            previous = None
            continue
        previous = None if _NO_PARAGRAPH.match(line) else (number, line)


def _heading(level: int, title: str, start: int, end: int) -> Heading:
    explicit = _EXPLICIT_ID.search(title)
    if explicit is None:
        return Heading(level, title.strip(), start, end, "")
    return Heading(level, title[: explicit.start()].strip(), start, end, explicit.group(1))


def _starts(lines: Sequence[str], number: int) -> bool:
    """True when no paragraph line stands directly above."""
    return number == 0 or not lines[number - 1].strip() or _ATX.match(lines[number - 1]) is not None


def _rst(lines: Sequence[str]) -> Iterator[Heading]:
    levels: dict[str, int] = {}
    code = {number for number, _, is_code in _marked(lines, "rst") if is_code}
    number = 0
    while number < len(lines):
        found = None if number in code else _rst_title(lines, number)
        if found is None:
            number += 1
            continue
        start, style, end, title = found
        yield Heading(levels.setdefault(style, len(levels) + 1), title, start, end, "", style)
        number = end


def _rst_title(lines: Sequence[str], number: int) -> tuple[int, str, int, str] | None:
    """Start, adornment style, end and text of the title whose first line (text or overline) this is."""
    line = lines[number]
    above = number > 0 and lines[number - 1].strip()
    over = _ADORNMENT.match(line)
    if over is not None and number + 2 < len(lines) and not above and len(line.rstrip()) >= 2:
        under, title = _ADORNMENT.match(lines[number + 2]), lines[number + 1].strip()
        same = under is not None and lines[number + 2].rstrip() == line.rstrip()
        if same and title and not _ADORNMENT.match(lines[number + 1]) and len(line.rstrip()) >= len(title):
            return number, over.group(1) * 2, number + 3, title
    if over is not None or line[:1].isspace() or not line.strip() or number + 1 >= len(lines) or above:
        return None
    under = _ADORNMENT.match(lines[number + 1])
    width = len(lines[number + 1].rstrip())
    if under is None or width < 2 or (width < len(line.rstrip()) and width < 4):
        return None
    return number, under.group(1), number + 2, line.strip()
