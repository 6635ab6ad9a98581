"""Guards on every merged Python source, the line-clean ones too: what no merge may do silently."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.edits import Edits, edits, line_counts, words_of
from ptx_prefect.merge.python.callables import changed_but_called, generator_but_valued
from ptx_prefect.merge.python.members import attributes_of_both, gone_but_read, repeated_branches
from ptx_prefect.merge.python.names import bindings_of, is_valid, parsed, unbound_in, unused_imports
from ptx_prefect.merge.python.rivalry import both_write, gone_but_used, renamed_but_edited
from ptx_prefect.merge.result import ConflictClass

_BINDS = re.compile(
    r"[ \t]*(?:(?:async|def|class|from|import|for|with|except|global)\b|\w+(?: as \w+)?,?[ \t]*(?:#|$)|[^(\n]*=)"
)
_BOUND = re.compile(
    r"[ \t]*(?:(?:async[ \t]+)?def[ \t]+\w+|class[ \t]+\w+|(?:from|import)\b[^#\n]*"
    r"|\w+[ \t]*(?::[^=\n]*)?=(?!=)|\w+[ \t]*:[^=\n]*$"
    r"|(?!(?:return|pass|raise|else|try|yield|continue|break|assert|del)\b)[\w., ]+\)?[ \t]*(?:#|$))"
)
_NAME = re.compile(r"[^\W\d]\w*")
_KEY = re.compile(r"[ \t]*(['\"])([\w.\- ]+)\1[ \t]*:")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a merged text must not pass. ``is_textual``: the text itself is no good, both versions have to be shown."""

    kind: ConflictClass
    reason: str
    is_textual: bool
    definition: str | None = None


def complaints_about(merged: str, base: str, ours: str, theirs: str, *, is_structured: bool) -> tuple[Complaint, ...]:
    """Everything that the guards have against a merged source; empty for a good one.

    Texts are looked at first; nothing is parsed unless lines of both sides could be at odds.

    Args:
        is_structured: lines clashed and rules of ours put the text together, so that the guards are stricter.
    """
    if not is_valid(merged):
        valid = [is_valid(text) for text in (base, ours, theirs)]
        if all(valid) or (is_structured and any(valid)):
            return (Complaint("file", "merged it would no longer be valid Python", True),)
        if parsed(merged) is None:
            return ()  # it was no valid Python (of this version) before either: nothing can be said
    mine, yours = edits(base, ours), edits(base, theirs)
    found = [*_twice_bound(merged, mine, yours), *_twice_keyed(merged, mine, yours)]
    found += [*_unbound(merged, mine, yours), *_at_odds(merged, mine, yours)]
    if is_structured:
        found += _newly_unused(merged, ours, theirs)
    return tuple(found)


def _twice_bound(merged: str, mine: Edits, yours: Edits) -> Iterator[Complaint]:
    suspects = _bound_in(mine.added) & _bound_in(yours.added)
    before = [line_counts(side.side) for side in (mine, yours)]
    repeated = (line for line, count in line_counts(merged).items() if all(count > known[line] for known in before))
    suspects |= _bound_in(repeated)
    tree = parsed(merged) if suspects else None
    if tree is None:
        return
    counts = bindings_of(tree)
    doubtful = {name for name, count in counts.items() if count > 1 and not suspects.isdisjoint(name.split("."))}
    if doubtful:
        known = [bindings_of(old) for text in (mine.base, mine.side, yours.side) if (old := parsed(text))]
        for name in sorted(doubtful):
            if all(counts[name] > times[name] for times in known):
                yield Complaint("file", f"{name!r} would be bound twice: each side added its own", True, name)


def _bound_in(lines: Iterable[str]) -> set[str]:
    """Names that the lines may bind: a superset, since a line does not show what it is part of."""
    found: set[str] = set()
    for line in lines:
        if match := _BOUND.match(line):
            found.update(_NAME.findall(match.group()))
    return found


def _twice_keyed(merged: str, mine: Edits, yours: Edits) -> Iterator[Complaint]:
    keys = [{found.group(2) for line in side.added if (found := _KEY.match(line))} for side in (mine, yours)]
    for key in sorted(keys[0] & keys[1]):
        pattern = re.compile(rf"^[ \t]*(['\"]){re.escape(key)}\1[ \t]*:", re.M)
        times = [len(pattern.findall(text)) for text in (mine.side, yours.side, merged)]
        if times[2] > max(times[:2]) and _stands_twice(key, merged, [mine.side, yours.side]):
            yield Complaint("file", f"the key {key!r} would stand twice: each side added its own", True)


def _stands_twice(key: str, merged: str, sides: Sequence[str]) -> bool:
    """True when one dictionary has the key more than once, as in no side; also when a tree is not to be had."""
    trees = [parsed(text) for text in (merged, *sides)]
    most = [0 if tree is None else max(_times_in_one(key, tree), default=0) for tree in trees]
    return None in trees or most[0] > max(1, *most[1:])


def _times_in_one(key: str, tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            yield sum(isinstance(one, ast.Constant) and one.value == key for one in node.keys)


def _unbound(merged: str, mine: Edits, yours: Edits) -> Iterator[Complaint]:
    """Names whose last binding is gone: one side removed it and the other uses it, or each removed one of two."""
    gone = [words_of(Counter(line for line in side.removed if _BINDS.match(line))).keys() for side in (mine, yours)]
    at_risk = (gone[0] & (yours.written.keys() | gone[1])) | (gone[1] & mine.written.keys())
    missing = unbound_in(merged) if at_risk else None
    if not missing:
        return
    for side in (mine, yours):
        known = unbound_in(side.side)
        missing = frozenset() if known is None else missing - known
    for name in sorted(missing):
        yield Complaint("logic", f"{name!r} is used and no longer bound: one side removed it, the other uses it", False)


def _newly_unused(merged: str, ours: str, theirs: str) -> Iterator[Complaint]:
    tree = parsed(merged)
    unused = unused_imports(tree) if tree else frozenset()
    for text in (ours, theirs) if unused else ():
        side = parsed(text)
        unused = unused - unused_imports(side) if side else frozenset()
    for name in sorted(unused):
        yield Complaint(
            "import", f"nothing uses the import {name!r} any more, though each side that has it does", False
        )


def _at_odds(merged: str, mine: Edits, yours: Edits) -> Iterator[Complaint]:
    for side, other in ((mine, yours), (yours, mine)):
        for name in gone_but_used(side, other):
            reason = f"one side removed or renamed {name!r} everywhere, the other uses it in new code"
            yield Complaint("logic", reason, False)
        for name in gone_but_read(side, other):
            reason = f"one side removed or renamed {name!r}, the other reads it in new code"
            yield Complaint("logic", reason, False)
        for name in renamed_but_edited(side, other):
            yield Complaint("logic", f"one side renamed or removed {name!r}, the other edited it", False, name)
        for name in changed_but_called(side, other):
            reason = f"one side changed how {name!r} is called, the other has a new call of it"
            yield Complaint("logic", reason, False, name)
        for name in generator_but_valued(side, other):
            reason = f"one side made {name!r} a generator, or no generator any more, the other counts on what it was"
            yield Complaint("logic", reason, False, name)
    for name in attributes_of_both(mine, yours):
        yield Complaint("logic", f"both sides bring in the attribute {name!r}, each setting it its own way", False)
    for branch in repeated_branches(merged, mine, yours):
        yield Complaint("logic", f"both sides added the branch {branch!r} to one statement", False)
    for name, function in both_write(merged, mine, yours):
        reason = f"both sides have new code in {function!r} about {name!r}, and one of them assigns it"
        yield Complaint("logic", reason, False, function)
