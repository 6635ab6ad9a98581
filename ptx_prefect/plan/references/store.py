"""The cache of one tree: a file that holds all records, and one beside it for those that have changed since.

All are only ever replaced whole, so concurrent runs are safe: the last one to finish wins, and what it lacks is read
again. The changes refer to the state of the main file that they were made for.
"""

from __future__ import annotations

import hashlib
import marshal
import mmap
import os
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.plan.references.records import Record

_FORMAT = f"ptx-references 8 {sys.version_info[:2]} {sys.implementation.cache_tag}\n".encode()
"""The first bytes of a file: packed data is read by the version of Python that packed it. A checksum follows, the
length of what is unpacked at once, that itself, and what stays packed."""
_CHECKSUM, _LENGTH = 4, 8
"""Bytes."""
_LARGEST_ADDITION = 0.25
"""With more than this part of the records changed, all are written anew."""

_State = tuple[int, int, int]
"""Tells one state of a file from any other."""


def cache_file_of(state_dir: Path, root: Path) -> Path:
    """Where the cache of a tree lives."""
    name = hashlib.blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return state_dir / "references" / f"{name}.records"


def load_records(path: Path) -> tuple[dict[str, Record], int]:
    """The records by path, and when they were last written in nanoseconds; none where there is no readable cache."""
    whole, packed, written_ns, state = _load(path)
    if not whole:
        return {}, 0
    records = _unpacked(whole, packed)
    added, packed, added_ns, _ = _load(_additions_of(path))
    if added and added[0] == state:
        return records | _unpacked(added[1:], packed), max(written_ns, added_ns)
    return records, written_ns


def save_records(
    path: Path, records: Mapping[str, Record], known: Mapping[str, Record], changed: Iterable[str]
) -> None:
    """Keeps the records. Where few have ``changed`` from what is ``known``, only those of this and of earlier
    additions are written."""
    state = _state_of(path)
    added, *_ = _load(_additions_of(path))
    earlier = {row[0] for row in added[1:]} if added and added[0] == state else set()
    late = sorted(earlier | set(changed))
    if state and known and records.keys() >= known.keys() and len(late) <= _LARGEST_ADDITION * len(records):
        _write(_additions_of(path), [state], [records[name] for name in late])
        return
    _write(path, [], records.values())


def load_rows(path: Path) -> list[Any]:
    """What `save_rows` kept; nothing where there is no such file, or a damaged one."""
    return _load(path)[0]


def save_rows(path: Path, rows: list[Any]) -> None:
    """Keeps plain data."""
    _write(path, rows, ())


def _additions_of(path: Path) -> Path:
    return path.with_suffix(".added")


def _state_of(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _load(path: Path) -> tuple[list[Any], memoryview, int, _State]:
    """What is in a file, what is left packed, when it was written, and its state."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            # Mapped, as most of it is looked at rarely; the file may be replaced meanwhile, but is never rewritten.
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        begin = len(_FORMAT) + _CHECKSUM
        if content[: len(_FORMAT)] == _FORMAT and content[len(_FORMAT) : begin] == _checksum(content[begin:]):
            end = begin + _LENGTH + int.from_bytes(content[begin : begin + _LENGTH], "little")
            state = (status.st_mtime_ns, status.st_size, status.st_ino)
            return marshal.loads(content[begin + _LENGTH : end]), content[end:], status.st_mtime_ns, state
    except (OSError, ValueError, EOFError, TypeError):
        pass
    return [], memoryview(b""), 0, (0, 0, 0)


def _unpacked(rows: Iterable[Any], packed: memoryview) -> dict[str, Record]:
    """The records by path, from their plain fields and the lengths of the packed ones, which lie one behind another."""
    records, begin = {}, 0
    for *plain, (interface, consulted, facts, references) in rows:
        parts = [
            packed[begin : (begin := begin + interface)],
            packed[begin : (begin := begin + consulted)],
            packed[begin : (begin := begin + facts)],
            packed[begin : (begin := begin + references)],
        ]
        records[plain[0]] = Record(*plain, *parts)
    return records


def _write(path: Path, rows: list[Any], records: Iterable[Record]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    packed: list[bytes | memoryview] = []
    for record in records:
        parts = (record.interface, record.consulted, record.facts, record.references)
        packed += parts
        rows.append((*record[: -len(parts)], tuple(map(len, parts))))
    unpacked = marshal.dumps(rows)
    content = b"".join((len(unpacked).to_bytes(_LENGTH, "little"), unpacked, *packed))
    try:
        with beside.open("wb") as file:
            file.writelines((_FORMAT, _checksum(content), content))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _checksum(content: bytes | memoryview) -> bytes:
    """Against damage, not against malice: the directory is private."""
    return zlib.crc32(content).to_bytes(_CHECKSUM, "little")
