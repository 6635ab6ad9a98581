"""Conflicts that a person has decided: where they stand in the merged text, and the text with the answer in place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge.changesets import Merged
from ptx_prefect.merge.lines import join, split
from ptx_prefect.merge.result import Conflict, Resolution
from ptx_prefect.merge.versions import Version

_START, _MIDDLE, _END = re.compile(r"<{7} (.*)"), re.compile(r"={7}$"), re.compile(r">{7} (.*)")
_LONGER = re.compile(r"^(<{8,}|>{8,}) ", re.MULTILINE)
"""Around markers of a conflict between fewer rivals."""


@dataclass(frozen=True, slots=True)
class Place:
    """A conflict between markers. ``versions`` are the rival texts, ``names`` whose they are.

    Where the markers of a file cannot be told apart (more than two rivals meet), the place is the whole file:
    ``versions`` then holds its one marked text, and ``names`` is empty.
    """

    conflict: Conflict
    versions: tuple[str, ...]
    names: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, tuple[str, ...]]:
        """Equal for the same conflict in any merge in which it comes up."""
        return self.conflict.path, self.versions


Decisions = Mapping[tuple[str, tuple[str, ...]], str]
"""A place's identity to the text that is to stand there."""


def places_of(merged: Merged) -> tuple[Place, ...]:
    """Every conflict of a merge that stands between markers, in the order of the files and within them."""
    found: list[Place] = []
    for change in merged.changeset.changes:
        conflicts = [row for row in merged.conflicts if row.path == change.path and row.sections]
        text = _text(change.content)
        if not conflicts or text is None or not Version(change.content).has_markers:
            continue
        found += _places_in(text, conflicts)
    return tuple(found)


def with_decisions(merged: Merged, decisions: Decisions) -> Merged:
    """The merge with each decided text in place of its markers; what is decided is a resolution, no conflict."""
    changes, gone, told = list(merged.changeset.changes), set[int](), list(merged.resolutions)
    mine = [place for place in places_of(merged) if place.identity in decisions]
    for index, change in enumerate(changes):
        here = [place for place in mine if place.conflict.path == change.path]
        text = _text(change.content)
        if not here or text is None:
            continue
        ends = "\r\n" if "\r\n" in text else "\n"
        decided = _decided(text.replace("\r\n", "\n"), here, decisions).replace("\n", ends)
        changes[index] = replace(change, content=decided.encode())
        for place in here:
            row = place.conflict
            whole = [one for one in merged.conflicts if one.path == row.path and one.sections]
            gone |= {id(one) for one in ([row] if place.names else whole)}
            told.append(Resolution(row.kind, row.path, row.place, "decided in review", row.definition, row.sections))
    if not mine:
        return merged
    conflicts = tuple(row for row in merged.conflicts if id(row) not in gone)
    return replace(
        merged,
        changeset=replace(merged.changeset, changes=tuple(changes)),
        conflicts=conflicts,
        resolutions=tuple(told),
    )


def has_markers(text: str) -> bool:
    """True where a text still looks like an open conflict."""
    return bool(_LONGER.search(text)) or any(_START.match(line) or _END.match(line) for line in text.split("\n"))


def _places_in(text: str, conflicts: Sequence[Conflict]) -> list[Place]:
    """One place a conflict where each has markers of its own; else the whole file."""
    text = text.replace("\r\n", "\n")
    hunks = None if _LONGER.search(text) else _hunks(split(text))
    left = list(conflicts)
    found = []
    for names, versions in hunks or ():
        match = next((row for row in left if tuple(map(_same, row.versions)) == tuple(map(_same, versions))), None)
        if match is None:
            return [Place(conflicts[0], (text,))]
        left.remove(match)
        found.append(Place(match, versions, tuple(_section(label, match.sections) for label in names)))
    return found or [Place(conflicts[0], (text,))]


def _same(text: str) -> str:
    return text.replace("\r\n", "\n").rstrip("\n")


def _hunks(lines: Sequence[str]) -> list[tuple[tuple[str, str], tuple[str, str]]] | None:
    """Names and versions between the markers; None where they are nested or cut off."""
    found = []
    ours: list[str] | None = None
    theirs: list[str] | None = None
    name = ""
    for line in lines:
        bare = line.rstrip("\n")
        if start := _START.match(bare):
            if ours is not None:
                return None
            name, ours = start.group(1), []
        elif ours is not None and theirs is None and _MIDDLE.match(bare):
            theirs = []
        elif end := _END.match(bare):
            if ours is None or theirs is None:
                return None
            found.append(((name, end.group(1)), (join(ours), join(theirs))))
            ours = theirs = None
        elif ours is not None:
            (ours if theirs is None else theirs).append(line)
    return None if ours is not None else found


def _section(label: str, sections: Sequence[str]) -> str:
    """The section that a marker names: after the name it may tell the enclosing definition."""
    fitting = [name for name in sections if label == name or label.startswith(f"{name} in ")]
    return max(fitting, key=len, default=label)


def _decided(text: str, places: Sequence[Place], decisions: Decisions) -> str:
    if not places[0].names:
        return decisions[places[0].identity]
    wanted = {place.versions: decisions[place.identity] for place in places}
    lines: list[str] = []
    block: list[str] = []
    for line in split(text):
        if not block and not _START.match(line):
            lines.append(line)
            continue
        block.append(line)
        if _END.match(line.rstrip("\n")):
            lines += _block(block, wanted)
            block = []
    return join([*lines, *block])


def _block(block: Sequence[str], wanted: Mapping[tuple[str, ...], str]) -> Sequence[str]:
    hunks = _hunks(block)
    answer = wanted.get(hunks[0][1]) if hunks else None
    if answer is None:
        return block
    return split(answer if not answer or answer.endswith("\n") else answer + "\n")


def _text(content: bytes | None) -> str | None:
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError:
        return None
