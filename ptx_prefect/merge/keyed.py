"""Three-way merge of groups of keyed entries: members of an object, elements of a list, lines of a requirements file.

A format reads its text into :class:`Group` values that keep every byte, and this module decides entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ptx_prefect.merge.result import ConflictClass
from ptx_prefect.merge.weave import weave


@dataclass(frozen=True, slots=True)
class Entry:
    """One keyed thing: ``lead`` (blank lines, comments, indentation), ``body``, separator, ``tail`` (to the line end).

    ``group`` is the body's inside, where it has one; ``head`` is then the part of the body before it.
    """

    key: str
    lead: str
    body: str
    tail: str
    head: str = ""
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Entries between ``opening`` and ``closing``; ``separator`` stands between them, and maybe after the last."""

    opening: str
    entries: tuple[Entry, ...]
    closing: str
    separator: str = ""
    separator_at_end: bool = False


@dataclass(frozen=True, slots=True)
class Rival:
    """One entry that the sides disagree about: the texts of the three versions, each whole lines or empty."""

    base: str
    ours: str
    theirs: str
    place: str
    reason: str
    kind: ConflictClass = "file"
    proposal: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule says about one body that both sides changed: a text, or why there is none."""

    body: str | None
    reason: str
    kind: ConflictClass = "file"
    proposal: str | None = None


Piece = str | Rival
Place = tuple[str, ...]

Rule = Callable[[Place, str | None, str, str], Decision]
"""Path of the entry, its body in the base (None: both added it), in ours and in theirs."""

Sorter = Callable[[Place], Callable[[str], Any] | None]
"""How the keys of the group at that place are sorted where they are; None: their order is free."""


_GAP = "\0"
"""Where the separator goes in a rival's text, until it is known whether one is needed."""


class Unmergeable(Exception):  # noqa: N818  # a verdict that ends an attempt, not an error
    """This group cannot be merged entry by entry: its whole text is the conflict, for the sake of ``rival`` if any."""

    def __init__(self, reason: str, rival: Rival | None = None) -> None:
        super().__init__(reason)
        self.rival = rival


@dataclass(slots=True)
class Merger:
    """The merge of one file: the format's rules, and the places that were decided.

    ``opens`` says for a place whether what stands there may be merged entry by entry when both sides changed it.
    """

    rule: Rule
    sorter: Sorter
    opens: Callable[[Place, Group], bool]
    decided: list[tuple[str, str, ConflictClass]]

    def merge(self, base: Group | None, ours: Group, theirs: Group, place: Place) -> tuple[Piece, ...]:
        """The merged text, with a rival where the sides disagree.

        Raises:
            Unmergeable: the keys are not unique, both sides moved entries, or a rival does not stand in its own line.
        """
        base = base or replace(ours, entries=())
        mine, yours, old = (_by_key(group) for group in (ours, theirs, base))
        _refuse_rival_replacements(old, mine, yours)
        _refuse_orphaned_comments(base, ours, theirs)
        merged = {}
        for key in dict.fromkeys((*mine, *yours)):
            pieces = self._entry(old.get(key), mine.get(key), yours.get(key), (*place, key))
            if pieces is not None:
                merged[key] = pieces
        is_plain = not any(comments_of(entry.lead) for group in (base, ours, theirs) for entry in group.entries)
        sort_key = self.sorter(place) if is_plain else None  # comments are headings: each has its own part of the list
        order = weave(tuple(old), tuple(mine), tuple(yours), kept=tuple(merged), sort_key=sort_key)
        if order is None:
            raise Unmergeable("both sides reordered the entries")
        layout = theirs if _is_inline(ours) == _is_inline(base) != _is_inline(theirs) else ours
        same_style = _is_inline(ours) == _is_inline(theirs)
        opening = pick(base, ours, theirs, "opening") if same_style else layout.opening
        closing = pick(base, ours, theirs, "closing") if same_style else layout.closing
        at_end = layout.separator_at_end
        if same_style:
            at_end = _three_way(base.separator_at_end, ours.separator_at_end, theirs.separator_at_end)
        styled = [_styled(merged[key], layout) for key in order]
        return _joined(opening, styled, closing, separator=layout.separator, at_end=at_end)

    def _entry(self, old: Entry | None, mine: Entry | None, yours: Entry | None, place: Place) -> _Merged | None:
        if mine is None or yours is None:
            left = mine or yours
            assert left is not None
            if old is None:
                return _Merged(left.lead, (left.body,), left.tail)
            if left.body == old.body and _notes(left) == _notes(old):
                self.decided.append((_name(place), "one side removed it and the other left it as it was", "file"))
                return None
            reason = f"one side removed {place[-1]!r}, the other changed it"
            return _Merged("", (_rival(old, mine, yours, place, Decision(None, reason, "dependency")),), "")
        lead, tail = _trivia(old, mine, yours, "lead"), _trivia(old, mine, yours, "tail")
        if lead is None or tail is None:
            reason = f"both sides changed the comments of {place[-1]!r}"
            return _Merged("", (_rival(old, mine, yours, place, Decision(None, reason)),), "")
        body = self._body(old, mine, yours, place)
        if isinstance(body, Decision):
            return _Merged("", (_rival(old, mine, yours, place, body),), "")
        return _Merged(lead, body, tail)

    def _body(self, old: Entry | None, mine: Entry, yours: Entry, place: Place) -> tuple[Piece, ...] | Decision:
        if mine.body == yours.body or (old is not None and yours.body == old.body):
            return (mine.body,)
        if old is not None and mine.body == old.body:
            return (yours.body,)
        if mine.group is not None and yours.group is not None and self._opens(old, mine.group, place):
            try:
                inside = self.merge(old.group if old else None, mine.group, yours.group, place)
            except Unmergeable as why:
                if why.rival is not None:
                    return Decision(None, why.rival.reason, why.rival.kind, why.rival.proposal)
            else:
                head = _three_way(old.head if old else mine.head, mine.head, yours.head)
                return (head, *inside)
        decision = self.rule(place, old.body if old else None, mine.body, yours.body)
        if decision.body is None:
            return decision
        self.decided.append((_name(place), decision.reason, decision.kind))
        return (decision.body,)

    def _opens(self, old: Entry | None, group: Group, place: Place) -> bool:
        return (old is None or old.group is not None) and self.opens(place, group)


@dataclass(frozen=True, slots=True)
class _Merged:
    lead: str
    body: tuple[Piece, ...]
    tail: str


def _refuse_orphaned_comments(base: Group, ours: Group, theirs: Group) -> None:
    """An entry went and the comment above it stayed: a heading, and nobody here knows what stands below it."""
    for side in (ours, theirs):
        keys = {entry.key for entry in side.entries}
        left = {line for entry in side.entries for line in comments_of(entry.lead)} | {*comments_of(side.closing)}
        gone = {line for entry in base.entries if entry.key not in keys for line in comments_of(entry.lead)}
        if left & gone:
            raise Unmergeable("a comment outlived the entry below it")


def _refuse_rival_replacements(old: dict[str, Entry], mine: dict[str, Entry], yours: dict[str, Entry]) -> None:
    """Both sides dropped an entry and each put others in: two renames, or two replacements, of one thing."""
    added = [set(side) - set(old) for side in (mine, yours)]
    if set(old) - set(mine) - set(yours) and added[0] - added[1] and added[1] - added[0]:
        raise Unmergeable("both sides replaced an entry")


def pick(base: Group, ours: Group, theirs: Group, field: str) -> str:
    """That field from the side that changed it; where both did, it has to be the same but for white space."""
    values = [getattr(group, field) for group in (base, ours, theirs)]
    old, mine, yours = values
    if mine != old and yours != old and mine.split() != yours.split():
        raise Unmergeable(f"both sides changed the {field}")
    return str(_three_way(old, mine, yours))


def comments_of(text: str) -> tuple[str, ...]:
    """The comment lines of ``text``, stripped."""
    return tuple(line.strip() for line in text.split("\n") if line.lstrip().startswith("#"))


def _by_key(group: Group) -> dict[str, Entry]:
    found = {entry.key: entry for entry in group.entries}
    if len(found) < len(group.entries):
        raise Unmergeable("a key stands twice")
    return found


def _three_way(old: Any, mine: Any, yours: Any) -> Any:
    return yours if mine == old else mine


def _notes(entry: Entry) -> list[str]:
    return (entry.lead + " " + entry.tail).split()


def _trivia(old: Entry | None, mine: Entry, yours: Entry, field: str) -> str | None:
    """Lead or tail of an entry; None when both sides wrote different comments there."""
    first, second = getattr(mine, field), getattr(yours, field)
    before = getattr(old, field) if old is not None else ""
    if first.split() == second.split() or second.split() == before.split():
        return str(first if second == before or first.split() != before.split() else second)
    return str(second) if first.split() == before.split() else None


def _rival(old: Entry | None, mine: Entry | None, yours: Entry | None, place: Place, why: Decision) -> Rival:
    base, ours, theirs = (f"{e.lead}{e.body}{_GAP}{e.tail}" if e else "" for e in (old, mine, yours))
    return Rival(base, ours, theirs, _name(place), why.reason, why.kind, why.proposal)


def _name(place: Place) -> str:
    return ".".join(place)


def _is_inline(group: Group) -> bool:
    return "\n" not in group.opening and not any("\n" in entry.lead + entry.tail for entry in group.entries)


def _styled(entry: _Merged, layout: Group) -> _Merged:
    """An entry that comes from a list on one line, in a list of one entry a line (or the other way round)."""
    if not layout.entries or not all(isinstance(piece, str) for piece in entry.body):
        return entry
    if entry.lead.strip() or entry.tail.strip() or layout.separator == "":
        return entry
    if ("\n" in entry.lead + entry.tail) != _is_inline(layout):
        return entry
    model = layout.entries[-1 if len(layout.entries) > 1 else 0]
    lead = model.lead if not model.lead.strip() else layout.entries[0].lead
    return replace(entry, lead=lead, tail="" if _is_inline(layout) else "\n")


def _joined(
    opening: str, entries: Sequence[_Merged], closing: str, *, separator: str, at_end: bool
) -> tuple[Piece, ...]:
    pieces: list[Piece] = [opening]
    for number, entry in enumerate(entries):
        mark = separator if at_end or number < len(entries) - 1 else ""
        if len(entry.body) == 1 and isinstance(entry.body[0], Rival):
            pieces.append(_on_lines(entry.body[0], mark, pieces))
        else:
            pieces += [entry.lead, *entry.body, mark + entry.tail]
    return (*pieces, closing)


def _on_lines(rival: Rival, mark: str, before: Sequence[Piece]) -> Rival:
    last = next((piece for piece in reversed(before) if isinstance(piece, Rival) or piece), "\n")
    texts = [text.replace(_GAP, mark) for text in (rival.base, rival.ours, rival.theirs)]
    starts = isinstance(last, Rival) or last.endswith("\n")
    if not starts or not all(text.endswith("\n") or not text for text in texts):
        raise Unmergeable("the entry does not stand in a line of its own", rival)
    return replace(rival, base=texts[0], ours=texts[1], theirs=texts[2])
