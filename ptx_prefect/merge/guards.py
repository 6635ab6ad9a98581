"""Guards on every merged Python source, the line-clean ones too: what no merge may do silently."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.names import bindings_of, parsed, unbound_in
from ptx_prefect.merge.result import ConflictClass

_DEFINED = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)")
_ASSIGNED = re.compile(r"[ \t]*(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")
_KEY = re.compile(r"[ \t]*((['\"])[\w.\- ]+\2)[ \t]*:")


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a merged text must not pass. ``is_textual``: the text itself is no good, both versions have to be shown."""

    kind: ConflictClass
    reason: str
    is_textual: bool
    definition: str | None = None


def complaints_about(merged: str, base: str, ours: str, theirs: str, *, is_structured: bool) -> tuple[Complaint, ...]:
    """Everything that the guards have against a merged source; empty for a good one.

    Args:
        is_structured: lines clashed and rules of ours put the text together, so that the guards are stricter.
    """
    tree = parsed(merged)
    if tree is None:
        valid = [parsed(text) is not None for text in (base, ours, theirs)]
        if all(valid) or (is_structured and any(valid)):
            return (Complaint("file", "merged it would no longer be valid Python", True),)
        return ()  # it was no valid Python (of this version) before either: nothing can be said
    mine, yours = Edits(base, ours), Edits(base, theirs)
    found = [*_twice_bound(bindings_of(tree), base, ours, theirs), *_twice_keyed(merged, mine, yours)]
    found += _unbound(merged, ours, theirs)
    found += _gone_but_used(mine, yours)
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


def _gone_but_used(mine: Edits, yours: Edits) -> Iterator[Complaint]:
    """A name that one side did away with (removed, renamed) in code that the other side lets use it once more."""
    for side, other in ((mine, yours), (yours, mine)):
        if not side.removed or not other.added:
            continue
        for word in sorted(side.vanished & other.added_words.keys()):
            if len(word) > 2 and _is_defined_by(word, side):
                reason = f"one side removed or renamed {word!r} everywhere, the other uses it in new code"
                yield Complaint("logic", reason, False)


def _is_defined_by(word: str, side: Edits) -> bool:
    """True when a line that the side removed defines the word (a mere use may vanish without harm)."""
    for line in side.removed:
        for pattern in (_DEFINED, _ASSIGNED):
            found = pattern.match(line)
            if found and found.group(1) == word:
                return True
        if re.match(r"[ \t]*(?:async[ \t]+)?def\b", line) and re.search(rf"\b{re.escape(word)}\b", line):
            return True
    return False
