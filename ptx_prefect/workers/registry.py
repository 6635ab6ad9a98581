"""The children of running sections, on disk: what a killed run left behind is found and ended by the next one.

One file a child, written before the child starts and removed when nothing of it is left. A child belongs to the
process that ran its section (its owner); as long as the owner lives, nobody else touches the child.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ptx_prefect.workers import process_tree

STRANGER_DAYS = 7.0
"""Entries of another host or namespace (a shared state directory) are forgotten after this many days."""


@dataclass(frozen=True, slots=True)
class Child:
    """One section's process tree. A ``started`` of None means: not known, do not trust the number."""

    marker: str
    section: str
    place: str
    owner: int
    owner_started: str | None
    supervisor: int
    supervisor_started: str | None
    child: int | None = None
    child_started: str | None = None


@dataclass(frozen=True, slots=True)
class Reaped:
    """A section whose processes outlived their run, and were ended now."""

    section: str
    pids: tuple[int, ...]


def children_dir(state_dir: Path) -> Path:
    """Where the registry lies; created private."""
    path = state_dir / "children"
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_child(directory: Path, child: Child) -> None:
    """Enter a child, or enter it again with what is known by now; a reader never sees half an entry."""
    with tempfile.NamedTemporaryFile("w", dir=directory, prefix=".", delete=False, encoding="utf-8") as stream:
        try:
            json.dump(asdict(child), stream)
            stream.flush()
            Path(stream.name).replace(directory / f"{child.marker}.json")
        except OSError:
            Path(stream.name).unlink(missing_ok=True)
            raise


def forget_child(directory: Path, marker: str) -> None:
    """Take a child off the registry, with its beat file."""
    for name in (f"{marker}.json", f"{marker}.beat"):
        (directory / name).unlink(missing_ok=True)


def reap_orphans(state_dir: Path, *, grace_s: float = 0.0) -> tuple[Reaped, ...]:
    """End what runs that no longer live left behind; safe while other runs use the same directory.

    Args:
        grace_s: time between SIGTERM and SIGKILL (seconds); 0: SIGKILL at once.
    """
    directory = children_dir(state_dir)
    orphans = [child for child in _entries(directory) if _is_orphan(child, directory)]
    found = process_tree.bearers([child.marker for child in orphans])
    reaped: list[Reaped] = []
    for child in orphans:
        pids = end_child(child, bearers=tuple(found.get(child.marker, ())), grace_s=grace_s)
        if pids:
            reaped.append(Reaped(child.section, pids))
        forget_child(directory, child.marker)
    return tuple(reaped)


def end_child(child: Child, *, bearers: tuple[int, ...], grace_s: float) -> tuple[int, ...]:
    """Kill what is left of one child; returns the numbers of the processes that were still there.

    The tree is walked from the recorded processes (where they are still the same ones) and from every bearer of the
    marker. Asked again until nothing is left, because a process may start others while it is being ended.
    """
    ended: set[int] = set()
    limit = time.monotonic() + grace_s + 5.0
    gentle_until = time.monotonic() + grace_s
    alive = _alive(child, bearers)
    while alive and time.monotonic() < limit:
        ended.update(alive)
        number = signal.SIGTERM if time.monotonic() < gentle_until else signal.SIGKILL
        process_tree.send(alive, number)
        time.sleep(0.02)
        fresh = process_tree.bearers([child.marker]).get(child.marker, [])
        alive = _alive(child, (*bearers, *fresh))
    return tuple(sorted(ended))


def _alive(child: Child, bearers: tuple[int, ...]) -> list[int]:
    roots = [
        pid
        for pid, birth in ((child.supervisor, child.supervisor_started), (child.child, child.child_started))
        if pid and birth and process_tree.started(pid) == birth
    ]
    roots += [pid for pid in bearers if process_tree.started(pid) is not None]
    if child.child and process_tree.started(child.child) in (None, child.child_started):
        # The number of a session is not given out again while one of its processes lives.
        roots += process_tree.session_of(child.child)
    below = [pid for root in roots for pid in process_tree.descendants(root)]
    return [pid for pid in dict.fromkeys([*roots, *below]) if process_tree.started(pid) is not None and pid > 1]


def _entries(directory: Path) -> list[Child]:
    found = []
    for path in sorted(directory.glob("*.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            found.append(_child_from(data))
        except (OSError, ValueError, TypeError, KeyError):
            # Cut short by a full disk, or not ours: no process can be found by it.
            with contextlib.suppress(OSError):
                path.unlink()
    return found


def _child_from(data: Mapping[str, object]) -> Child:
    child = Child(**data)  # type: ignore[arg-type]  # from disk: the check follows
    if not (isinstance(child.marker, str) and len(child.marker) == 32 and child.marker.isalnum()):
        raise ValueError("not a marker")
    if not (isinstance(child.owner, int) and isinstance(child.supervisor, int)):
        raise ValueError("not process numbers")
    return child


def _is_orphan(child: Child, directory: Path) -> bool:
    if child.place != process_tree.place():
        if not child.place.startswith(process_tree.host() + "/"):
            with contextlib.suppress(OSError):
                age_s = time.time() - (directory / f"{child.marker}.json").stat().st_mtime
                if age_s > STRANGER_DAYS * 86400:
                    forget_child(directory, child.marker)
            return False
        forget_child(directory, child.marker)  # This host, before its last boot: nothing survived that.
        return False
    if child.owner == os.getpid():
        return False
    return child.owner_started is None or process_tree.started(child.owner) != child.owner_started
