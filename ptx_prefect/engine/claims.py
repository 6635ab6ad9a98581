"""Who is at what right now, among all runs that share a state directory: equal work is done once, not twice at once.

A claim is a symbolic link whose target names its owner: made in one step, so never half written. It is void when that
process is gone, however it ended; a run on another host is not seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from pathlib import Path

from ptx_prefect.workers import process_tree

_here: set[str] = set()
"""Claims of all runs in this process: its number alone does not tell them apart from a run that crashed in it."""
_lock = threading.Lock()


class Claims:
    """One run's claims."""

    def __init__(self, state_dir: Path) -> None:
        self._root = f"{state_dir}/claims"
        self._mine: set[str] = set()
        me = os.getpid()
        self._name = json.dumps({"place": process_tree.place(), "owner": me, "started": process_tree.started(me)})

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

    def _written(self, path: str) -> bool:
        try:
            self._write(path)
        except FileNotFoundError:
            Path(self._root).mkdir(parents=True, exist_ok=True, mode=0o700)
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
            self._write(str(path))
        return True

    def _write(self, path: str) -> None:
        os.symlink(self._name, path)  # noqa: PTH211 - once a section, and text is at hand


def _is_held(path: Path) -> bool:
    """Whether the process that wrote the claim is still at it; our own leftovers do not count."""
    try:
        owner = json.loads(path.readlink().as_posix())
        if owner["place"] != process_tree.place() or owner["owner"] == os.getpid():
            return False
        return bool(process_tree.started(int(owner["owner"])) == owner["started"])
    except (OSError, ValueError, KeyError, TypeError):  # Gone, or not one of ours: it holds nothing.
        return False
