"""Guards on every merged Python source, the line-clean ones too: what no merge may do silently."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ptx_prefect.merge.edits import Edits, edits
from ptx_prefect.merge.names import bindings_of, parsed, unbound_in, unused_imports
from ptx_prefect.merge.result import ConflictClass
from ptx_prefect.merge.rivalry import both_write, changed_but_called, gone_but_used, renamed_but_edited

_BINDS = re.compile(
    r"[ \t]*(?:(?:async|def|class|from|import|for|with|except|global)\b|\w+(?: as \w+)?,?[ \t]*(?:#|$)|[^(\n]*=)"
)
_KEY = re.compile(r"[ \t]*((['\"])[\w.\- ]+\2)[ \t]*:")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a merged text must not pass. ``is_textual``: the text itself is no good, both versions have to be shown."""

    kind: ConflictClass
    reason: str
    is_textual: bool
    definition: str | None = None


def complaints_about(
    merged: str, tree: ast.Module | None, base: str, ours: str, theirs: str, *, is_structured: bool
) -> tuple[Complaint, ...]:
    """Everything that the guards have against a merged source; empty for a good one.

    Args:
        tree: what ``merged`` parses to, None when it does not.
        is_structured: lines clashed and rules of ours put the text together, so that the guards are stricter.
    """
    if tree is None:
        valid = [parsed(text) is not None for text in (base, ours, theirs)]
        if all(valid) or (is_structured and any(valid)):
            return (Complaint("file", "merged it would no longer be valid Python", True),)
        return ()  # it was no valid Python (of this version) before either: nothing can be said
    mine, yours = edits(base, ours), edits(base, theirs)
    found = [*_twice_bound(bindings_of(tree), base, ours, theirs), *_twice_keyed(merged, mine, yours)]
    if any(_BINDS.match(line) for side in (mine, yours) for line in side.removed):
        found += _unbound(merged, ours, theirs)
    found += _at_odds(merged, mine, yours)
    if is_structured:
        found += _newly_unused(tree, ours, theirs)
    return tuple(found)


def _twice_bound(counts: dict[str, int], base: str, ours: str, theirs: str) -> Iterator[Complaint]:
    suspects = {name for name, count in counts.items() if count > 1}
    if not suspects:
        return
    before = [bindings_of(tree) for text in (base, ours, theirs) if (tree := parsed(text))]
    for name in sorted(suspects):
        if all(counts[name] > known[name] for known in before):
            yield Complaint("file", f"{name!r} would be bound twice: each side added its own", True, name)


def _twice_keyed(merged: str, mine: Edits, yours: Edits) -> Iterator[Complaint]:
    keys = [{found.group(1) for line in side.added if (found := _KEY.match(line))} for side in (mine, yours)]
    for key in sorted(keys[0] & keys[1]):
        pattern = re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*:", re.M)
        times = [len(pattern.findall(text)) for text in (mine.side, yours.side, merged)]
        if times[2] > max(times[:2]):
            yield Complaint("file", f"the key {key} would stand twice: each side added its own", True)


def _unbound(merged: str, ours: str, theirs: str) -> Iterator[Complaint]:
    missing = unbound_in(merged)
    if not missing:
        return
    for text in (ours, theirs):
        known = unbound_in(text)
        missing = frozenset() if known is None else missing - known
    for name in sorted(missing):
        yield Complaint("logic", f"{name!r} is used and no longer bound: one side removed it, the other uses it", False)


def _newly_unused(tree: ast.Module, ours: str, theirs: str) -> Iterator[Complaint]:
    unused = unused_imports(tree)
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
        for name in renamed_but_edited(side, other):
            yield Complaint("logic", f"one side renamed or removed {name!r}, the other edited it", False, name)
        for name in changed_but_called(side, other):
            reason = f"one side changed how {name!r} is called, the other has a new call of it"
            yield Complaint("logic", reason, False, name)
    for name, function in both_write(merged, mine, yours):
        reason = f"both sides have new code in {function!r} about {name!r}, and one of them assigns it"
        yield Complaint("logic", reason, False, function)
