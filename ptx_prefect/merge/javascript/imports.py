"""Imports and re-exports merged against the base, a set of names for each module."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge.javascript.syntax import Item
from ptx_prefect.merge.weave import weave

_STATEMENT = re.compile(
    r"(?P<word>import|export)(?P<only>\s+type\b(?!\s*(?:,|from\b)))?\s*"
    r"(?P<default>[\w$]+)?\s*,?\s*(?P<star>\*(?:\s*as\s+[\w$]+)?)?\s*(?:\{(?P<named>[^{}]*)\})?\s*"
    r"(?:\bfrom\b)?\s*(?P<quote>['\"])(?P<source>[^'\"\n]+)(?P=quote)(?P<end>;?)[ \t]*\n\Z"
)
_WIDTH = 80


@dataclass(frozen=True, slots=True)
class Import:
    """One statement as sets; ``named`` holds the specifiers as they are written (``a``, ``b as c``, ``type T``)."""

    word: str
    source: str
    only_types: bool
    default: str
    star: str
    named: tuple[str, ...]
    lead: str
    text: str

    @property
    def key(self) -> str:
        """What makes it the same statement in another version."""
        star = self.star if self.word == "export" else ""
        return f"{self.word} {'type ' if self.only_types else ''}{star}{self.source}"


def merge_imports(base: Sequence[Item], ours: Sequence[Item], theirs: Sequence[Item]) -> str | None:
    """The merged block; None where a statement is of another kind, or the sides bind one name to two things."""
    read = [[_read(item) for item in items] for items in (base, ours, theirs)]
    if any(one is None for side in read for one in side):
        return None
    old, mine, yours = ({one.key: one for one in side if one is not None} for side in read)
    if any(len(keyed) != len(side) for keyed, side in zip((old, mine, yours), read, strict=True)):
        return None
    merged: dict[str, Import] = {}
    for key in dict.fromkeys((*mine, *yours)):
        sides = old.get(key), mine.get(key), yours.get(key)
        one = _merge_one(*sides)
        if one is None and not (sides[0] is not None and (sides[1] is None or sides[2] is None)):
            return None
        if one is not None:
            merged[key] = one
        elif not _is_untouched(*sides):
            return None
    if _binds_twice(merged) or _both_run_for_effect(old, mine, yours):
        return None
    order = weave(tuple(old), tuple(mine), tuple(yours), kept=tuple(merged), sort_key=_rank(old, mine, yours))
    return None if order is None else "".join(merged[key].lead + merged[key].text for key in order)


def merge_specifiers(base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]) -> str | None:
    """The lines between the braces of one import, export or destructuring; None where a line is anything else."""
    keys = [[line.strip().rstrip(",") for line in lines] for lines in (base, ours, theirs)]
    if any(not re.fullmatch(r"(type )?[\w$]+( as [\w$]+)?", key) for side in keys for key in side):
        return None
    if any(len(set(side)) != len(side) for side in keys):
        return None
    named = _named(*keys)
    if named is None or len({_local(name) for name in named}) != len(named):
        return None
    model = next(iter((*ours, *theirs)), "")
    indent = model[: len(model) - len(model.lstrip())]
    return "".join(f"{indent}{name},\n" for name in named)


def _read(item: Item) -> Import | None:
    found = _STATEMENT.match(item.body)
    if found is None:
        # CommonJS: the statement stands as it is.
        if not item.names or "require(" not in item.body:
            return None
        return Import("require", ",".join(item.names), False, "", "", (), item.lead, item.body)
    if "//" in item.body.partition("from")[0] or "/*" in item.body:
        return None
    named = tuple(" ".join(part.split()) for part in (found["named"] or "").split(",") if part.strip())
    star = " ".join((found["star"] or "").split())
    only_types = found["only"] is not None
    return Import(found["word"], found["source"], only_types, found["default"] or "", star, named, item.lead, item.body)


def _is_untouched(old: Import | None, mine: Import | None, yours: Import | None) -> bool:
    left = mine or yours
    return old is None or left is None or old.text.split() == left.text.split()


def _merge_one(old: Import | None, mine: Import | None, yours: Import | None) -> Import | None:
    if mine is None or yours is None:
        return (mine or yours) if old is None else None
    lead = yours.lead if old is not None and mine.lead == old.lead else mine.lead
    if mine.text == yours.text or (old is not None and yours.text == old.text):
        return replace(mine, lead=lead)
    if old is not None and mine.text == old.text:
        return replace(yours, lead=lead)
    if mine.word == "require":
        return None
    before = old or replace(mine, default="", star="", named=())
    default, star = _pick(before.default, mine.default, yours.default), _pick(before.star, mine.star, yours.star)
    named = _named(before.named, mine.named, yours.named)
    if default is None or star is None or named is None or (star and named):
        return None
    merged = replace(mine, default=default, star=star, named=named, lead=lead)
    for side in (mine, yours):
        if (side.default, side.star, side.named) == (default, star, named):
            return replace(side, lead=lead)
    return replace(merged, text=_written(merged, mine, yours))


def _pick(old: str, mine: str, yours: str) -> str | None:
    if mine == yours or yours == old:
        return mine
    return yours if mine == old else None


def _named(old: Sequence[str], mine: Sequence[str], yours: Sequence[str]) -> tuple[str, ...] | None:
    kept = [name for name in dict.fromkeys((*mine, *yours)) if (name in mine and name in yours) or name not in old]
    return weave(tuple(old), tuple(mine), tuple(yours), kept=kept, sort_key=lambda name: (name.casefold(), name))


def _written(merged: Import, mine: Import, yours: Import) -> str:
    quote = '"' if f'"{merged.source}"' in mine.text else "'"
    end = ";" if mine.text.rstrip().endswith(";") else ""
    head = f"{merged.word} {'type ' if merged.only_types else ''}"
    parts = [part for part in (merged.default, merged.star) if part]
    tail = f" from {quote}{merged.source}{quote}{end}\n"
    if not merged.named:
        return f"{head}{', '.join(parts)}{tail}" if parts else f"{head}{quote}{merged.source}{quote}{end}\n"
    room = "" if "{" in mine.text and "{ " not in mine.text and "{\n" not in mine.text else " "
    line = head + ", ".join([*parts, f"{{{room}{', '.join(merged.named)}{room}}}"]) + tail
    longest = max((len(text) for side in (mine, yours) for text in side.text.split("\n")), default=0)
    spread = [side for side in (mine, yours) if "{\n" in side.text]
    if not spread and len(line) - 1 <= max(_WIDTH, longest):
        return line
    inner = re.search(r"\{\n([ \t]*)", spread[0].text) if spread else None
    indent = inner.group(1) if inner else "  "
    return head + ", ".join([*parts, "{\n" + "".join(f"{indent}{name},\n" for name in merged.named) + "}"]) + tail


def _local(specifier: str) -> str:
    return specifier.rpartition(" ")[2]


def _binds_twice(merged: Mapping[str, Import]) -> bool:
    names: list[str] = []
    for one in merged.values():
        if one.word == "import":
            names += [one.default, _local(one.star), *(_local(name) for name in one.named)]
        elif one.word == "require":
            names += one.source.split(",")
        else:
            names += [f"export {_local(name)}" for name in one.named]
    bound = [name for name in names if name]
    return len(set(bound)) != len(bound)


def _both_run_for_effect(old: Mapping[str, Import], mine: Mapping[str, Import], yours: Mapping[str, Import]) -> bool:
    """Both sides added an ``import "x"`` that only runs something: their order has a meaning that nobody wrote down."""
    added = [
        {
            key
            for key, one in side.items()
            if key not in old and one.word == "import" and not (one.default or one.star or one.named)
        }
        for side in (mine, yours)
    ]
    return bool(added[0] - added[1]) and bool(added[1] - added[0])


def _rank(*sides: Mapping[str, Import]) -> Callable[[str], tuple[str, str]] | None:
    """How the statements are sorted where they are; None where blank lines or comments part them into groups."""
    every = {key: one for side in sides for key, one in side.items()}
    if any(one.lead.strip() or "\n\n" in one.lead for one in every.values()):
        return None
    if any("\n" in one.lead for side in sides for one in list(side.values())[1:]):
        return None
    return lambda key: (every[key].source.casefold(), key)
