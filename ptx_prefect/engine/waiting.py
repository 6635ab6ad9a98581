"""Which runs of this machine wait for a review: one small file each in the state directory, for `ptx review`."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Waiting:
    """A flow run that is paused. ``api`` is the Prefect API where it can be answered; ``since_s`` is Unix time."""

    run_id: str
    name: str
    api: str
    about: str
    since_s: float


def note_waiting(state_dir: Path, row: Waiting) -> None:
    """Write down that a run waits."""
    folder = state_dir / "reviews"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{row.run_id}.json").write_text(json.dumps(asdict(row)), encoding="utf-8")


def forget_waiting(state_dir: Path, run_id: str) -> None:
    """The run waits no more."""
    (state_dir / "reviews" / f"{run_id}.json").unlink(missing_ok=True)


def all_waiting(state_dir: Path) -> tuple[Waiting, ...]:
    """Who waits, the longest first. A run that was killed while it waited is still listed."""
    found = []
    for path in (state_dir / "reviews").glob("*.json"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Waiting(**json.loads(path.read_text(encoding="utf-8"))))
    return tuple(sorted(found, key=lambda row: row.since_s))
