"""One line of text per file: what the cache keeps and what the reading processes hand back.

Fields are parted by tabs, so that a reader decodes only the ones it needs:
path, digest, module, ``p`` for a package, interface, names consulted, modules imported, modules referred to,
facts, references, stamp, and a full stop that tells a whole line from one cut short. A file that does not parse has
its message as the module's place and ``!`` as flag.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from ptx_prefect.plan.references.facts import IMPORT, FileFacts, Interface, Pytest
from ptx_prefect.plan.references.resolve import Resolved

# Control characters, tabs among them, leave the encoder escaped.
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False)
FORMAT = "ptx-references 5"
_FIELDS = 12


@dataclass(frozen=True, slots=True)
class Record:
    """A line, cut at its tabs; the last fields are still JSON."""

    path: str
    digest: str
    module: str
    flag: str
    interface: str = ""
    consulted: str = ""
    imported: str = ""
    referred: str = ""
    facts: str = ""
    references: str = ""
    stamp: str = ""
    """Change time, size and inode of the file when it was read: while they are the same, so is the content."""

    def to_line(self) -> str:
        return "\t".join(
            (
                self.path,
                self.digest,
                self.module,
                self.flag,
                self.interface,
                self.consulted,
                self.imported,
                self.referred,
                self.facts,
                self.references,
                self.stamp,
                ".",
            )
        )


def record_from_line(line: str) -> Record | None:
    """None for a line that was cut short."""
    fields = line.split("\t")
    return Record(*fields[:-1]) if len(fields) == _FIELDS and fields[-1] == "." else None


def record_of_facts(facts: FileFacts, digest: str) -> Record:
    """A record that still lacks its references."""
    return Record(
        path=facts.path,
        digest=digest,
        module=facts.module,
        flag="p" if facts.is_package else "",
        interface=_dump(facts.interface.to_json()),
        facts=_dump(
            [
                facts.definitions,
                [[*key, *lines] for key, lines in facts.uses.items()],
                facts.imports,
                [[*key, *lines] for key, lines in facts.unknown.items()],
                facts.pytest.to_json(),
            ]
        ),
    )


def facts_of_record(record: Record) -> FileFacts:
    """The facts as far as resolving needs them: without the interface."""
    definitions, uses, imports, unknown, pytest = json.loads(record.facts)
    return FileFacts(
        path=record.path,
        module=record.module,
        is_package=record.flag == "p",
        definitions=definitions,
        interface=Interface(),
        uses={(use[0], use[1], use[2]): use[3:] for use in uses},
        imports=imports,
        unknown={(use[0], use[1]): use[2:] for use in unknown},
        pytest=Pytest(dict(map(tuple, pytest[0])), dict(map(tuple, pytest[1])), pytest[2]),
    )


def with_references(record: Record, resolved: Resolved) -> Record:
    """The record, completed by what resolving found."""
    targets = list(dict.fromkeys(target for _, _, target in resolved.edges))
    index = {target: at for at, target in enumerate(targets)}
    imported = {target[:-1] for _, kind, target in resolved.edges if kind == IMPORT and target[-1] == ":"}
    referred = {target.partition(":")[0] for target in targets}
    reasons = list(dict.fromkeys(why for _, _, why in resolved.unresolved))
    return replace(
        record,
        consulted=" ".join(sorted(resolved.consulted)),
        imported=" ".join(sorted(imported)),
        referred=" ".join(sorted(referred)),
        references=_dump(
            [
                targets,
                [[owner, kind, index[target], *lines] for (owner, kind, target), lines in resolved.edges.items()],
                [[*key, note] for key, note in resolved.notes.items()],
                reasons,
                [[o, text, reasons.index(why), *lines] for (o, text, why), lines in resolved.unresolved.items()],
                sorted(resolved.outside),
            ]
        ),
    )


def _dump(value: Any) -> str:
    return _ENCODER.encode(value)
