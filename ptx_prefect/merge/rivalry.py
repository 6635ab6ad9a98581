"""Edits that go together as text and not as code: found from what each side added and removed in one source."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterator

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.names import enclosing_definition, parsed

_DEFINED = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)")
_HEADER_OF = r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{}\b"
_FUNCTION = re.compile(r"[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)")
_DEFINITION = re.compile(r"^[ \t]*(?P<kind>(?:async[ \t]+)?def|class)[ \t]+(?P<name>\w+)", re.M)
_BRACKET = re.compile(r"[()\n]")
_CALL = re.compile(r"(\w+)\(")
_ASSIGNED = re.compile(r"[ \t]+(\w+)[ \t]*(?:[-+*/|&^%@]|\*\*|//|<<|>>)?=(?!=)")
_ANY_ASSIGNED = re.compile(r"[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")


def gone_but_used(side: Edits, other: Edits) -> Iterator[str]:
    """Names that ``side`` did away with (removed, renamed) everywhere and ``other`` uses in new code."""
    if not side.removed or not other.added:
        return
    suspects = [word for word in side.removed_words.keys() & other.added_words.keys() if len(word) > 1]
    suspects = [
        word for word in suspects if _is_defined_in(word, side.removed) and not _is_defined_in(word, other.added)
    ]
    yield from sorted(side.vanished(suspects))


def _is_defined_in(word: str, lines: Counter[str]) -> bool:
    """True when one of the lines defines the word (a mere use may vanish without harm)."""
    for line in lines:
        for pattern in (_DEFINED, _ANY_ASSIGNED):
            found = pattern.match(line)
            if found and found.group(1) == word:
                return True
        if re.match(r"[ \t]*((async[ \t]+)?def|for|with|import|from)\b", line) and re.search(rf"\b{word}\b", line):
            return True
    return False


def renamed_but_edited(side: Edits, other: Edits) -> Iterator[str]:
    """Definitions that ``side`` renamed or removed while ``other`` edited their bodies."""
    if not (other.added or other.removed):
        return
    gone = {found.group(1) for line in side.removed if (found := _DEFINED.match(line))}
    for name in sorted(name for name in gone if not re.search(_HEADER_OF.format(name), side.side, re.M)):
        before, after = _body_of(name, other.base), _body_of(name, other.side)
        if before and after and [line.strip() for line in before] != [line.strip() for line in after]:
            yield name


def _body_of(name: str, source: str) -> list[str]:
    """The lines of the first definition of that name, less its header and blank lines."""
    lines = split(source)
    header = re.compile(rf"([ \t]*)(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b")
    start = next((index for index, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        return []
    depth = len(lines[start]) - len(lines[start].lstrip())
    body = []
    for line in lines[start + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth and line.lstrip()[0] not in ")]}":
            break
        if line.strip():
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
    ours = [index for index, line in enumerate(lines) if line in by_us and line in once]
    theirs = [index for index, line in enumerate(lines) if line in by_them and line in once]
    for first, second in ((ours, theirs), (theirs, ours)):
        for at in first:
            name = _target(lines[at])
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


def changed_but_called(side: Edits, other: Edits) -> Iterator[str]:
    """Functions that ``side`` lets be called in another way only, and that ``other`` calls in new code."""
    calls = {name for line in other.added if not _FUNCTION.match(line) for name in _CALL.findall(line)}
    before, after = (_headers(text, calls) for text in (side.base, side.side)) if calls else ({}, {})
    called = {name for name, headers in before.items() if headers != after.get(name, headers)}
    if not called:
        return
    old, new = parsed(side.base), parsed(side.side)
    if old is None or new is None:
        return
    now = _signatures(new)
    for name, (required, accepted) in sorted(_signatures(old).items()):
        *_, holder, short = ["", *name.split(".")]
        word = holder if short == "__init__" else short
        if word in called and name in now and _breaks(required, accepted, *now[name]):
            yield name


def _headers(source: str, names: Collection[str]) -> dict[str, list[str]]:
    """The texts from ``def name(`` to the closing bracket, for those names, classes by their ``__init__``."""
    found: dict[str, list[str]] = {}
    class_name = ""
    for match in _DEFINITION.finditer(source):
        if match["kind"] == "class":
            class_name = match["name"]
            continue
        name = class_name if match["name"] == "__init__" else match["name"]
        if name in names:
            found.setdefault(name, []).append(
                "".join(source[match.start() : _end_of_parameters(source, match.end())].split())
            )
    return found


def _end_of_parameters(source: str, start: int) -> int:
    depth = 0
    for match in _BRACKET.finditer(source, start):
        depth += 1 if match.group() == "(" else -1 if match.group() == ")" else 0
        if depth <= 0:
            return match.end()
    return len(source)


Accepted = tuple[str, ...]


def _signatures(tree: ast.Module) -> dict[str, tuple[Accepted, Accepted]]:
    """Dotted name -> parameters without a default, and all parameters in order."""
    found: dict[str, tuple[Accepted, Accepted]] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + node.name] = _parameters(node.args)

    visit(tree.body, "")
    return found


def _parameters(args: ast.arguments) -> tuple[Accepted, Accepted]:
    positional = [item.arg for item in (*args.posonlyargs, *args.args)]
    named = [f"*{item.arg}" for item in args.kwonlyargs]
    required = positional[: len(positional) - len(args.defaults)]
    required += [name for name, default in zip(named, args.kw_defaults, strict=True) if default is None]
    rest = [f"*{args.vararg.arg}*"] if args.vararg else []
    return tuple(required), (*positional, *named, *rest, *(["**"] if args.kwarg else []))


def _breaks(required: Accepted, accepted: Accepted, now_required: Accepted, now_accepted: Accepted) -> bool:
    """True when a call that was right before can be wrong now."""
    if set(now_required) - set(required):
        return True
    return now_accepted[: len(accepted)] != accepted and not set(accepted) <= set(now_accepted)
