"""What is kept of one file: what the cache holds and the reading processes hand back.

The parts that most readers do not need stay packed, in the format of `marshal`: it is the fastest that Python has, and
both ends are the same interpreter (the cache names its version).
"""

from __future__ import annotations

import marshal
from typing import Any, NamedTuple

from ptx_prefect.plan.references.facts import IMPORT, FileFacts, Interface, Pytest
from ptx_prefect.plan.references.resolve import Resolved, Resolver

Stamp = tuple[int, int, int]
"""Change time in ns, size and inode of a file when it was read: while they are the same, so is the content."""

Packed = bytes | memoryview
"""A view lies in a cache file and costs nothing until it is unpacked."""

PACKAGE, STARS, BROKEN = "p", "*", "!"
"""Flags: the file is a package, passes names on by ``import *``, does not parse."""


class Record(NamedTuple):
    """One file. A file that does not parse has ``line: message`` as the module's place.

    Args:
        looked_at: the modules of the names that were consulted, with blanks between and around them.
        imported: modules that import statements name; ``needed``: those, those of all definitions referred to, and
            the packages around them all. Both with blanks between.
        interface, consulted, facts, references: packed; see `unpacked`.
    """

    path: str
    digest: bytes
    module: str
    flags: str
    stamp: Stamp = (0, 0, 0)
    looked_at: str = ""
    imported: str = ""
    needed: str = ""
    interface: Packed = b""
    consulted: Packed = b""
    facts: Packed = b""
    references: Packed = b""

    @property
    def is_broken(self) -> bool:
        return BROKEN in self.flags


def unpacked(part: Packed) -> Any:
    """An interface, the facts or the references of a record."""
    return marshal.loads(part)


def record_of_facts(facts: FileFacts, digest: bytes) -> Record:
    """A record that still lacks its references."""
    pytest = facts.pytest
    return Record(
        path=facts.path,
        digest=digest,
        module=facts.module,
        flags=(PACKAGE if facts.is_package else "") + (STARS if facts.interface.stars else ""),
        interface=marshal.dumps(facts.interface.to_list()),
        facts=marshal.dumps(
            (
                facts.definitions,
                facts.uses,
                facts.imports,
                facts.unknown,
                (pytest.parameters, pytest.fixtures, pytest.used),
            )
        ),
    )


def facts_of_record(record: Record) -> FileFacts:
    """The facts as far as resolving needs them: without the interface."""
    definitions, uses, imports, unknown, pytest = unpacked(record.facts)
    return FileFacts(
        path=record.path,
        module=record.module,
        is_package=PACKAGE in record.flags,
        definitions=definitions,
        interface=Interface(),
        uses=uses,
        imports=imports,
        unknown=unknown,
        pytest=Pytest(*pytest),
    )


def with_references(record: Record, resolved: Resolved, resolver: Resolver) -> Record:
    """The record, completed by what resolving found."""
    index: dict[str, int] = {}
    for _, _, target in resolved.edges:
        index.setdefault(target, len(index))
    imported = {target[:-1] for _, kind, target in resolved.edges if kind == IMPORT and target[-1] == ":"}
    referred = {target.partition(":")[0] for target in index}
    edges = [(owner, kind, index[target], lines) for (owner, kind, target), lines in resolved.edges.items()]
    looked_at = {key.partition(":")[0] for key in resolved.consulted}
    return record._replace(
        looked_at=f" {' '.join(looked_at)} ",
        imported=" ".join(imported),
        needed=" ".join(resolver.with_packages({record.module, *referred})),
        consulted=" ".join(resolved.consulted).join("  ").encode("utf-8", "surrogatepass"),
        references=marshal.dumps(
            (list(index), edges, resolved.notes, resolved.unresolved, sorted(resolved.outside)),
        ),
    )
