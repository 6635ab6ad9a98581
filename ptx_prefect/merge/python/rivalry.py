"""Edits that go together as text and not as code: found from what each side added and removed in one source."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
from keyword import iskeyword

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.python.names import enclosing_definition

_DEFINED = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)")
_IMPORT = re.compile(r"[ \t]*(?:import|from)\b")
_COMMENT = re.compile(r"#[^\n]*")
_ARGUMENT = re.compile(r"[ \t]*\w+=[^\n]*,[ \t]*$")
_HEADER = re.compile(r"^([ \t]*)(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", re.M)
_ASSIGNED = re.compile(r"[ \t]+(\w+)[ \t]*(?:[-+*/|&^%@]|\*\*|//|<<|>>)?=(?!=)")
_ANY_ASSIGNED = re.compile(r"[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")


def gone_but_used(side: Edits, other: Edits) -> Iterator[str]:
    """Names that ``side`` did away with (removed, renamed) everywhere and ``other`` uses in new code."""
    if not side.removed or not other.added:
        return
    suspects = [word for word in side.removed_words.keys() & other.added_words.keys() if len(word) > 1]
    suspects = [
        word
        for word in suspects
        if not iskeyword(word) and _is_defined_in(word, side.removed) and not _is_defined_in(word, other.added)
    ]
    yield from sorted(word for word in side.vanished(suspects) if _is_meant(word, side.removed, other.added))


def _is_meant(word: str, removed: Counter[str], added: Counter[str]) -> bool:
    """False where only imports bound the word and the new code says it as an attribute of something else."""
    defining = [line for line in removed if _is_defined_in(word, Counter([line]))]
    if not all(_IMPORT.match(line) for line in defining):
        return True
    return any(re.search(rf"(?<![\w.]){word}\b", _COMMENT.sub("", line)) for line in added)


def _is_defined_in(word: str, lines: Counter[str]) -> bool:
    """True when one of the lines defines the word (a mere use may vanish without harm)."""
    binds = re.compile(
        rf"[ \t]*(?:(?:async[ \t]+)?def|for|with|import|from)\b.*\b{word}\b"
        rf"|[^#]*\b(?:for|as|lambda)\b[^:]*\b{word}\b|[^#]*\b{word}[ \t]*:="
    )
    for line in lines:
        for pattern in (_DEFINED, _ANY_ASSIGNED):
            found = pattern.match(line)
            if found and found.group(1) == word and not _ARGUMENT.match(line):
                return True
        if binds.match(line):
            return True
    return False


def renamed_but_edited(side: Edits, other: Edits) -> Iterator[str]:
    """Definitions that ``side`` renamed or removed while ``other`` edited their bodies."""
    if not (other.added or other.removed):
        return
    gone = {found.group(1) for line in side.removed if (found := _DEFINED.match(line))}
    if gone:
        gone -= {found[2] for found in _HEADER.finditer(side.side)}
    if not gone:
        return
    before, after = bodies_of(gone, other.base), bodies_of(gone, other.side)
    for name in sorted(before.keys() & after.keys()):
        old, new = before[name][0], after[name][0]
        if old and new and [line.strip() for line in old] != [line.strip() for line in new]:
            yield name


def bodies_of(names: Collection[str], source: str) -> dict[str, list[list[str]]]:
    """The lines of every definition of those names, in order, each less its header and blank lines."""
    found: dict[str, list[list[str]]] = {}
    for header in _HEADER.finditer(source):
        if header[2] in names:
            found.setdefault(header[2], []).append(_body(source, header.end(), len(header[1])))
    return found


def _body(source: str, start: int, depth: int) -> list[str]:
    body = []
    at = source.find("\n", start) + 1
    while 0 < at < len(source):
        end = source.find("\n", at) + 1 or len(source)
        line, at = source[at:end], end
        if not line.strip():
            continue
        if len(line) - len(line.lstrip()) <= depth and line.lstrip()[0] not in ")]}":
            break
        body.append(line)
    return body


_NEAR_LINES = 8


def both_write(merged: str, mine: Edits, yours: Edits) -> Iterator[tuple[str, str]]:
    """Variables that one side assigns and the other assigns or reads, in new lines close together in one function.

    Gives the variable and the function. Lines that stand in the source more than once say nothing about a place.
    """
    assigned = {name for side in (mine, yours) for line in side.added if (name := _target(line))}
    if not assigned & mine.added_words.keys() & yours.added_words.keys():
        return
    lines = split(merged)
    once = {line for line, times in Counter(lines).items() if times == 1}
    by_us, by_them = mine.added - yours.added, yours.added - mine.added
    changed = [{name for line in side.removed if (name := _target(line))} for side in (mine, yours)]
    ours = [index for index, line in enumerate(lines) if line in by_us and line in once]
    theirs = [index for index, line in enumerate(lines) if line in by_them and line in once]
    for first, second, known in ((ours, theirs, changed[0]), (theirs, ours, changed[1])):
        for at in first:
            name = _target(lines[at])
            if name in known:
                continue  # it was assigned here before: what the other reads is that variable in any case
            near = (
                second[bisect_left(second, at - _NEAR_LINES) : bisect_right(second, at + _NEAR_LINES)] if name else []
            )
            use = re.compile(rf"(?<![\w.]){re.escape(name or '')}\b(?!\s*=(?!=))")
            if name is None or not any(use.search(lines[index]) or _target(lines[index]) == name for index in near):
                continue
            functions = {enclosing_definition(lines[:index], lines[index : index + 1]) for index in (at, *near)}
            if len(functions) == 1 and (function := functions.pop()):
                yield name, function


def _target(line: str) -> str | None:
    found = _ASSIGNED.match(line)
    return found.group(1) if found and found.group(1) != "_" else None
