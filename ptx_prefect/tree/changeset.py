"""What a section changed, as data: it needs no disk and no repository, so it crosses machines."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ptx_prefect.errors import TreeError

REGULAR, EXECUTABLE, SYMLINK = 0o100644, 0o100755, 0o120000
"""File modes as git knows them; a symlink's content is its target."""


def digest_of(content: bytes) -> str:
    """The sha256 of ``content``, in hex."""
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path added, changed or deleted against the base.

    ``old_digest`` is None for an added file; ``content`` is None for a deleted one. ``path`` is relative, with ``/``.
    ``renamed_from`` names the base path when the file was moved (the old path has its own deletion).
    """

    path: str
    old_digest: str | None
    content: bytes | None
    mode: int = REGULAR
    renamed_from: str | None = None


@dataclass(frozen=True, slots=True)
class Changeset:
    """All changes of one section, sorted by path, each path once."""

    changes: tuple[FileChange, ...] = ()

    def __post_init__(self) -> None:
        paths = [change.path for change in self.changes]
        if paths != sorted(set(paths)):
            raise TreeError(f"a changeset's paths must be sorted and unique: {paths[:5]!r}…")

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that this changeset touches."""
        return tuple(change.path for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; contents in base64 so that any bytes survive."""
        return {
            "changes": [
                {
                    "path": change.path,
                    "old_digest": change.old_digest,
                    "content": None if change.content is None else base64.b64encode(change.content).decode("ascii"),
                    "mode": change.mode,
                    "renamed_from": change.renamed_from,
                }
                for change in self.changes
            ]
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Changeset:
        """The mirror of :meth:`to_json`."""
        return Changeset(
            tuple(
                FileChange(
                    path=row["path"],
                    old_digest=row["old_digest"],
                    content=None if row["content"] is None else base64.b64decode(row["content"]),
                    mode=row["mode"],
                    renamed_from=row.get("renamed_from"),
                )
                for row in data["changes"]
            )
        )


def compose(changesets: Sequence[Changeset]) -> Changeset:
    """One changeset with the effect of all, each built on those before it.

    Raises:
        TreeError: two of them changed the same file without knowing of each other (they are rivals: merge them).
    """
    total: dict[str, FileChange] = {}
    for changeset in changesets:
        for change in changeset.changes:
            before = total.get(change.path)
            total[change.path] = change if before is None else _on_top(before, change)
    return Changeset(tuple(total[path] for path in sorted(total) if not _is_nothing(total[path])))


def _on_top(before: FileChange, change: FileChange) -> FileChange:
    if before == change:
        return before
    known = None if before.content is None else digest_of(before.content)
    if change.old_digest != known:
        raise TreeError(f"two sections that do not build on each other changed {change.path!r}; merge them first")
    return replace(change, old_digest=before.old_digest, renamed_from=change.renamed_from or before.renamed_from)


def _is_nothing(change: FileChange) -> bool:
    return change.content is None and change.old_digest is None
