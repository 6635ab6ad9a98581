"""The tree that sections change: a directory or a git revision, pinned, so that every section sees the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.changeset import EXECUTABLE, REGULAR, SYMLINK, digest_of
from ptx_prefect.tree.git import read_blobs, refusal_of, run_git, toplevel_of
from ptx_prefect.tree.globs import matcher_of
from ptx_prefect.tree.ours import is_output, without_outputs, without_places
from ptx_prefect.tree.paths import leads_out
from ptx_prefect.tree.scan import Stamp, is_litter, list_directory, read_entry, stamp_of

BLOB = "blob:"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a base: what identifies its content, and its mode.

    ``identity`` is the sha256 of the content in a directory and ``blob:`` with git's object id in a revision, so that
    pinning a revision reads no content.
    """

    identity: str
    mode: int


@dataclass(frozen=True, slots=True)
class Base:
    """A pinned tree: ``root`` is where it is read from, ``revision`` the full commit id (None: a directory).

    ``prefix`` is the folder of the repository that counts as the tree (empty or ending in ``/``); ``is_git`` tells
    that ``.gitignore`` files are obeyed. ``commit`` is the commit object of a revision whose repository stayed on
    another machine (empty: none). ``submodules`` are empty folders in a workspace, and ``leaving``, links that lead out
    of the tree, are not there at all: through them a section would write where others work.
    """

    root: Path
    entries: Mapping[str, Entry]
    revision: str | None = None
    prefix: str = ""
    is_git: bool = False
    commit: str = ""
    submodules: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()

    @staticmethod
    def of_directory(path: Path | str, *, own: Sequence[str] = ()) -> Base:
        """The directory as it is now; without what git ignores (inside a work tree) and what tools and runs left.

        Args:
            own: absolute paths of directories that this very run writes to: no part of its base, even where tracked.

        Raises:
            TreeError: it is no directory, or something in it cannot be read.
        """
        root = Path(path).resolve()
        if not root.is_dir():
            raise TreeError(f"the base {str(path)!r} is not a directory; name one, or a repository with a revision")
        listed = _listed_by_git(root)
        stamps = _listed_plainly(root) if listed is None else listed
        names = sorted(without_places(stamps, root, own))
        entries = {name: _entry_of(root / name, stamps[name]) for name in names}
        links = {name: str((root / name).readlink()) for name in names if stamps[name].mode == SYMLINK}
        submodules = _submodules_in(root) if listed is not None else ()
        return Base(root, entries, is_git=listed is not None, submodules=submodules, leaving=_leaving(links))

    @staticmethod
    def of_files(path: Path | str, names: Iterable[str]) -> Base:
        """Only these files of a directory; nothing else in it is looked at."""
        root = Path(path).resolve()
        return Base(root, {name: _entry_of(root / name, stamp_of((root / name).lstat())) for name in sorted(names)})

    @staticmethod
    def of_revision(repository: Path | str, revision: str) -> Base:
        """One commit of a git repository; a folder inside a work tree gives that folder of the commit."""
        root = Path(repository).resolve()
        if not root.is_dir():
            raise TreeError(f"the base {str(repository)!r} is not a directory; name a git repository")
        commit = run_git(root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
        prefix = os.fsdecode(run_git(root, "rev-parse", "--show-prefix").rstrip(b"\n"))
        rows = run_git(root, "ls-tree", "-r", "-z", "--full-tree", f"{commit}:{prefix}").split(b"\0")
        entries = dict(_tree_rows(rows))
        links = [name for name, entry in entries.items() if entry.mode == SYMLINK]
        targets = read_blobs(root, (entries[name].identity.removeprefix(BLOB) for name in links))
        leaving = _leaving(dict(zip(links, map(os.fsdecode, targets), strict=True)))
        return Base(root, entries, commit, prefix, is_git=True, submodules=_gitlinks(rows), leaving=leaving)

    @property
    def folder(self) -> str:
        """Where the tree lies: the directory, or the folder of the repository."""
        return self.prefix.rstrip("/") or self.root.as_posix()

    @property
    def notes(self) -> tuple[str, ...]:
        """What sections do not find in their workspaces, for the report."""
        notes = []
        if self.submodules:
            notes.append(f"submodules of the base are empty folders for the sections: {_named(self.submodules)}")
        if self.leaving:
            told = f"links that lead out of the base are not there for the sections: {_named(self.leaving)}"
            notes.append(f"{told}; copy what is needed into the base, or name it by its absolute path")
        return tuple(notes)

    def paths(self) -> tuple[str, ...]:
        """Every path, sorted."""
        return tuple(self.entries)

    def read(self, path: str) -> bytes:
        """The content of one file (a link's target)."""
        return next(iter(self.read_many([path])))[1]

    def read_many(self, paths: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Contents in the order asked for, one in memory at a time.

        Raises:
            TreeError: no such path, or a directory's file is not what it was when the base was pinned.
        """
        wanted = list(paths)
        missing = [path for path in wanted if path not in self.entries]
        if missing:
            raise TreeError(f"the base {str(self.root)!r} has no {missing[0]!r}")
        if self.revision is None:
            yield from ((path, self._read_unchanged(path)) for path in wanted)
        else:
            blobs = read_blobs(self.root, (self.entries[path].identity.removeprefix(BLOB) for path in wanted))
            yield from zip(wanted, blobs, strict=True)

    def digests_at(self, paths: Iterable[str]) -> dict[str, str]:
        """The sha256 of each of ``paths`` that the base has."""
        known = {path: self.entries[path].identity for path in paths if path in self.entries}
        blobs = [path for path, identity in known.items() if identity.startswith(BLOB)]
        return known | {path: digest_of(content) for path, content in self.read_many(blobs)}

    @property
    def digest(self) -> str:
        """What identifies the whole tree, for cache keys."""
        return self.fingerprint()

    def fingerprint(self, patterns: Sequence[str] | None = None) -> str:
        """What identifies the files that match ``patterns``: a section's cache key covers only what it reads."""
        chosen: Iterable[str] = self.entries if patterns is None else self.select(patterns)
        rows = (f"{path}\0{self.entries[path].mode:o}\0{self.entries[path].identity}\n" for path in chosen)
        return digest_of("".join(rows).encode(errors="surrogateescape"))

    def select(self, patterns: Sequence[str]) -> tuple[str, ...]:
        """The paths that match any of ``patterns``, sorted."""
        if all(pattern in self.entries for pattern in patterns):
            return tuple(sorted(set(patterns)))
        is_match = matcher_of(patterns)
        return tuple(path for path in self.entries if is_match(path))

    def _read_unchanged(self, path: str) -> bytes:
        entry = self.entries[path]
        try:
            content = read_entry(self.root / path, entry.mode)
        except OSError as error:
            raise TreeError(f"the base lost {path!r} since it was pinned ({error.strerror}); run again") from error
        if not holds(entry.identity, content):
            raise TreeError(f"{path!r} in {str(self.root)!r} changed while it was being worked on; run again")
        return content


def holds(identity: str, content: bytes) -> bool:
    """True when ``content`` is what ``identity`` stands for."""
    if not identity.startswith(BLOB):
        return digest_of(content) == identity
    wanted = identity.removeprefix(BLOB)
    algorithm = "sha1" if len(wanted) == 40 else "sha256"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest() == wanted


def names_by_git(root: Path) -> tuple[str, ...] | None:
    """The files that git tracks or would track below ``root``, without outputs of runs; None outside a work tree."""
    listed = _listed_by_git(root)
    return None if listed is None else tuple(sorted(listed))


def modes_of_tree(place: Path, revision: str | None) -> dict[str, int]:
    """The files that a base of this place has, without reading them: neither what git ignores, nor submodules.

    Raises:
        TreeError: no such place or revision.
    """
    if revision is not None:
        listing = run_git(place, "ls-tree", "-r", "-z", "--end-of-options", revision).split(b"\0")
        return {name: entry.mode for name, entry in _tree_rows(listing)}
    listed = _listed_by_git(place)
    stamps = _listed_plainly(place) if listed is None else listed
    return {name: stamps[name].mode for name in sorted(stamps)}


def _listed_by_git(root: Path) -> dict[str, Stamp] | None:
    """What git tracks or would track; None outside a work tree and in a folder that git ignores as a whole."""
    if toplevel_of(root) is None:
        if why := refusal_of(root):
            raise TreeError(why)  # else all that its .gitignore files name would be part of the base
        return None
    try:
        run_git(root, "check-ignore", "--quiet", ".")
        return None
    except TreeError:
        pass
    tracked = _names(run_git(root, "ls-files", "-z", "--cached"))
    new = _names(run_git(root, "ls-files", "-z", "--others", "--exclude-standard"))
    stamps: dict[str, Stamp] = {}
    for name in tracked | without_outputs(name for name in new if not is_litter(name)):
        place = root / name
        if place.is_symlink() or place.is_file():  # a deleted one is gone; a folder here is another repository
            stamps[name] = stamp_of(place.lstat())
    return stamps


def _listed_plainly(root: Path) -> dict[str, Stamp]:
    files = list_directory(root, skip=lambda path: is_litter(path) or is_output(path)).files
    return {name: files[name] for name in without_outputs(files)}


def _submodules_in(root: Path) -> tuple[str, ...]:
    rows = run_git(root, "ls-files", "-z", "--stage").split(b"\0")
    return _gitlinks(rows)


def _gitlinks(rows: Iterable[bytes]) -> tuple[str, ...]:
    """Submodules among rows of ``ls-tree`` or ``ls-files --stage``: other repositories, no part of the tree."""
    return tuple(sorted(os.fsdecode(row.split(b"\t", 1)[1]) for row in rows if row.startswith(b"160000 ")))


def _leaving(links: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(path for path in links if leads_out(path, links)))


def _named(paths: Sequence[str]) -> str:
    return ", ".join(map(repr, paths[:5])) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _names(listing: bytes) -> set[str]:
    return {os.fsdecode(name) for name in listing.split(b"\0") if name}


def _entry_of(place: Path, stamp: Stamp) -> Entry:
    return Entry(digest_of(read_entry(place, stamp.mode)), stamp.mode)


def _tree_rows(rows: Iterable[bytes]) -> Iterator[tuple[str, Entry]]:
    found = []
    for row in filter(None, rows):
        header, name = row.split(b"\t", 1)
        mode, kind, object_id = header.split()
        if kind == b"blob":  # a submodule is another repository: left where it is, not part of the tree
            found.append((os.fsdecode(name), Entry(BLOB + object_id.decode(), _canonical_mode(int(mode, 8)))))
    return iter(sorted(found))


def _canonical_mode(mode: int) -> int:
    """Old repositories hold modes such as 100664."""
    if mode == SYMLINK:
        return SYMLINK
    return EXECUTABLE if mode & 0o100 else REGULAR
