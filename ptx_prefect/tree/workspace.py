"""A private place for one section: the base plus its prerequisites; what differs afterwards is its work."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import SYMLINK, Changeset, FileChange, compose, digest_of
from ptx_prefect.tree.git import run_git
from ptx_prefect.tree.globs import matcher_of, parents_of
from ptx_prefect.tree.paths import check_path, leaves_tree
from ptx_prefect.tree.private_git import give_repository
from ptx_prefect.tree.renames import with_renames
from ptx_prefect.tree.scan import is_litter, list_directory, read_entry
from ptx_prefect.tree.slots import Written, bring_to, free_slot, is_same, wanted_tree


@dataclass(frozen=True, slots=True)
class Refused:
    """A section's work that is not taken: edits outside what it declared, or links that lead out of the tree."""

    outside: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    is_gone: bool = False
    apart: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """What was refused, by name, and what to do."""
        told = ["removed its whole workspace; delete files in it instead"] if self.is_gone else []
        if self.outside:
            told.append(f"changed outside its declared writes: {_named(self.outside)}; widen `writes` or change less")
        if self.leaving:
            told.append(f"made links that lead out of the tree: {_named(self.leaving)}; link inside the tree")
        if self.apart:
            told.append(
                f"wrote to {_named(self.apart)}, where the tree has a submodule or a link that leads out of it;"
                " change such things where they belong"
            )
        return "; ".join(told)


@dataclass(frozen=True, slots=True)
class Workspace:
    """One section's place; ``path`` is where it works, relative to nothing and shared with nobody."""

    path: Path
    name: str
    base: Base
    start: Mapping[str, FileChange]
    written: Mapping[str, Written]
    repository: Path | None
    tracked_litter: frozenset[str] = frozenset()

    def collect(self, writes: Sequence[str] | None = None) -> Changeset | Refused:
        """What differs from the start: the section's change, whatever its worker says.

        Litter is left out: what ``.gitignore`` files name (where the base comes from git) and what tools leave behind,
        unless it was part of the tree before. ``writes`` are the declared paths and globs, None: anything.
        """
        if self.path.is_symlink() or not self.path.is_dir():
            return Refused(is_gone=True)
        changes = self._differences()
        leaving = tuple(path for path, change in changes.items() if self._leads_out(change))
        outside: tuple[str, ...] = ()
        if writes is not None:
            is_declared = matcher_of(writes)
            outside = tuple(path for path in changes if not is_declared(path))
        reserved = {*self.base.submodules, *self.base.leaving}
        apart = tuple(path for path in changes if reserved.intersection((path, *parents_of(path))))
        if leaving or outside or apart:
            return Refused(outside, leaving, apart=apart)
        moved = with_renames(changes, read_old=self._read_start)
        return Changeset(tuple(moved[path] for path in sorted(moved)))

    def _differences(self) -> dict[str, FileChange]:
        stamps = list_directory(self.path, skip=self._is_skipped, closed="open").files
        touched = {p for p, stamp in stamps.items() if not is_same(self.written.get(p), stamp, self.path / p)}
        gone = self.written.keys() - stamps.keys()
        olds = self._old_digests(touched | gone)
        touched -= self._ignored(sorted(path for path in touched if path not in olds))
        changes = {path: FileChange(path, olds[path], None, self.written[path].mode) for path in gone}
        for path in touched:
            mode = stamps[path].mode
            content = read_entry(self.path / path, mode, closed="open")
            old = olds.get(path)
            if old != digest_of(content) or mode != self._old_mode(path):
                changes[path] = FileChange(check_path(path), old, content, mode)
        return dict(sorted(changes.items()))

    def _is_skipped(self, path: str) -> bool:
        return is_litter(path) and path not in self.tracked_litter

    def _old_digests(self, paths: Collection[str]) -> dict[str, str]:
        """The sha256 of those of ``paths`` that stood in the tree when the section began."""
        olds = self.base.digests_at(path for path in paths if path not in self.start)
        for path in paths:
            change = self.start.get(path)
            if change is not None and change.content is not None:
                olds[path] = digest_of(change.content)
        return olds

    def _old_mode(self, path: str) -> int | None:
        if path in self.start:
            return self.start[path].mode
        return self.base.entries[path].mode if path in self.base.entries else None

    def _read_start(self, path: str) -> bytes:
        content = self.start[path].content if path in self.start else self.base.read(path)
        return content or b""

    def _leads_out(self, change: FileChange) -> bool:
        if change.mode != SYMLINK or change.content is None:
            return False
        # By its text, and by where it really goes: a link through another link may climb higher than it looks.
        inside = os.path.realpath(self.path)
        real = os.path.realpath(self.path / change.path)
        return leaves_tree(change.path, os.fsdecode(change.content)) or os.path.commonpath([real, inside]) != inside

    def _ignored(self, paths: Sequence[str]) -> set[str]:
        """Those of the new ``paths`` that the tree's own ``.gitignore`` files name."""
        if self.repository is None or not paths:
            return set()
        where = {"GIT_DIR": str(self.repository), "GIT_WORK_TREE": str(self.path)}
        listing = b"".join(os.fsencode(path) + b"\0" for path in paths)
        ask = ("check-ignore", "-z", "--stdin", "--no-index")
        named = run_git(self.path, *ask, stdin=listing, env=where, accept=(0, 1))
        return {os.fsdecode(path) for path in named.split(b"\0") if path}


@contextmanager
def open_workspace(
    base: Base, changesets: Sequence[Changeset], *, root: Path, name: str, only: Sequence[str] | None = None
) -> Iterator[Workspace]:
    """A workspace for the section ``name``, gone from its hands when the block ends.

    Safe to call at once from any number of threads and processes with one ``root``, which is a directory of this run
    and is reused from section to section: opening costs what differs from the section before.

    Args:
        changesets: what the prerequisites changed, in plan order, each built on those before it. Prerequisites that
            are rivals (both changed one file) are merged first, by ``ptx_prefect.merge.merge_changesets``.
        only: paths and globs; the workspace holds nothing else (a section that declares what it reads cannot then
            read more unnoticed).

    Raises:
        TreeError: the base changed meanwhile, a path leaves the tree, or the disk is full.
    """
    start = {change.path: change for change in compose(changesets).changes}
    wanted = wanted_tree(base, Changeset(tuple(start.values())))
    wanted = {path: want for path, want in wanted.items() if path in start or path not in base.leaving}
    if only is not None:
        is_chosen = matcher_of(only)
        wanted = {path: want for path, want in wanted.items() if is_chosen(path)}
    with free_slot(root) as slot:
        place = slot / "tree"
        (slot / "section").write_text(name)
        try:
            written = bring_to(place, base, wanted, record=slot / "record.json")
            repository = give_repository(place, base, root=root) if base.is_git else None
        except OSError as error:
            raise TreeError(f"cannot make a workspace for {name!r} in {str(root)!r}: {error.strerror}") from error
        litter = frozenset(part for path in wanted if is_litter(path) for part in (path, *parents_of(path)))
        yield Workspace(place, name, base, start, written, repository, litter)


def _named(paths: Sequence[str]) -> str:
    shown = ", ".join(repr(path) for path in paths[:5])
    return shown if len(paths) <= 5 else f"{shown} and {len(paths) - 5} more"
