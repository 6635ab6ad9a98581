"""Who is at what right now, among all runs that share a state directory: equal work is done once, not twice at once.

A claim is a hard link to one file of its run, which names the process: made in one step, so never half written, and for
a tenth of what a file of its own costs. It is void when that process is gone, however it ended; a run on another host
is not seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import threading
from pathlib import Path

from ptx_prefect.workers import process_tree

_here: set[str] = set()
"""Claims of all runs in this process: its number alone does not tell them apart from a run that crashed in it."""
_lock = threading.Lock()
_count = itertools.count()


class Claims:
    """One run's claims."""

    def __init__(self, state_dir: Path) -> None:
        self._root = f"{state_dir}/claims"
        self._mine: set[str] = set()
        me = os.getpid()
        self._owner = f"{self._root}/.owner-{me}-{next(_count)}"
        self._text = json.dumps({"place": process_tree.place(), "owner": me, "started": process_tree.started(me)})

    def __enter__(self) -> Claims:
        return self

    def __exit__(self, *_: object) -> None:
        self.release_all()

    def take(self, key: str) -> bool:
        """Whether ``key`` is ours from now on. A disk that takes no claims costs the exclusion, not the work."""
        path = f"{self._root}/{key}"
        if path in self._mine:
            return True
        with _lock, contextlib.suppress(OSError):
            if path in _here or not self._written(path):
                return False
            _here.add(path)
            self._mine.add(path)
        return True

    def release(self, key: str) -> None:
        """Others may have ``key``."""
        path = f"{self._root}/{key}"
        with _lock:
            if path in self._mine:
                self._mine.discard(path)
                _here.discard(path)
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 - once a section, and text is at hand

    def release_all(self) -> None:
        """As :meth:`release`, for everything that is ours."""
        for path in list(self._mine):
            self.release(path.rpartition("/")[2])
        with contextlib.suppress(OSError):
            os.unlink(self._owner)  # noqa: PTH108 - as above

    def _written(self, path: str) -> bool:
        try:
            os.link(self._owner, path)
        except FileNotFoundError:
            self._introduce()
            return self._written(path)
        except FileExistsError:
            return self._taken_over(Path(path))
        return True

    def _taken_over(self, path: Path) -> bool:
        """Whether a claim that is there turned out void, and is ours now."""
        if _is_held(path):
            return False
        with path.with_name(".lock").open("w") as gate:  # Two runs may find the same void claim.
            fcntl.flock(gate, fcntl.LOCK_EX)
            if _is_held(path):
                return False
            path.unlink(missing_ok=True)
            os.link(self._owner, path)
        return True

    def _introduce(self) -> None:
        """The file that claims link to; those of runs that were killed are cleared away."""
        root, owner = Path(self._root), Path(self._owner)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for other in root.glob(".owner-*"):
            if other.name.split("-")[1] != str(os.getpid()) and not _is_held(other):
                other.unlink(missing_ok=True)
        owner.unlink(missing_ok=True)  # Of a process that had our number: what links to it must not become ours.
        owner.touch(mode=0o600, exist_ok=False)
        owner.write_text(self._text, encoding="utf-8")


def _is_held(path: Path) -> bool:
    """Whether the process that wrote the claim is still at it; our own leftovers do not count."""
    try:
        owner = json.loads(path.read_text(encoding="utf-8"))
        if owner["place"] != process_tree.place() or owner["owner"] == os.getpid():
            return False
        return bool(process_tree.started(int(owner["owner"])) == owner["started"])
    except (OSError, ValueError, KeyError, TypeError):  # Gone, or not one of ours: it holds nothing.
        return False
