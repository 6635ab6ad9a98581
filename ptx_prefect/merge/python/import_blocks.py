"""Where clashing lines belong to imports: the clash widened to the whole block, in all three versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.python.imports import block_of, statement_end
from ptx_prefect.merge.threeway import Span, Stretch, Versions

_IMPORT = re.compile(r"\s*(from|import)\s")
_REACH = 25
"""Lines of one statement that may stick out of the clash."""
_BLOCK_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch, and whether it is a block of imports to be merged as such."""

    stretch: Stretch
    is_imports: bool


def regions_of(stretches: Sequence[Stretch], whole: Versions) -> list[Region]:
    """The stretches in order, those that clash in imports widened (and their neighbours cut short)."""
    regions: list[Region] = []
    index = 0
    rest = list(stretches)
    while index < len(rest):
        stretch = rest[index]
        block = _Window(rest, index, whole).grown() if _clashes(stretch, whole) else None
        if block is None:
            regions.append(Region(stretch, False))
            index += 1
            continue
        while regions and _overlap(regions[-1].stretch, block.span):
            last = regions.pop().stretch
            if any(start < limit for start, limit in zip(_starts(last), _starts(block.span), strict=True)):
                regions.append(Region(_between(last, _starts(last), _starts(block.span)), False))
                break
        regions.append(Region(block.span, True))
        last = rest[block.last]
        index = block.last + 1
        if _ends(last) != _ends(block.span):
            index = block.last
            rest[index] = _between(last, _ends(block.span), _ends(last))
    return regions


def _clashes(stretch: Stretch, whole: Versions) -> bool:
    if stretch.changed_by != 3:
        return False
    return whole.ours[slice(*stretch.ours)] != whole.theirs[slice(*stretch.theirs)]


def _starts(stretch: Stretch) -> tuple[int, int, int]:
    return stretch.base[0], stretch.ours[0], stretch.theirs[0]


def _ends(stretch: Stretch) -> tuple[int, int, int]:
    return stretch.base[1], stretch.ours[1], stretch.theirs[1]


def _between(like: Stretch, start: tuple[int, int, int], end: tuple[int, int, int]) -> Stretch:
    spans: list[Span] = list(zip(start, end, strict=True))
    return Stretch(like.changed_by, spans[0], spans[1], spans[2])


def _overlap(before: Stretch, block: Stretch) -> bool:
    return any(end > start for end, start in zip(_ends(before), _starts(block), strict=True))


@dataclass(frozen=True, slots=True)
class _Block:
    span: Stretch
    last: int


class _Window:
    """A piece of all three versions that grows: line by line where nothing changed, by whole stretches elsewhere."""

    def __init__(self, stretches: Sequence[Stretch], index: int, whole: Versions) -> None:
        self.stretches = stretches
        self.texts = (whole.base, whole.ours, whole.theirs)
        self.first = self.last = index
        self.low, self.high = _starts(stretches[index]), _ends(stretches[index])

    def grown(self) -> _Block | None:
        """The block of imports around, or None when the clash is not one of imports."""
        if not self._touches_imports() or not self._complete():
            return None
        for step in (self._up, self._down):
            while self.high[0] - self.low[0] < _BLOCK_LIMIT and self._stretched(step):
                pass
        if not any(block and block.statements for block in map(block_of, self._pieces())):
            return None
        return _Block(_between(Stretch(3, (0, 0), (0, 0), (0, 0)), self.low, self.high), self.last)

    def _pieces(self) -> list[Sequence[str]]:
        return [text[low:high] for text, low, high in zip(self.texts, self.low, self.high, strict=True)]

    def _touches_imports(self) -> bool:
        if any(_IMPORT.match(line) for piece in self._pieces() for line in piece):
            return True
        above = (text[max(0, low - _REACH) : low] for text, low in zip(self.texts, self.low, strict=True))
        return any(_IMPORT.match(line) and "(" in line for lines in above for line in lines)

    def _is_block(self) -> bool:
        return all(block_of(piece) is not None for piece in self._pieces())

    def _complete(self) -> bool:
        """Grow until every statement is whole; False when something else than imports is inside."""
        for _ in range(2 * _REACH):
            if self._is_block():
                return True
            states = [
                _state_of(text, low, high) for text, low, high in zip(self.texts, self.low, self.high, strict=True)
            ]
            if "cut above" in states:
                grew = self._up()
            elif "cut below" in states:
                grew = self._down()
            else:
                return False
            if not grew:
                return False
        return False

    def _stretched(self, step: Callable[[], bool]) -> bool:
        """One more statement (or blank line); False, with nothing changed, when there is none."""
        first, last, low, high = self.first, self.last, self.low, self.high
        for _ in range(_REACH):
            if not step():
                break
            added = [(self.low, low), (high, self.high)]
            if all(
                block_of(text[start:end]) is not None
                for starts, ends in added
                for text, start, end in zip(self.texts, starts, ends, strict=True)
                if start < end
            ):
                return True
        self.first, self.last, self.low, self.high = first, last, low, high
        return False

    def _up(self) -> bool:
        if self.low == _starts(self.stretches[self.first]):
            if self.first == 0:
                return False
            self.first -= 1
        stretch = self.stretches[self.first]
        is_same = stretch.changed_by == 0
        self.low = (self.low[0] - 1, self.low[1] - 1, self.low[2] - 1) if is_same else _starts(stretch)
        return True

    def _down(self) -> bool:
        if self.high == _ends(self.stretches[self.last]):
            if self.last + 1 == len(self.stretches):
                return False
            self.last += 1
        stretch = self.stretches[self.last]
        is_same = stretch.changed_by == 0
        self.high = (self.high[0] + 1, self.high[1] + 1, self.high[2] + 1) if is_same else _ends(stretch)
        return True


def _state_of(text: Sequence[str], low: int, high: int) -> str:
    at, is_first = low, True
    while at < high:
        line = text[at].strip()
        if not line or line.startswith("#"):
            at += 1
            continue
        end = statement_end(text, at)
        if end is None:
            return "cut above" if is_first else "other"
        at, is_first = end, False
    return "cut below" if at > high else "whole"
