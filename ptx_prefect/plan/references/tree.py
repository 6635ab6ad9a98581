"""`References`: everything that was read, decoded only as far as it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

from ptx_prefect.plan.references.facts import ATTRIBUTE, CLASS, FUNCTION, MADE, MODULE, VARIABLE
from ptx_prefect.plan.references.model import (
    Definition,
    DefinitionKind,
    Edge,
    EdgeKind,
    Link,
    TestHints,
    Unparsable,
    Unresolved,
)
from ptx_prefect.plan.references.records import Record, unpacked
from ptx_prefect.plan.references.resolve import NO_SUCH_MODULE

_EDGE_KINDS: dict[str, EdgeKind] = {"c": "call", "n": "name", "b": "base", "d": "decorator", "i": "import"}
_DEFINITION_KINDS: dict[str, DefinitionKind] = {
    MODULE: "module",
    CLASS: "class",
    FUNCTION: "function",
    VARIABLE: "constant",
    MADE: "constant",
    ATTRIBUTE: "attribute",
}


class References:
    """Who defines, imports, calls and refers to what in one tree. Read-only; paths are relative to `root`."""

    def __init__(self, root: Path, records: Mapping[str, Record], *, read_again: Iterable[str] = ()) -> None:
        self.root = root
        self._records = {path: record for path, record in sorted(records.items()) if not record.is_broken}
        self.files = tuple(self._records)
        self.read_again = tuple(sorted(read_again))
        """Files whose content was not in the cache."""
        self.unparsable = tuple(
            Unparsable(path, int(record.module.partition(":")[0]), record.module.partition(":")[2].strip())
            for path, record in sorted(records.items())
            if record.is_broken
        )
        self.module_of = {path: record.module for path, record in self._records.items()}
        self._links: dict[str, dict[str, Link]] = {}
        self.path_of = {record.module: path for path, record in self._records.items()}

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        return tuple(one for path in self.files for one in self.definitions_of(path))

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        return tuple(one for path in self.files for one in self.edges_of(path))

    @cached_property
    def unresolved(self) -> tuple[Unresolved, ...]:
        return tuple(one for path in self.files for one in self.unresolved_of(path))

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """Modules that are imported from outside the tree."""
        return tuple(sorted({name for path in self.files for name in unpacked(self._records[path].references)[4]}))

    @cached_property
    def imports(self) -> dict[str, frozenset[str]]:
        """For each file, the files whose modules its import statements name."""
        return {path: self._paths(record.imported, record.path) for path, record in self._records.items()}

    @cached_property
    def dependencies(self) -> dict[str, frozenset[str]]:
        """For each file, the files it needs: those imported, with their packages, and those of all definitions
        that it refers to."""
        return {path: self._paths(record.needed, path) for path, record in self._records.items()}

    def files_reachable_from(self, changed: Iterable[str]) -> frozenset[str]:
        """The changed files and every file that depends on them, directly or not."""
        dependents: dict[str, list[str]] = {}
        for path, needed in self.dependencies.items():
            for one in needed:
                dependents.setdefault(one, []).append(path)
        reached, open_ = set(changed), list(changed)
        while open_:
            for path in dependents.get(open_.pop(), ()):
                if path not in reached:
                    reached.add(path)
                    open_.append(path)
        return frozenset(reached)

    def imported_from_nowhere(self, path: str) -> frozenset[str]:
        """Modules that a file imports and that are no files of the tree, by the names that reading gives those."""
        missing = (one.text for one in self.unresolved_of(path) if one.why == NO_SUCH_MODULE)
        return frozenset((*unpacked(self._records[path].references)[4], *missing))

    def definitions_of(self, path: str) -> tuple[Definition, ...]:
        record = self._records[path]
        return tuple(
            Definition(path, record.module, qualname, _DEFINITION_KINDS[kind], first, line, end)
            for qualname, kind, first, line, end in unpacked(record.facts)[0]
        )

    def edges_of(self, path: str) -> tuple[Edge, ...]:
        return tuple(self._edges(self._records[path]))

    def unresolved_of(self, path: str) -> tuple[Unresolved, ...]:
        record = self._records[path]
        owners = self._owners(record)
        return tuple(
            Unresolved(path, line, owners[owner], text, why)
            for (owner, text, why), lines in unpacked(record.references)[3].items()
            for line in lines
        )

    def links_of(self, path: str) -> Mapping[str, Link]:
        """What ties a file to others: by path, how many references and the first of them."""
        if path not in self._links:
            found: dict[str, list[Edge]] = {}
            for edge in self.edges_of(path):
                if edge.target_path and edge.target_path != path:
                    found.setdefault(edge.target_path, []).append(edge)
            self._links[path] = {
                other: Link(len(edges), min(edges, key=lambda edge: edge.line)) for other, edges in found.items()
            }
        return self._links[path]

    def evidence(self, path: str, other: str) -> str:
        """``file:line refers to name``: the first line that makes a file depend on another."""
        link = self.links_of(path).get(other)
        if link is None:
            return f"{path} refers to {other}"  # only to the package around what it imports
        return f"{path}:{link.first.line} refers to {link.first.target or other}"

    def test_hints_of(self, path: str) -> TestHints:
        record = self._records[path]
        owners = self._owners(record)
        parameters, fixtures, used = unpacked(record.facts)[4]
        return TestHints(
            tuple((owners[owner], tuple(names)) for owner, names in parameters.items()),
            tuple((owners[owner], name, by_itself) for owner, (name, by_itself) in fixtures.items()),
            tuple(used),
        )

    def made_by_call(self, path: str) -> frozenset[str]:
        """Constants whose value comes out of a call, which runs when the module is imported."""
        return frozenset(one[0] for one in unpacked(self._records[path].facts)[0] if one[1] == MADE)

    def _edges(self, record: Record) -> Iterator[Edge]:
        owners = self._owners(record)
        targets, edges, notes, *_ = unpacked(record.references)
        parts = []
        for target in targets:
            module, _, qualname = target.partition(":")
            parts.append((target, f"{module}.{qualname}" if qualname else module, module, qualname))
        for owner, kind, index, lines in edges:
            key, name, module, qualname = parts[index]
            path = self.path_of.get(module, "")
            for line in lines:
                note = notes.get((owner, key, str(line)), "") if notes and kind == "i" else ""
                yield Edge(record.path, line, _EDGE_KINDS[kind], owners[owner], name, module, qualname, path, note)

    def _owners(self, record: Record) -> list[str]:
        return [one[0] for one in unpacked(record.facts)[0]]

    def _paths(self, modules: str, own: str) -> frozenset[str]:
        found = set(map(self.path_of.get, modules.split()))
        found.discard(own)
        found.discard(None)
        return frozenset(found)  # type: ignore[arg-type]
