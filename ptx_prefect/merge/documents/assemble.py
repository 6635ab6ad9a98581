"""One document made of chapters that were written apart."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.errors import MergeError
from ptx_prefect.merge.documents.contents import contents_lines, find_contents
from ptx_prefect.merge.documents.labels import definitions_of, free_label, labels_used, rename_labels, rewrite
from ptx_prefect.merge.documents.links import links_of
from ptx_prefect.merge.documents.outline import Heading, Kind, headings_of, slug_of
from ptx_prefect.merge.layout import read_text
from ptx_prefect.merge.lines import join, split
from ptx_prefect.merge.result import Conflict, FileMerge, Resolution

_CONTENTS_TITLES = {"contents", "table of contents", "toc"}
_DEEPEST_LISTED = 3
_DEEPEST = 6
_LINK = re.compile(r"(\]\(<?|^ {0,3}\[[^\]^][^\]]*\]:[ \t]*<?)([^\s()<>#:]*)(?:#([^\s()<>]*))?(?=[\s)>]|$)")
_HTML_ID = re.compile(r"(<[^>]*\b(?:id|name)=[\"'])([^\"']+)")
_RST_TARGET = re.compile(r"^(\s*\.\. _)([^:`]+)(:\s*$)")
_RST_REF = re.compile(r"(:ref:`(?:[^`<]*<)?)([^`<>]+)(>?`)")
_RST_DOC = re.compile(r":doc:`(?:([^`<]*?)\s*<)?([^`<>]+)>?`")
_RST_STYLES = "=-~^\"'"


@dataclass(frozen=True, slots=True)
class _Chapter:
    """A chapter as it goes into the whole: its text with levels, labels and ids that fit, and its old anchors."""

    name: str
    title: str
    text: str
    anchors: tuple[str, ...]
    """The anchors of its headings in its own file, in order."""


def assemble_documents(
    parts: Sequence[tuple[str, bytes]], *, kind: Kind, title: str | None = None, order: Sequence[str] | None = None
) -> FileMerge:
    """The parts as chapters of one document, with one table of contents, unique anchors and links that lead there.

    Args:
        parts: path (or name) and content of each chapter, in the order of the document.
        order: the names in the order of the document, when the parts come in the order in which they were finished.
        title: of the whole; without it the chapters stay at the top level.

    Raises:
        MergeError: there are no parts, a name stands twice, or ``order`` names other parts than those given.
    """
    chosen = _in_order(parts, order)
    taken: set[str] = set()
    ids: set[str] = set()
    chapters = []
    resolutions: list[Resolution] = []
    for name, content in chosen:
        text, renamed = _with_own_labels(_body_of(content, kind), taken, ids, kind, name)
        resolutions += [
            Resolution("file", name, f"label {old!r}", f"another chapter has it: renamed to {new!r}")
            for old, new in renamed.items()
        ]
        chapters.append(_fitted(name, text, kind, 2 if title else 1))
    text = _joined(chapters, kind, title)
    conflicts = [
        Conflict("file", name, f"link to {link!r}", "it leads to nothing in the assembled document")
        for name, link in _dead_links(chapters, kind)
    ]
    return FileMerge(text.encode(), tuple(conflicts), tuple(resolutions))


def _in_order(parts: Sequence[tuple[str, bytes]], order: Sequence[str] | None) -> list[tuple[str, bytes]]:
    by_name = dict(parts)
    if not parts or len(by_name) != len(parts):
        raise MergeError("assemble_documents needs at least one part, and each name once")
    if order is not None and sorted(order) != sorted(by_name):
        raise MergeError(f"the order {list(order)!r} does not name the parts {sorted(by_name)!r}; name each once")
    return [(name, by_name[name]) for name in (order or by_name)]


def _body_of(content: bytes, kind: Kind) -> str:
    """The text without front matter and without a table of contents of its own."""
    text, _ = read_text(content)
    lines = list(split(text))
    if kind == "rst":
        return re.sub(r"(?m)^\.\. contents::.*\n(?:[ \t]+\S.*\n)*\n?", "", text)
    if lines and lines[0].rstrip() == "---":
        end = next((number for number, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), None)
        lines = lines[end + 1 :] if end is not None else lines
    found = find_contents(lines, complete=False)
    if found is not None:
        above = [one for one in headings_of(lines, kind) if one.end <= found.start]
        heading = above[-1] if above else None
        start = found.start
        if heading is not None and heading.title.casefold() in _CONTENTS_TITLES:
            start = heading.start if not "".join(lines[heading.end : found.start]).strip() else start
        end = found.end
        while end < len(lines) and not lines[end].strip():
            end += 1
        del lines[start:end]
    return join(lines)


def _with_own_labels(text: str, taken: set[str], ids: set[str], kind: Kind, name: str) -> tuple[str, dict[str, str]]:
    """The text with footnotes, link definitions and ids renamed that an earlier chapter uses."""
    mine = set(definitions_of(text, kind)) | labels_used(split(text), kind)
    renamed: dict[str, str] = {}
    for label in sorted(mine & taken):
        renamed[label] = free_label(label, taken | mine | set(renamed.values()))
    taken |= (mine - set(renamed)) | set(renamed.values())
    text = rename_labels(text, renamed, kind) if renamed else text
    moved = {}
    for one in _ids_of(text, kind):
        new = one
        while new in ids:
            new = f"{slug_of(posixpath.splitext(posixpath.basename(name))[0], kind)}-{new}"
        ids.add(new)
        if new != one:
            moved[one] = new
    return (_with_ids(text, moved, kind) if moved else text), {**renamed, **moved}


def _ids_of(text: str, kind: Kind) -> list[str]:
    if kind == "rst":
        return [found.group(2) for line in split(text) if (found := _RST_TARGET.match(line))]
    return [found for line in split(text) for _, found in _HTML_ID.findall(line)]


def _with_ids(text: str, names: Mapping[str, str], kind: Kind) -> str:
    def renamed(line: str) -> str:
        if kind == "rst":
            line = _RST_TARGET.sub(lambda m: f"{m[1]}{names.get(m[2], m[2])}{m[3]}", line)
            return _RST_REF.sub(lambda m: f"{m[1]}{names.get(m[2], m[2])}{m[3]}", line)
        line = _HTML_ID.sub(lambda m: f"{m[1]}{names.get(m[2], m[2])}", line)
        return re.sub(r"(\]\(<?#)([^\s()<>]+)", lambda m: f"{m[1]}{names.get(m[2], m[2])}", line)

    return rewrite(text, kind, renamed)


def _fitted(name: str, text: str, kind: Kind, top: int) -> _Chapter:
    """The chapter under one heading of level ``top``, no level skipped below it."""
    lines = list(split(text))
    headings = list(headings_of(lines, kind))
    anchors = [one.anchor for one in headings]
    first = min((one.level for one in headings), default=0)
    if [one.level for one in headings].count(first) != 1 or headings[0].level != first:
        stem = posixpath.splitext(posixpath.basename(name))[0]
        own_title, shift = stem.replace("_", " ").replace("-", " ").strip().capitalize() or name, 1
        head = [*_written(own_title, top, kind), "\n"]
        anchors = ["", *anchors]
    else:
        own_title, shift, head = headings[0].title, 0, []
    levels = _without_gaps([one.level for one in headings])
    for heading, level in sorted(zip(headings, levels, strict=True), key=lambda pair: -pair[0].start):
        explicit = re.search(r"[ \t]*\{#[\w:.-]+\}", "".join(lines[heading.start : heading.end]))
        written = heading.title + (explicit.group() if explicit else "")
        lines[heading.start : heading.end] = _written(written, top + shift + level - 1, kind)
    return _Chapter(name, own_title, join([*head, *lines]).strip("\n") + "\n", tuple(anchors))


def _without_gaps(levels: Sequence[int]) -> list[int]:
    """Levels that start at 1 and go down one at a time."""
    stack: list[int] = []
    result = []
    for level in levels:
        while stack and stack[-1] > level:
            stack.pop()
        if not stack or stack[-1] < level:
            stack.append(level)
        result.append(len(stack))
    return result


def _written(title: str, level: int, kind: Kind) -> list[str]:
    if kind == "markdown":
        return [f"{'#' * min(level, _DEEPEST)} {title}\n"]
    mark = _RST_STYLES[min(level, len(_RST_STYLES)) - 1] * len(title)
    return [f"{title}\n", f"{mark}\n"]


def _joined(chapters: Sequence[_Chapter], kind: Kind, title: str | None) -> str:
    head = [*_written(title, 1, kind), "\n"] if title else []
    body = "\n".join(chapter.text for chapter in chapters)
    if kind == "rst":
        return join([*head, ".. contents::\n", "   :depth: 3\n", "\n"]) + _rst_linked(chapters)
    contents_level = 2 if title else 1
    before = [*head, f"{'#' * contents_level} Contents\n", "\n"]
    headings = headings_of(split(join(before) + body), kind)
    listed = [one for one in headings[2 if title else 1 :] if one.level <= _DEEPEST_LISTED]
    own = list(headings[2 if title else 1 :])
    linked = _markdown_linked(chapters, own)
    return join([*before, *contents_lines(listed), "\n"]) + linked


def _markdown_linked(chapters: Sequence[_Chapter], headings: list[Heading]) -> str:
    """The chapters with links to anchors and to other chapters led to the anchors of the whole."""
    moved: dict[tuple[str, str], str] = {}
    at = 0
    for chapter in chapters:
        count = len(headings_of(split(chapter.text), "markdown"))
        for old, heading in zip(chapter.anchors, headings[at : at + count], strict=True):
            moved[chapter.name, old] = heading.anchor
        moved[chapter.name, ""] = headings[at].anchor
        at += count
    names = {chapter.name for chapter in chapters}
    texts = []
    for chapter in chapters:

        def led(match: re.Match[str], chapter: _Chapter = chapter) -> str:
            target = _chapter_named(match.group(2), chapter.name, names) if match.group(2) else chapter.name
            anchor = match.group(3) or ""
            if target is None or (not match.group(2) and not anchor):
                return match.group()
            return f"{match.group(1)}#{moved.get((target, anchor), anchor)}"

        texts.append(rewrite(chapter.text, "markdown", lambda part, led=led: _LINK.sub(led, part)))  # type: ignore[misc]  # bound now
    return "\n".join(texts)


def _chapter_named(written: str, here: str, names: set[str]) -> str | None:
    """The part that a relative path means, seen from another part."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(here), written))
    if path in names:
        return path
    return next((name for name in sorted(names) if posixpath.splitext(name)[0] == path), None)


def _rst_linked(chapters: Sequence[_Chapter]) -> str:
    """The chapters with ``:doc:`` links between them led to a label above each chapter that is linked to."""
    names = {chapter.name for chapter in chapters}
    titles = {chapter.name: chapter.title for chapter in chapters}
    wanted: set[str] = set()
    texts = []
    for chapter in chapters:

        def led(match: re.Match[str], chapter: _Chapter = chapter) -> str:
            target = _chapter_named(match.group(2), chapter.name, names)
            if target is None:
                return match.group()
            wanted.add(target)
            return f":ref:`{match.group(1) or titles[target]} <{_label_of(target)}>`"

        texts.append(rewrite(chapter.text, "rst", lambda part, led=led: _RST_DOC.sub(led, part)))  # type: ignore[misc]  # bound now
    labelled = [
        f".. _{_label_of(chapter.name)}:\n\n{text}" if chapter.name in wanted else text
        for chapter, text in zip(chapters, texts, strict=True)
    ]
    return "\n".join(labelled)


def _label_of(name: str) -> str:
    return f"chapter-{slug_of(posixpath.splitext(name)[0], 'rst')}"


def _dead_links(chapters: Sequence[_Chapter], kind: Kind) -> list[tuple[str, str]]:
    """Links that led nowhere in their chapter, or to a heading that another chapter does not have."""
    names = {chapter.name: chapter for chapter in chapters}
    known = {chapter.name: {*chapter.anchors, *links_of(chapter.text, kind).targets} for chapter in chapters}
    dead = []
    for chapter in chapters:
        lines = split(chapter.text)
        missing = labels_used(lines, kind) - set(definitions_of(chapter.text, kind))
        dead += [(chapter.name, label) for label in sorted(missing)]
        if kind == "rst":
            every = set().union(*known.values())
            dead += [
                (chapter.name, label)
                for label in sorted({label for used in links_of(chapter.text, kind).by_line.values() for label in used})
                if label not in every
            ]
            continue
        for _, written, anchor in (found for line in lines for found in _LINK.findall(line)):
            target = _chapter_named(written, chapter.name, set(names)) if written else chapter.name
            if target is not None and anchor and anchor not in known[target]:
                dead.append((chapter.name, f"{written}#{anchor}"))
    return dead
