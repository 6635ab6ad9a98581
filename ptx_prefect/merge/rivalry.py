"""Edits that go together as text and not as code: found from what each side added and removed in one source."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.names import enclosing_definition, parsed

_DEFINED = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)")
_FUNCTION = re.compile(r"[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)")
_ASSIGNED = re.compile(r"[ \t]+(\w+)[ \t]*(?:[-+*/|&^%@]|\*\*|//|<<|>>)?=(?!=)")
_ANY_ASSIGNED = re.compile(r"[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")


def gone_but_used(side: Edits, other: Edits) -> Iterator[str]:
    """Names that ``side`` did away with (removed, renamed) everywhere and ``other`` uses in new code."""
    if not side.removed or not other.added:
        return
    for word in sorted(side.vanished & other.added_words.keys()):
        if len(word) > 1 and _is_defined_in(word, side.removed) and not _is_defined_in(word, other.added):
            yield word


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
    gone = {found.group(1) for line in side.removed if (found := _DEFINED.match(line))}
    gone -= {found.group(1) for line in split(side.side) if (found := _DEFINED.match(line))} if gone else set()
    if not gone or not (other.added or other.removed):
        return
    for name in sorted(gone):
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
    headers = {found.group(1) for line in side.removed if (found := _FUNCTION.match(line))}
    headers |= {found.group(1) for line in side.added if (found := _FUNCTION.match(line))}
    called = {name for name in headers if other.added_words[name] or name == "__init__"}
    if not called:
        return
    old, new = parsed(side.base), parsed(side.side)
    if old is None or new is None:
        return
    before, after = _signatures(old), _signatures(new)
    for name, (required, accepted) in sorted(before.items()):
        short = name.rpartition(".")[2]
        if short not in called or name not in after or not _breaks(required, accepted, *after[name]):
            continue
        word = name.split(".")[-2] if short == "__init__" and "." in name else short
        if any(re.search(rf"\b{re.escape(word)}\(", line) and not _FUNCTION.match(line) for line in other.added):
            yield name


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
