"""Requirements files as a group of lines that keeps every byte."""

from __future__ import annotations

import re
from collections import Counter

from ptx_prefect.merge.keyed import Entry, Group
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.manifests.demands import dependency_keys

_COMMENT = re.compile(r"\s+#[^\n]*\n?\Z|\n\Z")


def read_requirements(text: str) -> Group:
    """One entry a logical line, comments too (they head what follows); blank lines lead the entry below them."""
    entries: list[Entry] = []
    lead, body = "", ""
    seen: Counter[str] = Counter()
    for line in split(text):
        if not body and not line.strip():
            lead += line
            continue
        if not body and line.lstrip().startswith("#"):
            seen[line.strip()] += 1
            entries.append(Entry(f"{line.strip()} ({seen[line.strip()]})", lead, line.rstrip("\n"), "\n"))
            lead = ""
            continue
        body += line
        if not line.rstrip("\n").endswith("\\"):
            entries.append(_entry(lead, body))
            lead, body = "", ""
    if body:
        entries.append(_entry(lead, body))
        lead = ""
    return Group("", dependency_keys(tuple(entries), ("requirements",)), lead)


def is_plain_list(group: Group) -> bool:
    """True when nothing but requirements stands there, so that their order has no meaning."""
    return not any(entry.key.startswith(("#", "-")) or entry.lead for entry in group.entries)


def _entry(lead: str, line: str) -> Entry:
    found = _COMMENT.search(line)
    cut = found.start() if found else len(line)
    return Entry(line[:cut].strip(), lead, line[:cut], line[cut:])
