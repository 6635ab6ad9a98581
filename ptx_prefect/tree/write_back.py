"""Changes written into a directory that others use too: all of them or none, and nothing newer is overwritten."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.changeset import EXECUTABLE, SYMLINK, Changeset, FileChange, digest_of
from ptx_prefect.tree.paths import check_path
from ptx_prefect.tree.scan import read_entry, stamp_of


def write_back(changes: Changeset, directory: Path, *, copied_at_s: float) -> str:
    """Make ``directory`` hold what was changed in a copy of it. Returns why not, or an empty text.

    Args:
        copied_at_s: when the copy was made (seconds since 1970). A file that was not copied and is older is replaced,
            as it would have been by the same work done in place.
    """
    places = [(change, directory / check_path(change.path)) for change in changes.changes]
    newer = [change.path for change, place in places if not _may_write(change, place, copied_at_s)]
    if newer:
        named = ", ".join(repr(path) for path in newer[:5])
        return f"changed meanwhile in {str(directory)!r}, so nothing was written there: {named}; order the sections"
    for change in changes.changes:
        try:
            _apply(change, directory / change.path)
        except OSError as error:
            return f"cannot write {change.path!r} in {str(directory)!r}: {error.strerror}"
    return ""


def _may_write(change: FileChange, place: Path, copied_at_s: float) -> bool:
    """True where the file is as the section found it or as it leaves it, or was there unseen all the time."""
    try:
        status = place.lstat()
        now = digest_of(read_entry(place, stamp_of(status).mode))
        if change.old_digest is None and status.st_mtime < copied_at_s:
            return True
    except FileNotFoundError:
        now = None
    except (OSError, TreeError):  # there, and nobody can say what it is
        return False
    wanted = None if change.content is None else digest_of(change.content)
    return now in (change.old_digest, wanted)


def _apply(change: FileChange, place: Path) -> None:
    if change.content is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if change.mode == SYMLINK:
        place.unlink(missing_ok=True)
        place.symlink_to(os.fsdecode(change.content))
        return
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}", delete=False) as stream:
        stream.write(change.content)
    Path(stream.name).chmod(0o755 if change.mode == EXECUTABLE else 0o644)
    Path(stream.name).replace(place)
