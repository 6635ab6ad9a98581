"""What a Python dependency line demands (PEP 508), merged three-way: version ranges are intersected."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ptx_prefect.merge.keyed import Decision, Entry, Place

_QUOTED = re.compile(r"""\A(["'])([^"'\\\n]*)\1\Z""")
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:$|[\[;@(<>=!~])", re.ASCII)
_LINE = re.compile(r"\A(\s*[\w.-]+\s*(?:\[[^\]]*\])?\s*)([^;@()]*?)(\s*(?:;.*)?)\Z", re.DOTALL)
_SLOTS = {">=": "lower", ">": "lower", "<=": "upper", "<": "upper", "==": "exact", "===": "exact", "~=": "exact"}
_LISTS = {"dependencies", "requires", "requirements", "extra-dependencies", "dev-dependencies"}
_TABLES_OF_LISTS = {"optional-dependencies", "dependency-groups", "dev-dependencies", "extras_require"}


def is_dependency_list(place: Place) -> bool:
    """True for a list whose elements are PEP 508 lines, going by where it stands; nowhere is inside an inline table."""
    return bool(place) and (place[-1] in _LISTS or (len(place) > 1 and place[-2] in _TABLES_OF_LISTS))


def requirement_of(body: str) -> Requirement | None:
    """The requirement that a line or a quoted list element states; None for anything else."""
    try:
        return Requirement(_unquoted(body)[1])
    except (InvalidRequirement, RecursionError):
        return None


def project_of(body: str) -> str | None:
    """The canonical name of the project that a requirement line names; None for anything else."""
    found = _NAME.match(_unquoted(body)[1])
    return canonicalize_name(found.group(1)) if found else None


def dependency_keys(entries: tuple[Entry, ...], place: Place) -> tuple[Entry, ...]:
    """The entries of a dependency list keyed by project, or by project and marker where it stands several times."""
    if not is_dependency_list(place):
        return entries
    names = [project_of(entry.body) for entry in entries]
    counts = Counter(names)
    keyed = []
    for entry, name in zip(entries, names, strict=True):
        key = name or entry.key
        if name is not None and counts[name] > 1:
            requirement = requirement_of(entry.body)
            key = f"{name}; {requirement.marker}" if requirement else entry.key
        keyed.append(replace(entry, key=key))
    return tuple(keyed)


def merge_demands(place: Place, base: str | None, ours: str, theirs: str) -> Decision:
    """One demand that satisfies both sides, or a dependency conflict that names the two.

    The bodies are requirement lines or quoted list elements; what is kept is written as the side wrote it.
    """
    quote, text = _unquoted(ours)
    demands = [None if body is None else _demand_of(_unquoted(body)[1]) for body in (base, ours, theirs)]
    old, mine, yours = demands
    clash = f"{_unquoted(ours)[1].strip()!r} against {_unquoted(theirs)[1].strip()!r}"
    if mine is None or yours is None or (base is not None and old is None):
        return Decision(None, f"two demands that cannot be compared: {clash}", "dependency")
    try:
        merged = _merge(old, mine, yours)
    except _NoCommonAnswer as why:
        return Decision(None, f"{why}: {clash}", "dependency")
    reason = f"one demand that satisfies both: {clash}"
    if merged == mine:
        return Decision(ours, reason, "dependency")
    if merged == yours:
        return Decision(theirs, reason, "dependency")
    written = _rewritten(text, merged, mine)
    if written is None or _demand_of(written) != merged:
        return Decision(None, f"two demands that are not merged safely: {clash}", "dependency")
    return Decision(f"{quote}{written}{quote}", reason, "dependency")


def merge_python_range(ours: str, theirs: str) -> Decision:
    """``requires-python`` of both sides: their common range."""
    quote, text = _unquoted(ours)
    decision = merge_demands(("python",), None, f"python{text}", f"python{_unquoted(theirs)[1]}")
    if decision.body is None:
        return decision
    return replace(decision, body=f"{quote}{decision.body.removeprefix('python')}{quote}")


@dataclass(frozen=True, slots=True)
class _Demand:
    name: str
    extras: frozenset[str]
    marker: str
    url: str
    slots: tuple[tuple[str, str], ...]
    excluded: frozenset[str]

    @property
    def specifiers(self) -> str:
        """All version demands, as one specifier set."""
        return ",".join([*(text for _, text in self.slots), *sorted(self.excluded)])


class _NoCommonAnswer(Exception):  # noqa: N818  # a verdict that ends a comparison, not an error
    """The two demands cannot both be met, and why."""


def _unquoted(body: str) -> tuple[str, str]:
    found = _QUOTED.match(body)
    return (found.group(1), found.group(2)) if found else ("", body)


def _demand_of(text: str) -> _Demand | None:
    """None when the line is no requirement, or has two bounds of one kind."""
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError):
        return None
    slots: dict[str, str] = {}
    excluded = set()
    for specifier in requirement.specifier:
        slot = _SLOTS.get(specifier.operator)
        if slot is None:
            excluded.add(str(specifier))
        elif slot in slots:
            return None
        else:
            slots[slot] = str(specifier)
    return _Demand(
        canonicalize_name(requirement.name),
        frozenset(requirement.extras),
        str(requirement.marker or ""),
        requirement.url or "",
        tuple(sorted(slots.items())),
        frozenset(excluded),
    )


def _merge(old: _Demand | None, mine: _Demand, yours: _Demand) -> _Demand:
    before = old or _Demand(mine.name, frozenset(), "", "", (), frozenset())
    marker = _same_or_changed(before.marker, mine.marker, yours.marker, "the markers differ", added=old is None)
    url = _same_or_changed(before.url, mine.url, yours.url, "the addresses differ", added=old is None)
    excluded = _sets(before.excluded, mine.excluded, yours.excluded)
    extras = _sets(before.extras, mine.extras, yours.extras)
    slots = _slots(dict(before.slots), dict(mine.slots), dict(yours.slots))
    merged = _Demand(mine.name, extras, marker, url, slots, excluded)
    if not is_satisfiable(merged.specifiers):
        raise _NoCommonAnswer("no version satisfies both demands")
    return merged


def _same_or_changed(old: str, mine: str, yours: str, complaint: str, *, added: bool) -> str:
    if mine == yours:
        return mine
    if added or old not in (mine, yours):
        raise _NoCommonAnswer(complaint)
    return yours if mine == old else mine


def _sets(old: frozenset[str], mine: frozenset[str], yours: frozenset[str]) -> frozenset[str]:
    return (mine & yours) | (mine - old) | (yours - old)


def _slots(old: dict[str, str], mine: dict[str, str], yours: dict[str, str]) -> tuple[tuple[str, str], ...]:
    pins = [side.get("exact", "") for side in (mine, yours)]
    if "exact" not in old and bool(pins[0]) != bool(pins[1]):
        pinned = mine if pins[0] else yours
        other = yours if pins[0] else mine
        if not is_satisfiable(",".join((pinned["exact"], *other.values()))):
            raise _NoCommonAnswer("no version satisfies both demands")
        return tuple(sorted(pinned.items()))
    merged = {}
    for slot in ("lower", "upper", "exact"):
        bound = _bound(slot, old.get(slot), mine.get(slot), yours.get(slot))
        if bound is not None:
            merged[slot] = bound
    return tuple(sorted(merged.items()))


def _bound(slot: str, old: str | None, mine: str | None, yours: str | None) -> str | None:
    if mine == yours or yours == old:
        return mine
    if mine == old:
        return yours
    if mine is None or yours is None:
        raise _NoCommonAnswer("one side dropped a bound that the other changed")
    first, second = Specifier(mine), Specifier(yours)
    if slot == "exact":
        return _narrower_compatible(first, second)
    try:
        ranks = [(Version(one.version), one.operator == (">" if slot == "lower" else "<=")) for one in (first, second)]
    except InvalidVersion as error:
        raise _NoCommonAnswer(f"a version that cannot be compared ({error})") from error
    best = max(ranks) if slot == "lower" else min(ranks)
    return mine if ranks[0] == best else yours


def _narrower_compatible(first: Specifier, second: Specifier) -> str:
    """Of ``~=1.4`` and ``~=1.5`` the latter; pins have no common answer."""
    if first.operator == second.operator == "~=":
        parts = [one.version.split(".") for one in (first, second)]
        if len(parts[0]) == len(parts[1]) and parts[0][:-1] == parts[1][:-1]:
            return str(max((first, second), key=lambda one: Version(one.version)))
    raise _NoCommonAnswer("no version satisfies both demands")


def is_satisfiable(specifiers: str) -> bool:
    """True when some version surely satisfies all of them.

    Every range starts at a version that is named, or just above one: those are tried.
    """
    try:
        wanted = SpecifierSet(specifiers)
        candidates = {"0", "9999"}
        for one in wanted:
            stem = one.version.removesuffix(".*")
            parts = [int(part) for part in Version(stem).base_version.split("!")[-1].split(".")]
            following = ".".join(map(str, [*parts[:-1], parts[-1] + 1]))
            candidates |= {stem, ".".join(map(str, [*parts, 0, 0, 0, 1])), following}
        return any(wanted.contains(candidate, prereleases=True) for candidate in candidates)
    except (InvalidSpecifier, InvalidVersion, ValueError):
        return False


def _rewritten(text: str, merged: _Demand, mine: _Demand) -> str | None:
    """Our line with the merged version range; None when more than the range would have to change."""
    found = _LINE.match(text)
    if found is None or (merged.extras, merged.marker, merged.url) != (mine.extras, mine.marker, mine.url):
        return None
    head, specifiers, rest = found.groups()
    ranks = {"exact": 0, "lower": 1, "upper": 2}
    parts = [part for _, part in sorted(merged.slots, key=lambda slot: ranks[slot[0]])] + sorted(merged.excluded)
    comma = ", " if ", " in specifiers else ","
    return head + comma.join(parts) + rest
