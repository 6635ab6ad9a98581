"""Which runs of this machine wait for a review: one small file each in the state directory, for `ptx review`."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ptx_prefect.workers.process_tree import started


@dataclass(frozen=True, slots=True)
class Waiting:
    """A flow run that is paused. ``api`` is the Prefect API where it can be answered; ``since_s`` is Unix time.

    ``pid`` and ``born`` tell the process that waits: a number may be given out again, with its birth it is one.
    """

    run_id: str
    name: str
    api: str
    about: str
    since_s: float
    pid: int = field(default_factory=os.getpid)
    born: str | None = field(default_factory=lambda: started(os.getpid()))

    @property
    def is_alive(self) -> bool:
        """Whether the process that waits is still there."""
        return self.born is not None and started(self.pid) == self.born


def note_waiting(state_dir: Path, row: Waiting) -> None:
    """Write down that a run waits."""
    folder = state_dir / "reviews"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{row.run_id}.json").write_text(json.dumps(asdict(row)), encoding="utf-8")


def forget_waiting(state_dir: Path, run_id: str) -> None:
    """The run waits no more."""
    (state_dir / "reviews" / f"{run_id}.json").unlink(missing_ok=True)


def all_waiting(state_dir: Path) -> tuple[Waiting, ...]:
    """Who waits, the longest first. Notes of runs that were killed while they waited are cleared away."""
    found = []
    for path in (state_dir / "reviews").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            row = Waiting(**json.loads(path.read_text(encoding="utf-8")))
            if row.is_alive:
                found.append(row)
            else:
                path.unlink(missing_ok=True)
    return tuple(sorted(found, key=lambda row: row.since_s))
