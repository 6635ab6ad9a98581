"""Which Python files a tree holds, and by which module names; folders that have not changed are not listed again."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references.records import Stamp
from ptx_prefect.plan.references.store import load_rows, save_rows
from ptx_prefect.plan.references.work import CLOCK_DOUBT_NS, stamp_of
from ptx_prefect.tree.globs import OUTPUT_FOLDER, parents_of

_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "LC_MESSAGES", OUTPUT_FOLDER})
"""Folders that by their tool's convention hold no code of the tree's own; the last but one is gettext's."""


UNREADABLE: Stamp = (0, 0, 0)
"""The stamp of what exists and cannot be looked at. Reading it fails in the same way, and says why."""


class Source(NamedTuple):
    """A Python file as it lies on the disk; or a folder that cannot be read, to be reported like a file."""

    path: str
    module: str
    is_package: bool
    stamp: Stamp


_Listing = tuple[Stamp, list[str], list[str]]
"""A folder: its stamp, the names in it that end in ``.py``, the names of the folders to go on to."""


def sources_of(root: Path, files: Sequence[str] | None, listings: Path | None) -> list[Source]:
    """The Python files of a tree, by path.

    Args:
        files: only these paths, relative to the root.
        listings: where the names in each folder are kept; without it nothing is.
    """
    prefix = _package_above(root)
    if files is None:
        paths, packages = _walk(str(root), listings)
    else:
        paths = [(path, _stamp_at(f"{root}/{path}")) for path in files if path.endswith(".py")]
        folders = {parent for path, _ in paths for parent in parents_of(path)}
        packages = {folder for folder in folders if (root / folder / "__init__.py").exists()}
    if prefix:
        packages.add("")
    names: dict[str, str] = {"": prefix}
    found = []
    for path, stamp in paths:
        folder, _, name = path.rpartition("/")
        package = names[folder] if folder in names else _package_of(folder, packages, names)
        stem = name.removesuffix(".py")
        module = package if stem == "__init__" else f"{package}.{stem}" if package else stem
        found.append(Source(path, module or stem, stem == "__init__", stamp))
    return _with_unique_modules(found, prefix)


def _walk(root: str, kept: Path | None) -> tuple[list[tuple[str, Stamp]], set[str]]:
    """Path and stamp of every Python file, and the folders that are packages.

    Strings rather than `Path`: on a warm cache this walk is much of the time that is left.
    """
    begun_ns = time.time_ns()
    known, known_before_ns = _load_listings(kept)
    found: list[tuple[str, Stamp]] = []
    packages: set[str] = set()
    listings: dict[str, _Listing] = {}
    folders, status_of, is_file = [""], os.stat, stat.S_ISREG
    top = _opened(root)
    for folder in folders:  # grows while it is walked
        start = f"{folder}/" if folder else ""
        try:
            status = status_of(folder or ".", dir_fd=top)
            stamp = (status.st_ctime_ns, status.st_size, status.st_ino)
            listing = known.get(folder)
            if listing is None or listing[0] != stamp or stamp[0] > known_before_ns:
                listing = (stamp, *_listed(f"{root}/{folder}", is_root=not folder))
        except FileNotFoundError:  # gone since
            continue
        except OSError:
            found.append((folder, UNREADABLE))
            continue
        listings[folder] = listing
        _, files, inner = listing
        if inner:
            folders += [start + name for name in inner]
        for name in files:
            path = start + name
            try:
                status = status_of(path, dir_fd=top)
            except FileNotFoundError:  # a link to nowhere, or gone since
                continue
            except OSError:
                found.append((path, UNREADABLE))
                continue
            if is_file(status.st_mode):
                found.append((path, (status.st_ctime_ns, status.st_size, status.st_ino)))
                if name == "__init__.py":
                    packages.add(folder)
    os.close(top)
    if kept and listings != known:
        save_rows(kept, [begun_ns, listings])
    return found, packages


def _opened(root: str) -> int:
    """A descriptor of the root: from there paths are short, and quicker to look up."""
    try:
        return os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise PlanError(f"{root!r} cannot be read: {error.strerror}") from error


def _stamp_at(path: str) -> Stamp:
    try:
        return stamp_of(os.stat(path))  # noqa: PTH116
    except OSError:
        return UNREADABLE


def _listed(folder: str, *, is_root: bool) -> tuple[list[str], list[str]]:
    files, inner = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if name.endswith(".py") and not is_folder:
                files.append(name)
            elif name == "pyvenv.cfg" and not is_root:
                return [], []
            elif is_folder and name[0] != "." and name not in _SKIPPED:
                inner.append(name)
    return files, inner


def _load_listings(kept: Path | None) -> tuple[dict[str, _Listing], int]:
    """The listings by folder, and the change time in ns from which on a folder is to be listed again."""
    rows = load_rows(kept) if kept else []
    return (rows[1], rows[0] - CLOCK_DOUBT_NS) if rows else ({}, 0)


def _package_above(root: Path) -> str:
    names: list[str] = []
    while (root / "__init__.py").exists():
        names.append(root.name)
        root = root.parent
    return ".".join(reversed(names))


def _package_of(folder: str, packages: set[str], names: dict[str, str]) -> str:
    """The dotted name of a folder; the first package on the way down starts the name, as on ``src`` layouts."""
    if folder not in names:
        parent, _, name = folder.rpartition("/")
        above = _package_of(parent, packages, names)
        if folder in packages and parent and parent not in packages:
            above = ""
        names[folder] = f"{above}.{name}" if above else name
    return names[folder]


def _with_unique_modules(sources: list[Source], prefix: str) -> list[Source]:
    """By path. Of files of one module name (such as in two ``src`` folders) it goes to the one that lies there, else to
    the first; the others are named by their path."""
    if len({source.module for source in sources}) == len(sources):
        return sorted(sources)
    taken: set[str] = set()
    found = []
    for at, source in sorted(((_name_by_path(one, prefix), one) for one in sources), key=_claim):
        module = next(name for name in (source.module, at, source.path) if name not in taken)
        taken.add(module)
        found.append(source._replace(module=module))
    return sorted(found)


def _claim(named: tuple[str, Source]) -> tuple[bool, bool, str]:
    at, source = named
    return source.module != at, not source.is_package, source.path


def _name_by_path(source: Source, prefix: str) -> str:
    name = source.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return f"{prefix}.{name}" if prefix else name
