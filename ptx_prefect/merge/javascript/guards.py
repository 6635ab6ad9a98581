"""What must hold for merged JavaScript, whatever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptx_prefect.merge.javascript.syntax import Source, is_valid, source_of

if TYPE_CHECKING:
    from tree_sitter import Language


def objection_to(text: str, base: str, ours: str, theirs: str, language: Language) -> str | None:
    """Why the merged text is not taken; None when nothing speaks against it."""
    if not is_valid(text, language):
        return "merged line by line the file no longer parses"
    merged, old, mine, yours = (source_of(version, language) for version in (text, base, ours, theirs))
    if doubled := merged.doubled - old.doubled - mine.doubled - yours.doubled:
        return f"merged, {', '.join(sorted(doubled))} would be defined twice in one scope"
    return _definitions_objection(merged, old, mine, yours)


def lost_names(text: str, base: str, ours: str, theirs: str, language: Language) -> tuple[str, ...]:
    """Names that the merged text uses and no longer binds, although every version that uses them binds them."""
    merged, *versions = (source_of(version, language) for version in (text, base, ours, theirs))
    free = merged.used - merged.bound
    known = set().union(*(version.bound for version in versions))
    return tuple(sorted(n for n in free & known if not any(n in one.used and n not in one.bound for one in versions)))


def _definitions_objection(merged: Source, old: Source, mine: Source, yours: Source) -> str | None:
    have, before = merged.definitions, old.definitions
    for side, other in ((mine.definitions, yours.definitions), (yours.definitions, mine.definitions)):
        for name, text in side.items():
            if name not in before and name not in have:
                return f"{name!r}, which one side added, would be lost"
            if name in before and text != before[name] and other.get(name) == before[name] and have.get(name) != text:
                return f"{name!r}, which one side changed, would not be as that side has it"
        for name, text in before.items():
            if name not in side and other.get(name) == text and name in have:
                return f"{name!r}, which one side removed, would stay"
    if strange := set(have) - set(mine.definitions) - set(yours.definitions):
        return f"{min(strange)!r} would be defined, which no side has"
    return None
