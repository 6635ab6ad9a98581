"""Everything that a suite's results can depend on, as one digest: the project's files and what is installed beside it.

In a git work tree these are the tracked files, the untracked ones that are not ignored, and ignored ones that Python
can import (built modules); git's own index tells cheaply which files are as they were. Elsewhere it is every file.
What tools and our own runs leave behind is no input.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.git import run_git, toplevel_of
from ptx_prefect.tree.globs import OUTPUT_FOLDER
from ptx_prefect.tree.scan import is_litter

MAX_FILES = 50_000
MAX_BYTES = 256 * 2**20
"""More than this is not read again for every plan: then nothing is known of the content."""
CONFIG_NAMES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_IMPORTABLE = ("*.py", "*.so", "*.pyd")
_INSTALLED = ("site-packages", "dist-packages")
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a suite's results come from.

    Args:
        workdir: where pytest is started.
        rootdir: pytest's own, where its configuration lies.
        roots: directories that hold all test files.
        import_path: ``sys.path`` of the suite's interpreter.
    """

    workdir: str
    rootdir: str
    roots: tuple[str, ...]
    import_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """The digest of a suite's surroundings; empty, with the reason, where it cannot be told."""

    digest: str
    unknown_because: str = ""


class _TooMuchError(Exception):
    """More than can be read for every plan."""


def content_of_suite(around: Surroundings, *, ours: Sequence[Path] = ()) -> Content:
    """What a suite's results depend on.

    Args:
        ours: directories that runs write into (state, output): no input, unless the project lies in one.
    """
    packages = [root for root in around.roots if _is_installed(root)]
    places = [] if len(packages) == len(around.roots) else [around.workdir, around.rootdir, *around.roots]
    places = [place for place in places if not _is_installed(place)]
    try:
        projects = _outermost(_project_of(Path(place)) for place in places)
        reader = _Reader([path for path in ours if not any(place.is_relative_to(path.resolve()) for place in projects)])
        for place in projects:
            reader.add_tree(place)
        for package in _outermost(_package_of(Path(root)) for root in packages):
            reader.add_folder(package)
    except _TooMuchError as error:
        return Content("", str(error))
    for name in CONFIG_NAMES:
        reader.add_file(Path(around.rootdir, name))
    for folder in around.import_path:
        reader.add_distributions(Path(folder))
    return Content(reader.digest.hexdigest())


class _Reader:
    """Reads what it is given into one digest, and gives up where it is too much."""

    def __init__(self, ours: Sequence[Path]) -> None:
        self.digest = hashlib.sha256()
        self._ours = frozenset(os.path.realpath(path) for path in ours)
        self._files = 0
        self._bytes = 0

    def add_tree(self, place: Path) -> None:
        """A project: by git where it is a work tree, else all its files."""
        if not (place / ".git").exists():
            return self.add_folder(place)
        try:
            found = self._files_in_git(place)
        except (TreeError, OSError):
            return self.add_folder(place)
        for path in sorted(found):
            self._add(path, found[path])
        return None

    def add_folder(self, place: Path) -> None:
        """All files below a directory, but for what is left behind there."""
        for folder, folders, names in os.walk(place):
            inside = os.path.relpath(folder, place)
            prefix = "" if inside == "." else f"{inside}/"
            inner = (name for name in folders if not _is_environment(folder, name))
            folders[:] = sorted(name for name in inner if not self._is_left(place, prefix + name))
            for name in sorted(names):
                path = prefix + name
                if not self._is_left(place, path):
                    self._count(place, path)
                    self._add(path, self._identity(place, path))

    def add_file(self, path: Path) -> None:
        """One file, which may be missing."""
        if path.is_file():
            self._add(path.name, _blob_id(path))

    def add_distributions(self, folder: Path) -> None:
        """What is installed in a directory of the import path, by the lists of digests that installers leave."""
        if not folder.is_dir():
            return
        for path in sorted(folder.glob("*.dist-info")):
            record = path / "RECORD"
            self._add(path.name, _blob_id(record) if record.is_file() else "")

    def _files_in_git(self, top: Path) -> dict[str, str]:
        """Path to mode and blob id; a file is the same whether it is committed, staged or neither."""
        found: dict[str, str] = {}
        changed: set[str] = set()
        for entry in _entries(run_git(top, "ls-files", "-s", "-v", "-z")):
            about, _, path = entry.partition("\t")
            tag, mode, object_id, _ = about.split(" ")
            found[path] = f"{mode} {object_id}"
            if tag not in ("H", "M"):  # git was told not to look whether it has changed
                changed.add(path)
        status = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=none")
        for entry in _entries(run_git(top, "-c", "core.fsmonitor=false", *status)):
            code, path = entry[:2], entry[3:].rstrip("/")
            if code == "??" and self._is_left(top, path):
                continue
            if code[1] != " " or code == "??":
                changed.add(path)
        ignored = run_git(top, "ls-files", "-o", "-i", "--exclude-standard", "-z", "--", *_IMPORTABLE)
        for path in _entries(ignored):
            parts = path.split("/")
            if not self._is_left(top, path) and not any(_is_installed(part) or part[0] == "." for part in parts):
                changed.add(path)
        for path in changed:
            found[path] = self._of_changed(top, path)
        return {path: what for path, what in found.items() if what and OUTPUT_FOLDER not in path.split("/")}

    def _of_changed(self, top: Path, path: str) -> str:
        """A file that git does not know as it is, a repository inside the repository, or "" for what is gone."""
        if (top / path).is_dir() and not (top / path).is_symlink():
            inner = _Reader(())
            inner._ours = self._ours
            inner.add_tree(top / path)
            return f"{_SUBMODULE} {inner.digest.hexdigest()}"
        self._count(top, path)
        return self._identity(top, path)

    def _count(self, place: Path, path: str) -> None:
        self._files += 1
        try:
            self._bytes += (place / path).lstat().st_size
        except OSError:
            return
        if self._files > MAX_FILES or self._bytes > MAX_BYTES:
            raise _TooMuchError(
                f"{str(place)!r} holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MB that git does not track"
            )

    def _identity(self, place: Path, path: str) -> str:
        try:
            mode = (place / path).lstat().st_mode
            if stat.S_ISLNK(mode):
                return f"120000 {_id_of(os.fsencode((place / path).readlink()))}"
            if not stat.S_ISREG(mode):
                return ""
            return f"{'100755' if mode & 0o100 else '100644'} {_blob_id(place / path)}"
        except OSError:
            return ""

    def _add(self, path: str, identity: str) -> None:
        self.digest.update(f"{path}\0{identity}\0".encode("utf-8", "surrogateescape"))

    def _is_left(self, place: Path, path: str) -> bool:
        """Left there by a tool or by one of our runs."""
        name = path.rpartition("/")[2]
        if name.startswith(".coverage.") or is_litter(path) or OUTPUT_FOLDER in path.split("/"):
            return True
        if not self._ours:
            return False
        full = os.path.realpath(place / path)
        return any(full == mine or full.startswith(mine + os.sep) for mine in self._ours)


def _entries(output: bytes) -> Iterator[str]:
    return (entry for entry in output.decode("utf-8", "surrogateescape").split("\0") if entry)


def _blob_id(path: Path) -> str:
    try:
        return _id_of(path.read_bytes())
    except OSError:
        return ""


def _id_of(content: bytes) -> str:
    """As git names a content, so that a file is the same before and after it is committed."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _is_environment(folder: str, name: str) -> bool:
    """A virtual environment: told by what is installed, not by its files."""
    return Path(folder, name, "pyvenv.cfg").is_file()


def _is_installed(path: str) -> bool:
    return any(part in _INSTALLED for part in Path(path).parts)


def _package_of(root: Path) -> Path:
    """The outermost package, below where packages are installed."""
    parts = root.parts
    at = max(index for index, part in enumerate(parts) if part in _INSTALLED)
    return Path(*parts[: at + 2])


def _project_of(place: Path) -> Path:
    """The git work tree that a place lies in, else itself: also where the repository around it ignores it."""
    place = place.resolve()
    top = toplevel_of(place)
    if top is None or (top != place and run_git(top, "check-ignore", str(place), accept=(0, 1, 128))):
        return place
    return top


def _outermost(places: Iterable[Path]) -> list[Path]:
    """Without those that lie in another one."""
    unique = sorted(set(places))
    return [place for place in unique if not any(other in place.parents for other in unique)]
