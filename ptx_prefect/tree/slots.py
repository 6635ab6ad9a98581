"""Directories that are used again: bringing one to a wanted tree costs what differs, not what the tree holds."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base, holds
from ptx_prefect.tree.changeset import EXECUTABLE, SYMLINK, Changeset, digest_of
from ptx_prefect.tree.globs import parents_of
from ptx_prefect.tree.paths import check_path
from ptx_prefect.tree.scan import Stamp, is_litter, list_directory, read_entry, stamp_of

CLOCK_STEP_NS = 50_000_000
"""Change times come from a coarse clock: two writes within this time may carry the same one."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file as it shall stand in a directory; ``content`` None: to be read from the base."""

    identity: str
    mode: int
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """One file as it was written, so that an untouched one is known without reading it.

    ``is_sure`` is False when it was written so shortly before the record that a later write might look the same.
    """

    identity: str
    mode: int
    stamp: Stamp
    is_sure: bool = True

    def is_untouched(self, stamp: Stamp) -> bool:
        """True when the file is certainly still the one written; False: it must be read."""
        return self.is_sure and stamp == self.stamp

    def to_json(self) -> tuple[str | int, ...]:
        """A flat row: thousands are written for each workspace."""
        stamp = self.stamp
        times = (stamp.modified_ns, stamp.changed_ns)
        return (self.identity, self.mode, stamp.mode, stamp.inode, stamp.size, *times, self.is_sure)


@contextmanager
def free_slot(root: Path) -> Iterator[Path]:
    """A directory below ``root`` that nobody else uses meanwhile, in this process or another."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = 0
    while True:
        slot = root / f"slot-{number:03d}"
        slot.mkdir(exist_ok=True, mode=0o700)
        with (slot / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                number += 1
                continue
            yield slot
            return


def wanted_tree(base: Base, changeset: Changeset) -> dict[str, Wanted]:
    """The base with ``changeset`` on top.

    Raises:
        TreeError: a path would be a file and a folder at once.
    """
    wanted = {path: Wanted(entry.identity, entry.mode) for path, entry in base.entries.items()}
    for change in changeset.changes:
        if change.content is None:
            wanted.pop(change.path, None)
        else:
            wanted[change.path] = Wanted(digest_of(change.content), change.mode, change.content)
    clash = next((parent for path in wanted for parent in parents_of(path) if parent in wanted), None)
    if clash is not None:
        raise TreeError(f"{clash!r} would be a file and a folder at once; its sections disagree, merge them first")
    return wanted


def bring_to(directory: Path, base: Base, wanted: Mapping[str, Wanted], *, record: Path) -> dict[str, Written]:
    """Make ``directory`` hold exactly ``wanted`` (a ``.git`` at its top is left alone).

    ``record`` remembers what was written; it is absent while the directory is being changed, so an interrupted
    change is never trusted.
    """
    before = _read_record(record)
    record.unlink(missing_ok=True)
    if directory.is_symlink() or directory.is_file():
        directory.unlink()  # a section put it there: what it points to is not ours to clear
    directory.mkdir(parents=True, exist_ok=True)
    kept = _clear(directory, wanted, before, base.submodules)
    missing = [path for path in wanted if path not in kept]
    for folder in base.submodules:
        (directory / check_path(folder)).mkdir(parents=True, exist_ok=True)
    for folder in sorted({parent for path in missing for parent in parents_of(check_path(path))}):
        (directory / folder).mkdir(exist_ok=True)
    written = dict(kept)
    for path, content in _contents(base, wanted, missing):
        written[path] = _write(directory / path, wanted[path], content)
    return _write_record(record, written)


def _clear(
    directory: Path, wanted: Mapping[str, Wanted], before: Mapping[str, Written], folders: Iterable[str]
) -> dict[str, Written]:
    """Remove what is not wanted; what stays is known to be as wanted."""
    listing = list_directory(directory, skip=lambda path: path == ".git", closed="open")
    kept: dict[str, Written] = {}
    for path, stamp in listing.files.items():
        known, want = before.get(path), wanted.get(path)
        same = known is not None and want is not None and (known.identity, known.mode) == (want.identity, want.mode)
        if same and known is not None and known.is_untouched(stamp):
            kept[path] = known
        else:
            _remove_file(directory / path)
    for path in listing.others:
        _remove_file(directory / path)
    needed = {parent for path in (*wanted, *folders) for parent in parents_of(path)} | set(folders)
    for folder in reversed(listing.folders):  # innermost first
        if folder not in needed:
            _remove_folder(directory / folder)
        else:
            _ensure_writable(directory / folder)
    return kept


def _contents(base: Base, wanted: Mapping[str, Wanted], paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    from_base = []
    for path in paths:
        content = wanted[path].content
        if content is None:
            from_base.append(path)
        else:
            yield path, content
    yield from base.read_many(from_base)


def _write(place: Path, want: Wanted, content: bytes) -> Written:
    if want.mode == SYMLINK:
        place.symlink_to(os.fsdecode(content))
        return Written(want.identity, want.mode, stamp_of(place.lstat()))
    # A new file each time: never a link to the base's, which a write in place would reach.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        handle = os.open(place, flags, 0o777 if want.mode == EXECUTABLE else 0o666)
    except FileExistsError as error:
        told = "is there already in another spelling, and this file system does not tell upper from lower case"
        raise TreeError(f"{str(place)!r} {told}: rename one of the two") from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        return Written(want.identity, want.mode, stamp_of(os.fstat(handle)))


def _read_record(record: Path) -> dict[str, Written]:
    try:
        data = json.loads(record.read_text())
        return {path: Written(row[0], row[1], Stamp(*row[2:7]), row[7]) for path, row in data.items()}
    except (OSError, ValueError, TypeError, LookupError):
        return {}


def _write_record(record: Path, written: Mapping[str, Written]) -> dict[str, Written]:
    limit = time.time_ns() - CLOCK_STEP_NS
    sure = {
        path: row if row.stamp.changed_ns < limit else Written(row.identity, row.mode, row.stamp, is_sure=False)
        for path, row in written.items()
    }
    beside = record.with_suffix(".new")
    beside.write_text(json.dumps({path: row.to_json() for path, row in sure.items()}))
    beside.replace(record)
    return sure


def _remove_file(place: Path) -> None:
    try:
        place.unlink()
    except PermissionError:
        _ensure_writable(place.parent)
        place.unlink()


def _remove_folder(place: Path) -> None:
    try:
        place.rmdir()
    except PermissionError:
        _ensure_writable(place.parent)
        place.rmdir()


def _ensure_writable(folder: Path) -> None:
    with suppress(OSError):
        mode = folder.lstat().st_mode
        if mode & 0o700 != 0o700:
            folder.chmod(mode | 0o700)


def is_same(written: Written | None, stamp: Stamp, place: Path) -> bool:
    """True when the file at ``place`` is what was written there; reads it only in doubt."""
    if written is None or written.mode != stamp.mode:
        return False
    return written.is_untouched(stamp) or holds(written.identity, read_entry(place, stamp.mode, closed="open"))


def digest_of_directory(directory: Path) -> str:
    """What identifies the files in a directory by path, mode and content; what tools leave behind does not count."""
    rows = []
    for path, stamp in sorted(list_directory(directory, skip=is_litter).files.items()):
        rows.append(f"{path}\0{stamp.mode:o}\0{digest_of(read_entry(directory / path, stamp.mode))}\n")
    return digest_of("".join(rows).encode(errors="surrogateescape"))
