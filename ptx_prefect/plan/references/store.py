"""The cache of one tree: a file of lines that is appended to, and written anew when much of it is outdated.

Concurrent runs are safe: a new file is moved into place whole, an addition is one write at the end, and a line that
was cut short is left out on reading. The last line of a path counts.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ptx_prefect.plan.references.records import FORMAT, Record, record_from_line

_OTHER_FIELDS = 200
"""About what the short fields of a line take."""
_LARGEST_ADDITION = 0.25
"""Above this part of the file, or once the file has grown to twice what it needs, it is written anew."""


def cache_file_of(state_dir: Path, root: Path) -> Path:
    """Where the cache of a tree lives."""
    name = hashlib.blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return state_dir / "references" / f"{name}.tsv"


def load_records(path: Path) -> tuple[dict[str, Record], int]:
    """The records by path, and when they were last written in nanoseconds; none where there is no readable cache."""
    try:
        written_ns = path.stat().st_mtime_ns
        lines = path.read_text("utf-8", "surrogatepass").split("\n")
    except (OSError, ValueError):
        return {}, 0
    if lines[0] != FORMAT:
        return {}, 0
    records = map(record_from_line, lines[1:])
    return {record.path: record for record in records if record}, written_ns


def save_records(path: Path, records: Mapping[str, Record], changed: Iterable[Record], *, rewrite: bool) -> None:
    """Keeps the records: only the changed ones are written where that is enough."""
    text = "".join(f"\n{record.to_line()}" for record in changed)
    if not rewrite:
        if not text:
            return
        whole = sum(
            len(one.interface) + len(one.consulted) + len(one.facts) + len(one.references) + _OTHER_FIELDS
            for one in records.values()
        )
        if len(text) < _LARGEST_ADDITION * whole and path.stat().st_size < 2 * whole:
            _append(path, text.encode("utf-8", "surrogatepass"))
            return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    text = "\n".join([FORMAT, *(record.to_line() for record in records.values())])
    try:
        beside.write_text(text, "utf-8", "surrogatepass", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _append(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)
