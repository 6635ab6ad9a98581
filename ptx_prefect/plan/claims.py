"""Who reads and writes what: the order that follows from it, and the conflicts that can be foreseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.graph import topological_order
from ptx_prefect.plan.overlap import patterns_overlap
from ptx_prefect.plan.plan import Edge, ForecastConflict

Choice = Literal["sequence", "merge", "refuse"]


class Claiming(Protocol):
    """A section or a draft of one."""

    @property
    def name(self) -> str:
        """What it is called, once in a plan."""
        ...

    @property
    def reads(self) -> tuple[str, ...]:
        """Patterns of what it needs as it is."""
        ...

    @property
    def writes(self) -> tuple[str, ...]:
        """Patterns of what it may change."""
        ...


@dataclass(frozen=True, slots=True)
class Settled:
    """What the claims add to a plan.

    Args:
        edges: in addition to those given; with them the sections are still free of cycles.
        conflicts: two sections, without an order between them so far, that may change the same paths.
        notes: reads that cannot wait for the write, because that would close a cycle.
    """

    edges: tuple[Edge, ...]
    conflicts: tuple[ForecastConflict, ...]
    notes: tuple[str, ...]


def settle_claims(
    sections: Sequence[Claiming],
    after: Mapping[str, Sequence[str]],
    *,
    choice: Choice = "sequence",
    exact: Collection[str] = (),
) -> Settled:
    """The order and the conflicts that follow from what sections read and write.

    A section that reads what another writes comes after it. Two that may write the same path without an order
    between them are put in sequence (the one named first goes first), left to the merge, or refused.

    Args:
        after: section to its prerequisites, free of cycles.
        exact: sections that claim single files: brackets and stars are part of their names.

    Raises:
        PlanError: with ``choice="refuse"``, naming every conflicting pair at once.
    """
    order = _Order([section.name for section in sections], after)
    writers = _Index(sections, frozenset(exact))
    edges: list[Edge] = []
    notes: list[str] = []
    for writer, reader, paths in _reads_of_writes(sections, writers):
        if order.is_before(writer, reader):
            continue
        if order.is_before(reader, writer):
            notes.append(
                f"{reader!r} reads {_listed(paths)}, which {writer!r} writes after it: an order would close a cycle"
            )
            continue
        order.put_before(writer, reader)
        edges.append(Edge(writer, reader, f"{reader} reads {_listed(paths)}, which {writer} writes"))
    conflicts = []
    for first, second, paths in _common_writes(sections, writers):
        if order.is_before(first, second) or order.is_before(second, first):
            continue
        conflicts.append(ForecastConflict((first, second), paths, choice))
        if choice == "sequence":
            order.put_before(first, second)
            edges.append(Edge(first, second, f"both may write {_listed(paths)}"))
    if choice == "refuse" and conflicts:
        pairs = "; ".join(f"{' and '.join(map(repr, one.sections))} ({_listed(one.paths)})" for one in conflicts)
        raise PlanError(
            f"sections would write the same files without an order between them: {pairs}; "
            "give one a depends_on, narrow its writes, or let conflicts be sequenced or merged"
        )
    return Settled(tuple(edges), tuple(conflicts), tuple(notes))


def _reads_of_writes(sections: Sequence[Claiming], writers: _Index) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    """(writer, reader, paths); reading what one writes oneself makes a conflict of writes, not an order."""
    for reader in sections:
        found: dict[str, list[str]] = {}
        for pattern in reader.reads:
            for name, path in writers.matches(reader.name, pattern):
                if name != reader.name:
                    found.setdefault(name, []).append(path)
        own_writes = set(reader.writes)
        for writer, paths in sorted(found.items(), key=lambda item: writers.rank[item[0]]):
            if only_read := tuple(dict.fromkeys(path for path in paths if path not in own_writes)):
                yield writer, reader.name, only_read


def _common_writes(sections: Sequence[Claiming], writers: _Index) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    found: dict[tuple[str, str], list[str]] = {}
    for section in sections:
        for pattern in section.writes:
            for name, path in writers.matches(section.name, pattern):
                if writers.rank[section.name] < writers.rank[name]:
                    found.setdefault((section.name, name), []).append(path)
    for (first, second), paths in sorted(found.items(), key=lambda item: tuple(map(writers.rank.__getitem__, item[0]))):
        yield first, second, tuple(dict.fromkeys(paths))


class _Index:
    """What sections write. Plain paths are found in dictionaries, so that thousands of sections stay cheap."""

    def __init__(self, sections: Iterable[Claiming], exact: frozenset[str]) -> None:
        self._exact = exact
        self.rank: dict[str, int] = {}
        self._plain: dict[str, list[str]] = {}
        self._below: dict[str, list[tuple[str, str]]] = {}
        self._globs: list[tuple[str, str]] = []
        for section in sections:
            self.rank[section.name] = len(self.rank)
            for pattern in section.writes:
                path = pattern.removeprefix("./").rstrip("/")
                if self._is_glob(section.name, path):
                    self._globs.append((section.name, path))
                    continue
                self._plain.setdefault(path, []).append(section.name)
                for folder in _folders_of(path):
                    self._below.setdefault(folder, []).append((section.name, path))

    def _is_glob(self, name: str, path: str) -> bool:
        return name not in self._exact and (any(one in path for one in "*?[") or path in ("", "."))

    def matches(self, claimant: str, pattern: str) -> Iterable[tuple[str, str]]:
        """(section, the narrower of the two) for all that has a path in common with this pattern of ``claimant``."""
        path = pattern.removeprefix("./").rstrip("/")
        if self._is_glob(claimant, path):
            for plain, names in self._plain.items():
                if patterns_overlap(plain, path):
                    yield from ((name, plain) for name in names)
        else:
            for folder in (path, *_folders_of(path)):
                yield from ((name, path) for name in self._plain.get(folder, ()))
            yield from self._below.get(path, ())
        for name, glob in self._globs:
            if patterns_overlap(glob, path):
                yield name, path


def _folders_of(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


class _Order:
    """Which section comes before which, kept transitive as edges are added; one bit per section."""

    def __init__(self, names: Sequence[str], after: Mapping[str, Sequence[str]]) -> None:
        self._bit = {name: 1 << index for index, name in enumerate(names)}
        self._names = list(names)
        self._before = dict.fromkeys(names, 0)
        known = {name: [other for other in after.get(name, ()) if other in self._bit] for name in names}
        for name in topological_order(known):
            for prerequisite in known[name]:
                self._before[name] |= self._before[prerequisite] | self._bit[prerequisite]

    def is_before(self, first: str, second: str) -> bool:
        return bool(self._before[second] & self._bit[first])

    def put_before(self, first: str, second: str) -> None:
        new = self._before[first] | self._bit[first]
        bit = self._bit[second]
        for name in self._names:
            if name == second or self._before[name] & bit:
                self._before[name] |= new


def _listed(paths: Sequence[str]) -> str:
    shown = ", ".join(repr(path) for path in paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


__all__ = ["Choice", "Claiming", "Settled", "settle_claims"]
