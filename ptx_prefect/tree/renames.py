"""Which added file is a deleted one that moved."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from ptx_prefect.tree.changeset import FileChange, digest_of

ALIKE = 0.6
MAX_PAIRS = 10_000


def with_renames(changes: Mapping[str, FileChange], *, read_old: Callable[[str], bytes]) -> dict[str, FileChange]:
    """``changes`` with ``renamed_from`` set: first by equal content, then by at least 60 % common lines.

    A deleted file is the origin of one added file at most; equal names win over unequal ones.
    """
    deleted = {path: change for path, change in changes.items() if change.content is None}
    added = {path: change for path, change in changes.items() if change.old_digest is None}
    origins = _equal_contents(added, deleted)
    added = {path: change for path, change in added.items() if path not in origins}
    deleted = {path: change for path, change in deleted.items() if path not in origins.values()}
    if added and deleted and len(added) * len(deleted) <= MAX_PAIRS:
        origins |= _alike_contents(added, {path: read_old(path) for path in sorted(deleted)})
    return {path: replace(c, renamed_from=origins[path]) if path in origins else c for path, c in changes.items()}


def _equal_contents(added: Mapping[str, FileChange], deleted: Mapping[str, FileChange]) -> dict[str, str]:
    by_digest: dict[str, list[str]] = {}
    for path, change in sorted(deleted.items()):
        if change.old_digest is not None:
            by_digest.setdefault(change.old_digest, []).append(path)
    origins: dict[str, str] = {}
    for path, change in sorted(added.items()):
        rivals = by_digest.get(digest_of(change.content), []) if change.content else []
        if rivals:
            best = min(rivals, key=lambda old: (posixpath.basename(old) != posixpath.basename(path), old))
            rivals.remove(best)
            origins[path] = best
    return origins


def _alike_contents(added: Mapping[str, FileChange], deleted: Mapping[str, bytes]) -> dict[str, str]:
    new_lines = {path: _lines(change.content or b"") for path, change in added.items()}
    old_lines = {path: _lines(content) for path, content in deleted.items()}
    rated = [
        (-_likeness(old_lines[old], new_lines[new]), posixpath.basename(old) != posixpath.basename(new), old, new)
        for old in old_lines
        for new in new_lines
        if posixpath.splitext(old)[1] == posixpath.splitext(new)[1]
    ]
    origins: dict[str, str] = {}
    for rating, _, old, new in sorted(rated):
        if -rating >= ALIKE and new not in origins and old not in origins.values():
            origins[new] = old
    return origins


def _lines(content: bytes) -> Counter[bytes]:
    return Counter(line.strip() for line in content.splitlines() if line.strip())


def _likeness(old: Counter[bytes], new: Counter[bytes]) -> float:
    """The share of lines in common (0 to 1) of the larger file."""
    larger = max(old.total(), new.total())
    return (old & new).total() / larger if larger else 0.0
