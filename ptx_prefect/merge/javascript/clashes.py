"""Clashing lines of JavaScript solved by what they say: formatting, imports, definitions side by side."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptx_prefect.merge.javascript.imports import merge_imports, merge_specifiers
from ptx_prefect.merge.javascript.syntax import Item, elements_of, items_of, members_of, tokens_of
from ptx_prefect.merge.lines import Chunk, Clash, Kept, join, split
from ptx_prefect.merge.result import ConflictClass, Resolution
from ptx_prefect.merge.weave import weave

if TYPE_CHECKING:
    from tree_sitter import Language

_INSIDE_BRACES = re.compile(r"(?:\bimport\b|\bexport\b|\bconst\b)(?:\s+type)?\s*(?:[\w$]+\s*,\s*)?\{[^{}();=]*\Z")
_TEST_FILE = re.compile(r"(?:^|/)(?:tests?|__tests__|spec)/|[.-](?:test|spec)\.[cm]?[jt]sx?$")
_SLIDES = 8
_DRAFT_LINES = 4

Reader = Callable[[str, "Language"], tuple[Item, ...] | None]


class Solver:
    """Solves the clashes of one file and keeps what it decided."""

    def __init__(self, language: Language, path: str) -> None:
        self.resolutions: list[Resolution] = []
        self._language = language
        self._path = path

    def solve(self, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
        """The chunks with every clash that has one safe answer replaced by it."""
        done: list[Chunk] = []
        waiting = list(chunks)
        while waiting:
            chunk = waiting.pop(0)
            if not isinstance(chunk, Clash):
                done.append(chunk)
                continue
            before = done[-1] if done and isinstance(done[-1], Kept) else Kept(())
            after = waiting[0] if waiting and isinstance(waiting[0], Kept) else Kept(())
            solved = self._solve_one(before.lines, chunk, after.lines)
            if solved is None:
                done.append(chunk)
                continue
            lines, taken_before, taken_after = solved
            if taken_before:
                done[-1] = Kept(before.lines[:-taken_before])
            if taken_after:
                waiting[0] = Kept(after.lines[taken_after:])
            done.append(Kept(split(lines)))
        return tuple(done)

    def _solve_one(self, before: Sequence[str], clash: Clash, after: Sequence[str]) -> tuple[str, int, int] | None:
        """The lines, and how many lines before and after the clash they replace."""
        for attempt in (self._formatting, self._specifiers, self._statements, self._members, self._elements):
            lines = attempt(before, clash)
            if lines is not None:
                return lines, 0, 0
        for count in range(1, _SLIDES + 1):
            for slid in _slid(before, clash, after, count):
                for attempt in (self._statements, self._members, self._elements):
                    lines = attempt(before, slid.clash)
                    if lines is not None:
                        return slid.prefix + lines + slid.suffix, slid.taken_before, slid.taken_after
        return None

    def _formatting(self, before: Sequence[str], clash: Clash) -> str | None:
        """One side only changed white space: the other side's text."""
        base, ours, theirs = (
            tokens_of(join(lines), self._language) for lines in (clash.base, clash.ours, clash.theirs)
        )
        if ours == base and clash.base:
            return self._decided(join(clash.theirs), "lines", "one side only changed the layout", "file")
        if (theirs == base and clash.base) or ours == theirs:
            return self._decided(join(clash.ours), "lines", "one side only changed the layout", "file")
        return None

    def _specifiers(self, before: Sequence[str], clash: Clash) -> str | None:
        if not _INSIDE_BRACES.search(join(before[-200:])):
            return None
        merged = merge_specifiers(clash.base, clash.ours, clash.theirs)
        return None if merged is None else self._decided(merged, "imports", "names merged as a set", "import")

    def _statements(self, before: Sequence[str], clash: Clash) -> str | None:
        return self._by_items(clash, items_of)

    def _members(self, before: Sequence[str], clash: Clash) -> str | None:
        return self._by_items(clash, members_of)

    def _elements(self, before: Sequence[str], clash: Clash) -> str | None:
        """New cases in the table of a test: their order has no meaning, unlike that of other arrays."""
        if clash.base or not _TEST_FILE.search(self._path):
            return None
        return self._by_items(clash, elements_of)

    def _by_items(self, clash: Clash, read: Reader) -> str | None:
        sides = [read(join(lines), self._language) for lines in (clash.base, clash.ours, clash.theirs)]
        base, ours, theirs = sides
        if base is None or ours is None or theirs is None:
            return None
        trails = [items[-1].lead if items and not items[-1].body else "" for items in (base, ours, theirs)]
        real = [[item for item in items if item.body] for items in (base, ours, theirs)]
        if any(trail.strip() for trail in trails) or not (real[1] and real[2]):
            return None
        trail = trails[2] if trails[1] == trails[0] else trails[1]
        if all(item.kind == "import" for side in real for item in side):
            merged = merge_imports(*real)
            return None if merged is None else self._decided(merged + trail, "imports", "merged as sets", "import")
        merged = _woven(*real, trail=trail)
        if merged is None:
            return None
        return self._decided(merged, _places(real), "both sides changed different definitions here", "file")

    def _decided(self, lines: str, place: str, reason: str, kind: ConflictClass) -> str:
        self.resolutions.append(Resolution(kind, self._path, place, reason))
        return lines


def _places(sides: Sequence[Sequence[Item]]) -> str:
    known = {item.body for item in sides[0]}
    return ", ".join(sorted({item.key[:60] for side in sides[1:] for item in side if item.body not in known}))


@dataclass(frozen=True, slots=True)
class _Slid:
    """The same insertions seen further up or down: ``taken`` lines of the text around them changed places."""

    clash: Clash
    prefix: str
    suffix: str
    taken_before: int
    taken_after: int


def _slid(before: Sequence[str], clash: Clash, after: Sequence[str], count: int) -> Iterator[_Slid]:
    """The insertions moved by ``count`` lines, down and up, as far as the lines around them allow.

    A diff may show ``} function b() {`` where ``function b() { }`` was inserted: the shared lines slide through.
    """
    ours, theirs = tuple(clash.ours), tuple(clash.theirs)
    if clash.base or min(len(ours), len(theirs)) <= count:
        return
    lead, tail = ours[:count], ours[-count:]
    if lead == theirs[:count] == tuple(after[:count]):
        yield _Slid(Clash((), (*ours[count:], *lead), (*theirs[count:], *lead)), join(lead), "", 0, count)
    if tail == theirs[-count:] == tuple(before[-count:]):
        yield _Slid(Clash((), (*tail, *ours[:-count]), (*tail, *theirs[:-count])), "", join(tail), count, 0)


def _woven(base: Sequence[Item], ours: Sequence[Item], theirs: Sequence[Item], *, trail: str) -> str | None:
    """The items of both sides, three-way; None where both changed one, or their order is not free."""
    old, mine, yours = ({item.key: item for item in side} for side in (base, ours, theirs))
    if any(len(keyed) != len(side) for keyed, side in zip((old, mine, yours), (base, ours, theirs), strict=True)):
        return None
    added = [[item for key, item in side.items() if key not in old] for side in (mine, yours)]
    if any(key not in mine and key not in yours for key in old) and added[0] != added[1] and any(added):
        return None  # renamed by one, removed by the other
    if all(added) and not _are_independent(*added):
        return None
    merged: dict[str, Item] = {}
    for key in dict.fromkeys((*mine, *yours)):
        before, first, second = old.get(key), mine.get(key), yours.get(key)
        if first is not None and second is not None:
            one = _merged_item(before, first, second)
            if one is None:
                return None
            merged[key] = one
        elif before is None:
            merged[key] = first or second  # type: ignore[assignment]  # one of the two is there
        elif (first or second) != before:
            return None
    order = weave(tuple(old), tuple(mine), tuple(yours), kept=tuple(merged))
    return None if order is None else _spaced([merged[key] for key in order]) + trail


def _merged_item(before: Item | None, first: Item, second: Item) -> Item | None:
    if first.body == second.body and first.lead.split() == second.lead.split():
        return first
    if before is None:
        return None
    if _same(second, before):
        return first
    return second if _same(first, before) else None


def _same(item: Item, other: Item) -> bool:
    return item.body == other.body and item.lead.split() == other.lead.split()


def _are_independent(first: Sequence[Item], second: Sequence[Item]) -> bool:
    """Of one side only definitions, imports and tests, of other names, and not drafts of what the other has."""
    both = [*first, *second]
    if all(any(item.kind == "statement" for item in side) for side in (first, second)):
        return False
    names = [name for item in both for name in (item.names or (item.key,))]
    shared = {item.body for item in first} & {item.body for item in second}
    if not shared and len(set(names)) != len(names):
        return False
    return not any(_is_renamed(one, two) for one in first for two in second)


def _is_renamed(one: Item, two: Item) -> bool:
    """Two names for one text: two drafts of the same thing."""
    if one.body == two.body or one.kind == "import" or one.body.count("\n") < _DRAFT_LINES:
        return False
    bodies = [item.body.replace(item.names[0] if item.names else item.key, "") for item in (one, two)]
    return bodies[0] == bodies[1]


def _spaced(items: Sequence[Item]) -> str:
    """The items one after the other, with a blank line where a block would stick to the one before it."""
    text = ""
    for item in items:
        is_block = item.body.count("\n") > 1
        if text and is_block and not text.endswith("\n\n") and not item.lead.startswith("\n"):
            text += "\n"
        text += item.lead + item.body
    return text
