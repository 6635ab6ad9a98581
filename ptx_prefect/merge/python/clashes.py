"""Clashing lines of Python source resolved by structure, each by the first rule that is sure of itself.

The rules were chosen by replaying public histories; which ones, and how often they agree with people, is written in
docs/decisions/020-merge-rules.md.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ptx_prefect.merge.python.inclusion import fuller_side
from ptx_prefect.merge.python.nesting import moved_along
from ptx_prefect.merge.python.release_numbers import higher_release
from ptx_prefect.merge.python.tokens import TokenMerge, merge_tokens, plain_words
from ptx_prefect.merge.threeway import Stretch, Versions, compare, cut

Lines = Sequence[str]


LAYOUT_ONLY = "one side changed the layout only"
MOVED_IN_OR_OUT = "one side moved the lines in or out only"
SPACED_OUT = "one side put in blank lines only"
SAME_BUT_LAYOUT = "both sides differ in layout only"
FULLER_SIDE = "one side has the other's edit too"
OTHER_LINES = "the sides changed different lines"
OTHER_WORDS = "the sides changed different words"
SMALL_EDITS = "the sides made small edits apart"
ADDED_DEFINITIONS = "both sides added definitions"
ADDED_ALIKE = "both sides added definitions, in part alike"
HIGHER_RELEASE = "both sides raised a version: the higher one stands"


@dataclass(frozen=True, slots=True)
class Solved:
    """Lines that carry the edits of both sides, and why they do."""

    lines: tuple[str, ...]
    reason: str


def solve(clash: Versions) -> Solved | None:
    """The merged lines, or None where a person has to decide."""
    solved = _layout_only(clash) or _fuller(clash) or _release(clash) or _line_by_line(clash) or _word_by_word(clash)
    if solved is None or not _repeats_a_line(clash, solved.lines):
        return solved
    return Solved(solved.lines, ADDED_ALIKE) if solved.reason == ADDED_DEFINITIONS else None


def _layout_only(clash: Versions) -> Solved | None:
    """One side changed the layout only: the other's edit stands, in that other's layout."""
    old, mine, yours = (plain_words("".join(lines)) for lines in (clash.base, clash.ours, clash.theirs))
    if mine == yours and moved_along(clash.ours, clash.theirs, clash.ours) == clash.ours:
        return Solved(min(clash.ours, clash.theirs), SAME_BUT_LAYOUT)
    for words, plain, edited in ((mine, clash.ours, clash.theirs), (yours, clash.theirs, clash.ours)):
        lines = moved_along(clash.base, plain, edited) if words == old else None
        if lines is not None:
            return Solved(lines, _layout_of(clash.base, plain))
    return None


def _layout_of(base: Lines, side: Lines) -> str:
    """What kind of layout the side, which has the words of the base, gave them."""
    old, new = ([line.rstrip() for line in lines if line.strip()] for lines in (base, side))
    if old != new and [line.lstrip() for line in old] == [line.lstrip() for line in new]:
        return MOVED_IN_OR_OUT
    return SPACED_OUT if old == new and len(side) > len(base) else LAYOUT_ONLY


def _fuller(clash: Versions) -> Solved | None:
    lines = fuller_side(clash)
    return None if lines is None else Solved(lines, FULLER_SIDE)


def _release(clash: Versions) -> Solved | None:
    lines = higher_release(clash)
    return None if lines is None else Solved(lines, HIGHER_RELEASE)


def _line_by_line(clash: Versions) -> Solved | None:
    """The sides changed different lines that merely touch, or both inserted whole definitions."""
    lines: list[str] = []
    reasons: list[str] = []
    changed: dict[int, list[str]] = {1: [], 2: []}
    touching = False
    previous = 0
    for stretch in compare(clash.base, clash.ours, clash.theirs, touching=False):
        part = cut(clash, stretch)
        if stretch.changed_by == 3 and part.ours != part.theirs:
            solved = _both_add_definitions(clash, stretch)
            if solved is None:
                return None
            reasons.append(solved.reason)
            lines += solved.lines
        else:
            mine = part.theirs if stretch.changed_by == 2 else part.ours
            lines += mine
            for side in {1, 2} if stretch.changed_by == 3 else {stretch.changed_by} - {0}:
                changed[side] += (*mine, *part.base)
            touching |= {previous, stretch.changed_by} == {1, 2}
        previous = stretch.changed_by
    if touching and not _are_independent(changed[1], changed[2]):
        return None
    return Solved(tuple(lines), "; ".join(dict.fromkeys(reasons)) or OTHER_LINES)


_HEADER = re.compile(r"(async\s+def|def|class|@|#)")
_COMPLETE = re.compile(r"(async\s+def|def|class)\b")


def _both_add_definitions(clash: Versions, stretch: Stretch) -> Solved | None:
    """Both sides insert whole definitions at one place: one after the other, ordered by their text."""
    part = cut(clash, stretch)
    if not part.ours or not part.theirs or any(line.strip() for line in part.base):
        return None
    indents = {_definitions_at(clash.ours, stretch.ours), _definitions_at(clash.theirs, stretch.theirs)}
    if len(indents) != 1 or None in indents:
        return None
    first, second = sorted((part.ours, part.theirs))
    return Solved((*first, *second), ADDED_DEFINITIONS)


def _definitions_at(lines: Lines, span: tuple[int, int]) -> int | None:
    """The indentation of the definitions that these lines are; None when they are anything else.

    The same insertion can be cut in many ways where lines repeat; it is moved up until it starts at a definition.
    """
    low, high = span
    for _ in range(60):
        heads = [line for line in lines[low:high] if line.strip()]
        if heads and _HEADER.match(heads[0].lstrip()):
            indent = _indent(heads[0])
            outer = [line.lstrip() for line in heads if _indent(line) <= indent and line.lstrip()[0] not in ")]}"]
            if all(map(_HEADER.match, outer)) and _COMPLETE.match(outer[-1]):
                return indent
        if low == 0 or lines[low - 1] != lines[high - 1]:
            return None
        low, high = low - 1, high - 1
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


_ELEMENT = re.compile(r".*,\s*(#.*)?$")
_ASIDE = re.compile(r"(@|#|import |from )")


def _are_independent(ours: Lines, theirs: Lines) -> bool:
    """True for changed lines whose neighbours seldom matter: elements of a list; comments, decorators and imports.

    Neighbouring statements are mostly about one thing: there, people undo every third such merge.
    """
    sides = [[line.strip() for line in lines if line.strip()] for lines in (ours, theirs)]
    if all(_ELEMENT.match(line) for side in sides for line in side):
        return True
    return any(all(map(_ASIDE.match, side)) for side in sides)


_FEW_LINES = 6
_SIGNATURE = re.compile(r"\s*((async\s+)?def|class)\b")
_STAYS = 0.93
"""Share of the words of a place that each side leaves alone; two edits that small seldom have to do with each other."""


def _word_by_word(clash: Versions) -> Solved | None:
    """The sides changed different words of the same lines."""
    merged = merge_tokens("".join(clash.base), "".join(clash.ours), "".join(clash.theirs))
    if merged is None or merged.adjacent:
        return None
    is_small = merged.gap > 1 and min(merged.kept_by_ours, merged.kept_by_theirs) > _STAYS
    is_small = is_small or _touch_little(clash, merged.gap)
    if not is_small and not _are_apart(clash.base, merged):
        return None
    merged_lines = tuple(f"{line}\n" for line in merged.text.split("\n")[:-1])
    return Solved(merged_lines, SMALL_EDITS if is_small else OTHER_WORDS)


_TOUCHED_LINES = 2
_FAR = 9
"""Unchanged words between the edits of two sides from which on an edit of a line or two on each side is on its own."""


def _touch_little(clash: Versions, gap: int) -> bool:
    """True when each side writes a line or two anew, far from what the other does."""
    old, *sides = (Counter(filter(None, map(str.strip, lines))) for lines in (clash.base, clash.ours, clash.theirs))
    return gap >= _FAR and max(sum((side - old).values()) for side in sides) <= _TOUCHED_LINES


def _are_apart(base: Lines, merged: TokenMerge) -> bool:
    """True for words of a signature that can be changed one without the other."""
    lines = [line for line in base if line.strip()]
    if len(lines) > _FEW_LINES or not all(_SIGNATURE.match(line) or _ELEMENT.match(line.strip()) for line in lines):
        return False  # in statements, words that two sides change are mostly about one thing
    # a parameter renamed or removed concerns every other change of the signature
    is_more = not merged.replaced_by_ours and not merged.replaced_by_theirs
    return is_more and any(map(_SIGNATURE.match, base))


_TRIVIAL = re.compile(r"\W*(else|try|finally|pass|return( (True|False|None|self))?|break|continue|raise|\w{0,2})\W*")
_TARGET = re.compile(r"([\w.]+(?:\[[^\]]*\])?)\s*(?::[^=]*)?=(?!=)")


def is_trivial(line: str) -> bool:
    """True for a line that says nothing about where it belongs."""
    return _TRIVIAL.fullmatch(line) is not None


def _repeats_a_line(clash: Versions, lines: Lines) -> bool:
    """True when the merged lines hold a line, or a target of assignment, more often than either side."""
    for read in (_plain, _assigned):
        mine, yours, merged = (Counter(filter(None, map(read, text))) for text in (clash.ours, clash.theirs, lines))
        if any(count > max(mine[item], yours[item]) > 0 for item, count in merged.items()):
            return True
    return False


def _plain(line: str) -> str | None:
    return None if is_trivial(line) else line.strip()


def _assigned(line: str) -> str | None:
    found = _TARGET.match(line.strip())
    return found.group(1) if found else None
