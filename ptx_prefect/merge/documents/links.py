"""Links inside a document: what they lead to, rewritten when that moved, reported when it is gone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.documents.labels import definitions_of, lines_with_labels, rewrite
from ptx_prefect.merge.documents.outline import Kind, headings_of, paths_of, prose_of
from ptx_prefect.merge.lines import split

_MARKDOWN_LINK = re.compile(r"(\]\(<?|^ {0,3}\[[^\]^][^\]]*\]:[ \t]*<?|href=[\"'])#([^\s()<>\"']+)")
_RST_REF = re.compile(r":(?:ref|numref):`(?:[^`<]*<)?([^`<>]+)>?`")
_RST_NAMED = re.compile(r"(?<![:\w])`(?:[^`<]*<)?([^`<>]+?)_?>?`_(?!_)")
_RST_TARGET = re.compile(r"\s*\.\. _(`[^`]+`|[^:`]+):")
_HTML_ID = re.compile(r"<[^>]*\b(?:id|name)=[\"']([^\"']+)[\"']")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")

Target = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Links:
    """One version of a document: anchor to what it names, and the lines that link to an anchor."""

    targets: Mapping[str, Target]
    by_line: Mapping[str, tuple[str, ...]]

    def anchor_of(self, target: Target) -> str | None:
        """The anchor under which a target is found here."""
        return next((anchor for anchor, one in self.targets.items() if one == target), None)


def links_of(text: str, kind: Kind) -> Links:
    """Every anchor and every link to one."""
    lines = split(text)
    headings = headings_of(lines, kind)
    targets: dict[str, Target] = {}
    by_line: dict[str, tuple[str, ...]] = {}
    for number, line in prose_of(lines, kind):
        targets |= {anchor: ("id", anchor) for anchor in _ids_in(line, kind)}
        if used := _used_in(line, kind):
            by_line[lines[number].strip()] = used
    if kind == "markdown":
        targets |= {one.anchor: path for one, path in zip(headings, paths_of(headings), strict=True)}
    else:
        targets |= {one.title.casefold(): path for one, path in zip(headings, paths_of(headings), strict=True)}
    return Links(targets, by_line)


def repaired(text: str, versions: Sequence[str], kind: Kind) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The text with links led to where they led before; the anchors that were rewritten; those that lead nowhere.

    A link counts as broken only if it led somewhere in every version that has its line: what a side broke by itself
    is not the merge's affair.
    """
    before = [links_of(version, kind) for version in versions]
    now = links_of(text, kind)
    rewritten: dict[str, dict[str, str]] = {}
    broken: list[str] = []
    for line, anchors in now.by_line.items():
        for anchor in anchors:
            meant = {one.targets[anchor] for one in before if line in one.by_line and anchor in one.targets}
            left_broken = any(line in one.by_line and anchor not in one.targets for one in before)
            if not meant or left_broken or meant == {now.targets.get(anchor)}:
                continue
            moved = {now.anchor_of(target) for target in meant}
            place = next(iter(moved)) if len(moved) == 1 else None
            if place is None or kind == "rst":
                if len(moved) > 1 or anchor not in now.targets:
                    broken.append(anchor)
            else:
                rewritten.setdefault(line, {})[anchor] = place
    known = set().union(*(one.targets for one in before))
    everywhere = {anchor for one in before for anchors in one.by_line.values() for anchor in anchors}
    for anchors in now.by_line.values():  # a line that no version has as it is
        broken += [a for a in anchors if a in known and a in everywhere and a not in now.targets and a not in broken]
    broken += _lost_footnotes(text, versions, kind)
    names = tuple(sorted({anchor for changes in rewritten.values() for anchor in changes}))
    return _with_links(text, rewritten), names, tuple(dict.fromkeys(broken))


def replace_anchors(text: str, names: Mapping[str, str], kind: Kind) -> str:
    """The text with every link to an anchor led to its new name."""

    def markdown(match: re.Match[str]) -> str:
        return f"{match.group(1)}#{names.get(match.group(2), match.group(2))}"

    return rewrite(text, kind, lambda part: _MARKDOWN_LINK.sub(markdown, part)) if kind == "markdown" else text


def _with_links(text: str, changes: Mapping[str, Mapping[str, str]]) -> str:
    if not changes:
        return text
    lines = [
        replace_anchors(line, changes[line.strip()], "markdown") if line.strip() in changes else line
        for line in split(text)
    ]
    return "".join(lines)


def _ids_in(line: str, kind: Kind) -> tuple[str, ...]:
    if kind == "rst":
        found = _RST_TARGET.match(line)
        return (found.group(1).strip("`").casefold(),) if found else ()
    return tuple(_HTML_ID.findall(line))


def _used_in(line: str, kind: Kind) -> tuple[str, ...]:
    if kind == "rst":
        named = [] if "://" in line else _RST_NAMED.findall(line)
        return tuple(name.casefold().strip() for name in (*_RST_REF.findall(line), *named))
    return tuple(anchor for _, anchor in _MARKDOWN_LINK.findall(_CODE_SPAN.sub("", line)))


def _lost_footnotes(text: str, versions: Sequence[str], kind: Kind) -> list[str]:
    """Footnotes without a text, used in a line that is in no version where they had none."""
    lacking: set[tuple[str, str]] = set()
    for one in versions:
        known = definitions_of(one, kind)
        lacking |= {use for use in lines_with_labels(split(one), kind) if use[0] not in known}
    defined = definitions_of(text, kind)
    uses = lines_with_labels(split(text), kind)
    return sorted({use[0] for use in uses if use[0] not in defined and use not in lacking})
