"""``__all__`` merged as what it is: a set of names, in an order that means nothing to the program."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge.lines import split

REASON = "names in __all__ merged as a set against the base"
_WIDTH = 88
"""Columns from which on a list is written one name a line, unless a side's is as wide."""
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class _Exports:
    """The one statement that makes ``__all__``; ``lines`` are its first line and the one after its last, from 0."""

    names: tuple[str, ...]
    lines: tuple[int, int]
    text: tuple[str, ...]

    @property
    def opening(self) -> str:
        """Up to and with the bracket."""
        return self.text[0][: min(place for sign in "[(" if (place := self.text[0].find(sign, 7)) >= 0) + 1]

    @property
    def is_sorted(self) -> bool:
        """Whether somebody keeps it in alphabetical order."""
        return any(list(self.names) == sorted(self.names, key=key) for key in (str, str.casefold))


def exports_settled(base: str, ours: str, theirs: str) -> tuple[str, str, str] | None:
    """The three texts with the merged ``__all__`` in each, where both sides changed it; so it is no difference more.

    None where a version has no plain one: one list or tuple of written-out names, without comments. The base may have
    none at all, where both sides made the file, or the list.
    """
    mine, yours = _exports_of(ours), _exports_of(theirs)
    old = _exports_of(base) if "__all__" in base else mine and replace(mine, names=(), text=mine.text[:1])
    if old is None or mine is None or yours is None or len({one.opening for one in (old, mine, yours)}) != 1:
        return None
    if mine.text == yours.text or ("__all__" in base and old.text in (mine.text, yours.text)):
        return None
    merged = _written(_merged(old, mine, yours), (old, mine, yours))
    settled = _put(base, old.lines, merged) if "__all__" in base else base
    return settled, _put(ours, mine.lines, merged), _put(theirs, yours.lines, merged)


def _put(text: str, place: tuple[int, int], statement: str) -> str:
    lines = split(text)
    return "".join((*lines[: place[0]], statement, *lines[place[1] :]))


def _exports_of(text: str) -> _Exports | None:
    if "__all__" not in text:
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    # Text that mentions it elsewhere (``__all__ += …``) makes it out of more than one statement.
    places = [node for node in body if any(getattr(one, "id", "") == "__all__" for one in ast.walk(node))]
    node = places[0] if len(places) == 1 else None
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.value, ast.List | ast.Tuple):
        return None
    values = [getattr(one, "value", None) for one in node.value.elts]
    names = [value for value in values if isinstance(value, str) and value.isidentifier()]
    place = (node.lineno - 1, node.end_lineno or node.lineno)
    lines = tuple(split(text)[slice(*place)])
    is_plain = len(names) == len(node.value.elts) == len(set(names)) and not any("#" in line for line in lines)
    is_alone = lines[0].startswith("__all__") and lines[-1].rstrip().endswith(("]", ")"))
    return _Exports(tuple(names), place, lines) if is_plain and is_alone else None


def _merged(old: _Exports, mine: _Exports, yours: _Exports) -> list[str]:
    """What is in all versions or new in one; new names behind those that stand before them, ours first by text."""
    kept = [name for name in old.names if name in mine.names and name in yours.names]
    first, second = sorted((mine.names, yours.names))
    merged = list(kept)
    for names in (first, second):
        before: str | None = None
        fresh = {name for name in merged if name not in kept}
        for name in names:
            if name not in old.names and name not in merged:
                place = merged.index(before) + 1 if before in merged else 0
                while place < len(merged) and merged[place] in fresh:
                    place += 1
                merged.insert(place, name)
            before = name if name in merged else before
    if all(one.is_sorted for one in (old, mine, yours)):
        by_letter = all(list(one.names) == sorted(one.names) for one in (old, mine, yours))
        merged.sort(key=str if by_letter else str.casefold)
    return merged


def _written(names: Sequence[str], versions: tuple[_Exports, _Exports, _Exports]) -> str:
    """The statement in the layout of the versions: one line, unless a side broke it or it grew too wide."""
    old = versions[0]
    ending = old.text[0][len(old.text[0].rstrip("\r\n")) :] or "\n"
    quote = "'" if "'" in "".join(old.text) and '"' not in "".join(old.text) else '"'
    shown = [f"{quote}{name}{quote}" for name in names]
    closing = "]" if old.opening.endswith("[") else ")"
    single = ", ".join(shown) + ("," if closing == ")" and len(shown) == 1 else "")
    line = f"{old.opening}{single}{closing}"
    width = max(_WIDTH, *(len(row.rstrip()) for one in versions for row in one.text))
    broken = [one for one in versions if len(one.text) > 1]
    if not broken and len(line) <= width:
        return line + ending
    inner = min((row[: len(row) - len(row.lstrip())] for one in broken for row in one.text[1:-1]), default=_INDENT)
    return "".join((old.opening + ending, *(f"{inner}{name},{ending}" for name in shown), closing + ending))
