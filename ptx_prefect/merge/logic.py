"""Conflicts that no text shows: one section takes a name away or changes how it is called, another starts using it.

Only files that changed are looked at, and only uses that a section added. Texts are compared first; a file is parsed
only when a name whose definition changed in it stands in a line that a rival added.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.module_names import is_package, module_names, twin_of, with_parents
from ptx_prefect.merge.result import Conflict
from ptx_prefect.merge.surface import Offer, Surface, misfit, surface_of, unmet
from ptx_prefect.merge.uses import Place, Use, uses_of

_WORD = re.compile(rb"[A-Za-z_]\w*")
_DEFINITION = re.compile(rb"^(?:[ \t]*@[^\n]*\n)*[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_FIELDS = re.compile(rb"@(?:\w+\.)?(?:dataclass|define|frozen|mutable)\b|\bNamedTuple\)")
_BINDING = re.compile(
    rb"^(?:"
    rb"\w+[ \t]*(?::[^=\n]*)?=[^=]|from[ \t]|import[ \t]"  # a constant, an import
    rb"|[ \t]+(?:self\.)?\w+[ \t]*(?::[^=\n]*)?=[^=]|[ \t]+\w+[ \t]*:"  # a member, a field
    rb"|[^\n]*['\"][\w.\- ]+['\"][ \t]*:"  # a key
    rb"|[ \t]+\w+(?:[ \t]+as[ \t]+\w+)?,?[ \t]*(?:#.*)?$"  # a name in an import of several lines
    rb"|[ \t]+['\"]\w+['\"],"  # a name in __all__
    rb")"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """What one section did to one Python file: the content it started from and what it left (None: absent)."""

    section: str
    path: str
    old: bytes | None
    new: bytes | None


@dataclass(frozen=True, slots=True)
class _Changed:
    """One name that is gone (``new`` None) or called in another way."""

    section: str
    name: str
    old: Offer
    new: Offer | None
    is_module: bool = False


def logic_conflicts(
    edits: Sequence[Edit],
    final: Mapping[str, bytes | None],
    *,
    rivals: Mapping[str, frozenset[str]],
    paths: frozenset[str],
    package: str | None = None,
) -> tuple[Conflict, ...]:
    """Uses that a section added of names that a rival section took away or changed.

    Args:
        final: the merged content of every edited path; a use or a change that is not in it any more is of no harm.
        rivals: for each section those that neither build on it nor it on them.
        paths: every path of the merged tree (decides how a file is imported).
        package: the tree's own name where it is itself a package.
    """
    added = [(edit, _words(_lines(edit.new) - _lines(edit.old))) for edit in edits if edit.new is not None]
    words_of = {section: set[bytes]() for section in rivals}
    for edit, words in added:
        words_of[edit.section] |= words
    everybody = Counter(word for words in words_of.values() for word in words)
    changed: list[_Changed] = []
    for edit in edits:
        kin = [words_of[other] for other in rivals if other not in rivals[edit.section]]

        def is_wanted(word: bytes, kin: Sequence[set[bytes]] = kin) -> bool:
            return everybody[word] > sum(word in words for words in kin)

        if edit.old is not None and edit.old != edit.new and _suspects(edit, is_wanted):
            last = final.get(edit.path)
            changed += _changed_names(edit, final.get(twin_of(edit.path)) if last is None else last, paths, package)
    if not changed:
        return ()
    return tuple(_found(changed, added, final, rivals, paths))


def _suspects(edit: Edit, is_wanted: Callable[[bytes], bool]) -> bool:
    """True when a name that rivals write may have been taken away or changed here; decided on the text."""
    old, new = edit.old or b"", edit.new or b""
    if edit.new is None:
        parts = edit.path.removesuffix(".py").removesuffix("/__init__").split("/")
        return is_wanted(parts[-1].encode())
    defined = {name for name in _DEFINITION.findall(old) if is_wanted(name)}
    if defined and _headers(old, defined) != _headers(new, defined):
        return True
    if defined and old != new and _FIELDS.search(old):
        return True
    gone, come = _lines(old) - _lines(new), _lines(new) - _lines(old)
    if (defined and any(b"yield" in line for line in (*gone, *come))) or (b"__all__" in new and b"__all__" not in old):
        return True
    lost = [line for line in gone if _BINDING.match(line)]
    return any(is_wanted(word) for word in set(_WORD.findall(b"\n".join(lost))))


def _headers(text: bytes, names: set[bytes]) -> Counter[bytes]:
    """Each definition of ``names`` from its ``def`` to the end of its parameters."""
    found: Counter[bytes] = Counter()
    for match in _DEFINITION.finditer(text):
        if match.group(1) in names or match.group(1) == b"__init__":
            found[b"".join(text[match.start() : _end_of_parameters(text, match.end())].split())] += 1
    return found


def _end_of_parameters(text: bytes, start: int) -> int:
    depth = 0
    for match in re.compile(rb"[()\n]").finditer(text, start):
        if match.group() == b"(":
            depth += 1
        elif match.group() == b")":
            depth -= 1
        if depth == 0:
            return match.end()
    return len(text)


def _changed_names(edit: Edit, final: bytes | None, paths: frozenset[str], package: str | None) -> list[_Changed]:
    before = surface_of(edit.old or b"")
    modules = module_names(edit.path, paths, package)
    if final is None:
        return [_Changed(edit.section, module, Offer(module), None, is_module=True) for module in modules]
    after = surface_of(final)
    own = surface_of(edit.new) if edit.new is not None else Surface({})
    if before is None or after is None or own is None:
        return []
    changed: list[_Changed] = []
    for name, offer in before.offers.items():
        now = after.offers.get(name)
        if now is None and not _may_still_exist(name, after) and name not in own.offers:
            changed += [_Changed(edit.section, f"{module}.{name}", offer, None) for module in modules]
        elif now is not None and own.offers.get(name) != offer and _is_called_apart(offer, now):
            changed += [_Changed(edit.section, f"{module}.{name}", offer, now) for module in modules]
    return changed


def _is_called_apart(old: Offer, new: Offer) -> bool:
    is_same = old.signature == new.signature and old.way == new.way
    return not is_same or old.is_generator != new.is_generator or old.is_starred != new.is_starred


def _may_still_exist(name: str, surface: Surface) -> bool:
    """True too for a member of a class that is gone: the class is told."""
    if "." in name and name.partition(".")[0] not in surface.offers:
        return True
    if name.endswith("]"):
        return surface.is_open
    holder = surface.offers.get(name.partition(".")[0]) if "." in name else None
    return surface.is_open or (holder is not None and not (holder.is_class and holder.is_closed))


def _found(
    changed: Sequence[_Changed],
    added: Sequence[tuple[Edit, set[bytes]]],
    final: Mapping[str, bytes | None],
    rivals: Mapping[str, frozenset[str]],
    paths: frozenset[str],
) -> Iterator[Conflict]:
    by_name: dict[str, list[_Changed]] = {}
    for row in changed:
        by_name.setdefault(row.name, []).append(row)
    words_of = {name: name.rpartition(".")[2].strip("[]").encode() for name in by_name}
    told: set[tuple[str, int, str]] = set()
    for edit, words in added:
        if not any(word in words for word in words_of.values()) or final.get(edit.path) is None:
            continue
        for use, place in _added_uses(edit, final[edit.path] or b"", paths):
            for row in _rows_for(use, by_name):
                trouble = _trouble(row, use)
                key = (edit.path, place.line, row.name.rpartition(".")[2])
                if trouble and row.section in rivals[edit.section] and key not in told:
                    told.add(key)
                    yield _conflict(row, edit, place, trouble)


def _rows_for(use: Use, by_name: Mapping[str, Sequence[_Changed]]) -> Iterator[_Changed]:
    """What was done to the name, or to a module that it lies in and that is gone."""
    for name in with_parents(use.name):
        yield from (row for row in by_name.get(name, ()) if name == use.name or row.is_module)


def _added_uses(edit: Edit, final: bytes, paths: frozenset[str]) -> Iterator[tuple[Use, Place]]:
    """Uses that the section added and that are still there after the merge."""
    module, package = module_names(edit.path, paths)[0], is_package(edit.path)
    old = uses_of(edit.old or b"", module=module, is_package=package)
    new = uses_of(edit.new or b"", module=module, is_package=package)
    last = new if final == edit.new else uses_of(final, module=module, is_package=package)
    for use, places in new.items():
        extra = len(places) - len(old.get(use, ()))
        if extra > 0:
            yield from ((use, place) for place in last.get(use, ())[-extra:])


def _trouble(row: _Changed, use: Use) -> str | None:
    if use.wants:
        return unmet(row.old, row.new, use.wants) if row.new is not None else None
    if row.new is None:
        return "took it away"
    if row.old.way != row.new.way:
        ways = ["a " + " ".join(way) if way else "plain" for way in (row.old.way, row.new.way)]
        return f"changed how it is used: it was {ways[0]} and is {ways[1]}"
    why = misfit(row.old.signature, row.new.signature, use.call) if use.call is not None else None
    return None if why is None else f"changed how it is called: {why}"


def _conflict(row: _Changed, edit: Edit, place: Place, trouble: str) -> Conflict:
    reason = f"{edit.section!r} starts using {row.name!r}, and {row.section!r} {trouble}"
    versions = (row.new.shown if row.new is not None else row.old.shown, place.text)
    sections = (row.section, edit.section)
    return Conflict("logic", edit.path, f"line {place.line}", reason, place.definition, versions, sections=sections)


def _lines(content: bytes | None) -> Counter[bytes]:
    return Counter((content or b"").splitlines())


def _words(lines: Mapping[bytes, int]) -> set[bytes]:
    return set(_WORD.findall(b"\n".join(lines)))
