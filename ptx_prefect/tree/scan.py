"""What lies in a directory: files and links with their stamps, without following a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.changeset import EXECUTABLE, REGULAR, SYMLINK

LITTER = frozenset(
    {
        "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache",
        ".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", ".DS_Store", ".coverage", ".eggs",
    }
)  # fmt: skip
"""Names that tools leave behind. A tracked file of such a name is still part of its base."""

LITTER_SUFFIXES = (".pyc", ".pyo", ".egg-info", "~", ".swp")

Closed = Literal["refuse", "open", "skip"]
"""What becomes of a file or folder without the right to read it: an error, the right is given (only in a workspace,
whose section may have taken it away), or it is left out."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells cheaply that a file is still the one that was written: the change time cannot be set back."""

    mode: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """``files`` by path; ``folders`` outermost first; ``others`` are pipes, sockets and devices."""

    files: dict[str, Stamp]
    folders: tuple[str, ...]
    others: tuple[str, ...]


def is_litter(path: str) -> bool:
    """True when a part of ``path`` is a name that tools leave behind."""
    parts = path.split("/")
    return any(part in LITTER for part in parts) or path.endswith(LITTER_SUFFIXES)


def list_directory(
    root: Path, *, skip: Callable[[str], bool] = lambda path: False, closed: Closed = "refuse"
) -> Listing:
    """Everything below ``root`` but the folders and files that ``skip`` names; links are listed, never followed.

    Raises:
        TreeError: a folder cannot be read, and ``closed`` is ``refuse``.
    """
    files: dict[str, Stamp] = {}
    folders: list[str] = []
    others: list[str] = []
    pending = [("", os.fspath(root))]
    while pending:
        prefix, folder = pending.pop()
        opened = _open_folder(folder, closed)
        if opened is None:
            continue
        with opened as found:
            for item in found:
                path = f"{prefix}{item.name}"
                if skip(path):
                    continue
                if item.is_dir(follow_symlinks=False):
                    folders.append(path)
                    pending.append((f"{path}/", item.path))
                    continue
                status = item.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    files[path] = stamp_of(status)
                else:
                    others.append(path)
    return Listing(files, tuple(sorted(folders)), tuple(sorted(others)))


def stamp_of(status: os.stat_result) -> Stamp:
    """The stamp of one file or link."""
    if stat.S_ISLNK(status.st_mode):
        mode = SYMLINK
    else:
        mode = EXECUTABLE if status.st_mode & 0o100 else REGULAR
    return Stamp(mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_entry(path: Path, mode: int, *, closed: Closed = "refuse") -> bytes:
    """A file's bytes, or a link's target.

    Raises:
        TreeError: there is no right to read it, and ``closed`` is not ``open``.
    """
    if mode == SYMLINK:
        return os.fsencode(path.readlink())
    try:
        return path.read_bytes()
    except PermissionError as error:
        if closed != "open":
            raise _closed_error(path) from error
        path.chmod(0o700 if mode == EXECUTABLE else 0o600)
        return path.read_bytes()


def _open_folder(folder: str, closed: Closed) -> os._ScandirIterator[str] | None:
    try:
        return os.scandir(folder)
    except PermissionError as error:
        if closed == "skip":
            return None
        if closed == "refuse":
            raise _closed_error(folder) from error
        Path(folder).chmod(0o700)
        return os.scandir(folder)


def _closed_error(path: Path | str) -> TreeError:
    return TreeError(f"cannot read {str(path)!r}: permission denied; make it readable, or keep it out of the tree")
