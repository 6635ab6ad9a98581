"""The cache of one tree: a file that holds all records, and one beside it for those that have changed since.

Both are only ever replaced whole, so concurrent runs are safe: the last one to finish wins, and what it lacks is read
again. The changes refer to the state of the main file that they were made for.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.plan.references.records import Record

_FORMAT = f"ptx-references 7 {sys.version_info[:2]} {sys.implementation.cache_tag}\n".encode()
"""The first bytes of a cache: packed data is read by the version of Python that packed it. A checksum follows."""
_CHECKSUM = 4
"""Bytes."""
_LARGEST_ADDITION = 0.25
"""With more than this part of the records changed, all are written anew."""


def cache_file_of(state_dir: Path, root: Path) -> Path:
    """Where the cache of a tree lives."""
    name = hashlib.blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return state_dir / "references" / f"{name}.records"


def load_records(path: Path) -> tuple[dict[str, Record], int]:
    """The records by path, and when they were last written in nanoseconds; none where there is no readable cache."""
    whole, written_ns, state = _load(path)
    if not whole:
        return {}, 0
    added, added_ns, _ = _load(_additions_of(path))
    if added and added[0] == state:
        return {row[0]: Record._make(row) for row in (*whole, *added[1:])}, max(written_ns, added_ns)
    return {row[0]: Record._make(row) for row in whole}, written_ns


def save_records(
    path: Path, records: Mapping[str, Record], known: Mapping[str, Record], changed: Iterable[str]
) -> None:
    """Keeps the records. Where few have ``changed`` from what is ``known``, only those of this and of earlier
    additions are written."""
    _, _, state = _load(path, only_state=True)
    added, _, _ = _load(_additions_of(path))
    earlier = {row[0] for row in added[1:]} if added and added[0] == state else set()
    late = earlier | set(changed)
    if state and known and records.keys() >= known.keys() and len(late) <= _LARGEST_ADDITION * len(records):
        _write(_additions_of(path), [state, *(tuple(records[name]) for name in sorted(late))])
        return
    _write(path, [tuple(record) for record in records.values()])


def _additions_of(path: Path) -> Path:
    return path.with_suffix(".added")


def _load(path: Path, *, only_state: bool = False) -> tuple[list[Any], int, tuple[int, int, int]]:
    """What is in a file, when it was written, and what tells this state of it from any other."""
    nothing: tuple[list[Any], int, tuple[int, int, int]] = ([], 0, (0, 0, 0))
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
            if only_state:
                return [], status.st_mtime_ns, state
            content = file.read()
        packed = memoryview(content)[len(_FORMAT) + _CHECKSUM :]
        if not content.startswith(_FORMAT) or content[len(_FORMAT) :][:_CHECKSUM] != _checksum(packed):
            return nothing
        return marshal.loads(packed), status.st_mtime_ns, state
    except (OSError, ValueError, EOFError, TypeError):
        return nothing


def _write(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        packed = marshal.dumps(rows)
        beside.write_bytes(b"".join((_FORMAT, _checksum(packed), packed)))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _checksum(packed: bytes | memoryview) -> bytes:
    """Against damage, not against malice: the directory is private."""
    return zlib.crc32(packed).to_bytes(_CHECKSUM, "little")
