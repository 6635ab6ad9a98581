"""A tree as one piece of data, for machines that cannot see the directory it was read from.

A pack is compressed: a line of JSON that lists paths, modes, identities and sizes, and all contents behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base, Entry, holds
from ptx_prefect.tree.changeset import EXECUTABLE, SYMLINK
from ptx_prefect.tree.paths import check_path
from ptx_prefect.tree.private_git import commit_of

LEVEL = 1
"""Of compression: five times as fast as the default and a tenth larger."""


def pack_tree(base: Base, *, limit_bytes: int) -> bytes:
    """The whole of ``base`` as one piece.

    Raises:
        TreeError: a file changed since the base was pinned, or the pack is larger than ``limit_bytes``.
    """
    contents = dict(base.read_many(base.paths()))
    files = [[path, entry.mode, entry.identity, len(contents[path])] for path, entry in base.entries.items()]
    head = json.dumps(
        {
            "is_git": base.is_git,
            "commit": commit_of(base),
            "files": files,
            "submodules": base.submodules,
            "leaving": base.leaving,
        }
    )
    squeezer = zlib.compressobj(LEVEL)
    parts, size = [], 0
    for piece in (head.encode(), b"\n", *contents.values(), None):
        part = squeezer.flush() if piece is None else squeezer.compress(piece)
        parts.append(part)
        size += len(part)
        if size > limit_bytes:
            raise TreeError(
                f"the tree {str(base.root)!r} is too large to travel: {len(files)} files are more than"
                f" {limit_bytes / 1e6:.0f} MB compressed; narrow the base (or `reads`), or set result_storage"
            )
    return b"".join(parts)


def unpack_tree(pack: bytes, place: Path) -> Base:
    """The packed tree as files in ``place``, which appears in one step, and as a base that is read from there.

    Raises:
        TreeError: the pack is damaged, or the disk is full.
    """
    head, contents = _read(pack)
    beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}"))
    try:
        for path, (mode, content) in contents.items():
            _write(beside / check_path(path), mode, content)
        beside.chmod(0o700)
        beside.rename(place)
    except OSError as error:
        if not place.is_dir():  # Otherwise somebody was faster, with the same content.
            raise TreeError(f"cannot unpack a tree in {str(place)!r}: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return _base_in(place, head)


def open_tree(place: Path) -> Base | None:
    """The base that :func:`unpack_tree` left in ``place``; None where there is none."""
    try:
        head = json.loads(_record_of(place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _base_in(place, head) if place.is_dir() else None


def _read(pack: bytes) -> tuple[dict[str, Any], dict[str, tuple[int, bytes]]]:
    contents: dict[str, tuple[int, bytes]] = {}
    try:
        first, _, rest = zlib.decompress(pack).partition(b"\n")
        head = json.loads(first)
        begin = 0
        for path, mode, identity, size in head["files"]:
            content = rest[begin : begin + size]
            begin += size
            if len(content) != size or not holds(identity, content):
                raise ValueError(f"{path!r} is not what its digest says")
            contents[path] = mode, content
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise TreeError(f"a tree arrived damaged: {error}; run the task again") from error
    return head, contents


def _base_in(place: Path, head: Mapping[str, Any]) -> Base:
    record = _record_of(place)
    if not record.exists():
        record.write_text(json.dumps(head), encoding="utf-8")
    files: Sequence[tuple[str, int, str, int]] = head["files"]
    entries = {path: Entry(identity, mode) for path, mode, identity, _ in files}
    return Base(
        place,
        entries,
        is_git=head["is_git"],
        commit=head["commit"],
        submodules=tuple(head["submodules"]),
        leaving=tuple(head["leaving"]),
    )


def _record_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _write(place: Path, mode: int, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if mode == SYMLINK:
        place.symlink_to(os.fsdecode(content))
        return
    with place.open("xb") as file:  # one that is there already bears the same name in another spelling
        file.write(content)
    place.chmod(0o755 if mode == EXECUTABLE else 0o644)
