"""What was published where, so that it can be undone, and so that only our own output is ever replaced."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Literal

Kind = Literal["directory", "branch", "patches"]
Status = Literal["prepared", "published", "superseded", "rolled back", "abandoned"]


@dataclass(frozen=True, slots=True)
class Publication:
    """One publishing.

    ``where`` is an absolute path, for a branch the repository's; ``identity`` is the digest of the published tree or
    the commit id. ``previous`` is where the replaced directory is kept, or the branch's former commit; None: there was
    nothing before. ``replaced_run`` made what was replaced. ``at_s`` is Unix time.
    """

    run_id: str
    kind: Kind
    where: str
    branch: str | None
    identity: str
    at_s: float
    status: Status = "prepared"
    previous: str | None = None
    previous_kept: bool = True
    replaced_run: str | None = None

    @property
    def target(self) -> tuple[str, str | None]:
        """What can hold one publication at a time."""
        return (self.where, self.branch)


def records_in(state_dir: Path) -> tuple[Publication, ...]:
    """Every publication on record, oldest first."""
    found = []
    for path in sorted((state_dir / "published").glob("*.json")):
        try:
            found.append(Publication(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError):
            continue  # cut off or of another version: nothing of ours rests on it
    return tuple(sorted(found, key=lambda row: (row.at_s, row.run_id)))


def write_record(record: Publication, *, state_dir: Path) -> None:
    """Put ``record`` on disk so that a crash leaves the old or the new one."""
    folder = state_dir / "published"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = folder / f"{safe_name(record.run_id)}.json"
    beside = place.with_suffix(f".{os.getpid()}.new")
    with beside.open("w") as file:
        json.dump(asdict(record), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(place)


@contextmanager
def publishing_lock(target: tuple[str, str | None], *, state_dir: Path) -> Iterator[None]:
    """One publisher at a time for one target."""
    folder = state_dir / "published"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = hashlib.sha256(repr(target).encode(errors="surrogateescape")).hexdigest()[:24]
    with (folder / f"{name}.lock").open("wb") as lock:
        flock(lock, LOCK_EX)
        yield


def safe_name(run_id: str) -> str:
    """A file name for a run: readable, and different for different runs."""
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", run_id)[:60].lstrip(".")
    return f"{readable}-{hashlib.sha256(run_id.encode(errors='surrogateescape')).hexdigest()[:8]}"
