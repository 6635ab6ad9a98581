"""Do two globs have a path in common? Decided exactly, by walking both patterns at once over every possible path.

The patterns mean what `ptx_prefect.tree.globs` says: ``*`` and ``?`` stay in one folder, ``**`` spans folders, and
a pattern that names a folder takes in all that is below it. One that ends in a file suffix (``*.md``) is taken to name
files: otherwise a folder called ``x.md`` would make it overlap with every ``**/*.py``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple


class _Chars(NamedTuple):
    """A set of characters, or all but these."""

    excluded: bool
    chars: frozenset[str]

    def meets(self, other: _Chars) -> bool:
        if self.excluded and other.excluded:
            return True  # there are always more characters than two patterns can exclude
        if self.excluded:
            return bool(other.chars - self.chars)
        if other.excluded:
            return bool(self.chars - other.chars)
        return bool(self.chars & other.chars)


_FILE_SUFFIX = re.compile(r"\*\.[A-Za-z]\w*$")
_ANY = _Chars(True, frozenset())
_NO_SLASH = _Chars(True, frozenset("/"))
_SLASH = _Chars(False, frozenset("/"))


class _Machine(NamedTuple):
    """A nondeterministic automaton: state to free moves, and to (characters, next state) moves; the last accepts."""

    free: tuple[tuple[int, ...], ...]
    moves: tuple[tuple[tuple[_Chars, int], ...], ...]


@lru_cache(maxsize=100_000)
def patterns_overlap(one: str, other: str) -> bool:
    """Whether some path matches both patterns."""
    one, other = _clean(one), _clean(other)
    if not one or not other or one == other:
        return True
    if not _has_magic(one) and not _has_magic(other):
        return one.startswith(f"{other}/") or other.startswith(f"{one}/")
    return _meet(_machine_of(one), _machine_of(other))


def _clean(pattern: str) -> str:
    cleaned = pattern.removeprefix("./").rstrip("/")
    return "" if cleaned == "." else cleaned


def _has_magic(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _meet(one: _Machine, other: _Machine) -> bool:
    accept = (len(one.free) - 1, len(other.free) - 1)
    seen = {(0, 0)}
    open_ = [(0, 0)]
    while open_:
        left, right = open_.pop()
        if (left, right) == accept:
            return True
        following = [(state, right) for state in one.free[left]]
        following += [(left, state) for state in other.free[right]]
        following += [
            (next_left, next_right)
            for chars, next_left in one.moves[left]
            for other_chars, next_right in other.moves[right]
            if chars.meets(other_chars)
        ]
        for state in following:
            if state not in seen:
                seen.add(state)
                open_.append(state)
    return False


@lru_cache(maxsize=4096)
def _machine_of(pattern: str) -> _Machine:
    making = _Making()
    position = 0
    while position < len(pattern):
        before = making.last
        if pattern.startswith("**/", position):  # nothing, or anything up to a slash
            making.step(None)
            making.repeat(_ANY)
            making.step(_SLASH)
            making.jump(before)
            position += 3
        elif pattern[position] == "*":
            is_deep = pattern.startswith("**", position)
            making.step(None)
            making.repeat(_ANY if is_deep else _NO_SLASH)
            making.step(None)
            position += 2 if is_deep else 1
        else:
            chars, position = _one_character(pattern, position)
            making.step(chars)
    if not _FILE_SUFFIX.search(pattern):  # all that lies below a folder of this name
        end = making.last
        making.step(_SLASH)
        making.repeat(_ANY)
        making.step(None)
        making.jump(end)
    return _Machine(tuple(map(tuple, making.free)), tuple(map(tuple, making.moves)))


class _Making:
    """A machine as its pattern is read: each step adds a state behind the last one."""

    def __init__(self) -> None:
        self.free: list[list[int]] = [[]]
        self.moves: list[list[tuple[_Chars, int]]] = [[]]

    @property
    def last(self) -> int:
        return len(self.free) - 1

    def step(self, chars: _Chars | None) -> None:
        """One more state, reached by these characters, or freely."""
        self.free.append([])
        self.moves.append([])
        if chars is None:
            self.free[-2].append(self.last)
        else:
            self.moves[-2].append((chars, self.last))

    def repeat(self, chars: _Chars) -> None:
        """These characters lead from the last state to itself."""
        self.moves[-1].append((chars, self.last))

    def jump(self, start: int) -> None:
        """The last state is reached freely from ``start`` too."""
        self.free[start].append(self.last)


def _one_character(pattern: str, position: int) -> tuple[_Chars, int]:
    character = pattern[position]
    if character == "?":
        return _NO_SLASH, position + 1
    closing = (
        pattern.find("]", position + 2 + (pattern[position + 1 : position + 2] in "!^")) if character == "[" else -1
    )
    if closing < 0:
        return _Chars(False, frozenset(character)), position + 1
    inside = pattern[position + 1 : closing]
    excluded = inside[0] in "!^"
    chars = _members(inside[1:] if excluded else inside)
    return _Chars(excluded, chars), closing + 1


def _members(inside: str) -> frozenset[str]:
    chars: set[str] = set()
    position = 0
    while position < len(inside):
        if inside[position + 1 : position + 2] == "-" and position + 2 < len(inside):
            chars.update(map(chr, range(ord(inside[position]), ord(inside[position + 2]) + 1)))
            position += 3
        else:
            chars.add(inside[position])
            position += 1
    return frozenset(chars)
