"""Finished results on disk, by content key: what a crash, a second run or a new server need not pay for again.

One directory a result: ``result.json`` (written last, in one step) beside the files that the worker left. Private
(0700), JSON only. A file that is truncated or was tampered with does not match its digest and counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptx_prefect.engine.keys import canonical_json
from ptx_prefect.errors import RunError
from ptx_prefect.run.outcomes import Done, outcome_from_json, outcome_to_json

SYNCED_FROM_S = 1.0
"""A result that took this long is forced to the disk. A killed process loses nothing either way; when the power fails,
a smaller one may be cut short, is found out by its digest and made again for less than forcing all of them costs."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A result as found. ``directory`` holds the worker's files (its log, reports)."""

    key: str
    outcome: Done
    directory: Path
    section: str


class Store:
    """Results below one state directory; every method is safe while other runs use the same one."""

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir / "results"

    def directory(self, key: str) -> Path:
        """Where the worker of this key writes its files; created private."""
        path = self._root / key[:2] / key
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise RunError(
                f"cannot write results to {str(path)!r} ({error.strerror}); free space or set PTX_STATE_DIR"
            ) from error
        return path

    def put(self, key: str, outcome: Done, *, section: str) -> None:
        """Keep a finished result: complete or not at all.

        Raises:
            RunError: the disk is full or not writable.
        """
        directory = self.directory(key)
        body = {
            "section": section,
            "outcome": outcome_to_json(outcome),
            "files": _digests(directory),
            "made_at": round(time.time(), 3),
        }
        text = canonical_json({"digest": _digest(body), "body": body})
        try:
            with tempfile.NamedTemporaryFile(
                "w", dir=directory, prefix=".result", delete=False, encoding="utf-8"
            ) as stream:
                stream.write(text)
                stream.flush()
                if outcome.usage.wall_s >= SYNCED_FROM_S:
                    os.fsync(stream.fileno())
            Path(stream.name).replace(directory / "result.json")
        except OSError as error:
            raise RunError(
                f"the result of {section!r} cannot be kept in {str(directory)!r} ({error.strerror});"
                " free space or set PTX_STATE_DIR"
            ) from error

    def get(self, key: str) -> Stored | None:
        """The result of ``key``, or None where there is none that can be trusted."""
        directory = self._root / key[:2] / key
        try:
            data = json.loads((directory / "result.json").read_text(encoding="utf-8"))
            body = data["body"]
            if data["digest"] != _digest(body) or body["files"] != _digests(directory):
                return None
            outcome = outcome_from_json(body["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Stored(key, outcome, directory, body["section"]) if isinstance(outcome, Done) else None

    def forget(self, key: str) -> None:
        """Remove the result of ``key``."""
        shutil.rmtree(self._root / key[:2] / key, ignore_errors=True)

    def keys(self) -> list[str]:
        """The keys of everything kept, finished or not."""
        return sorted(path.name for path in self._root.glob("??/*") if path.is_dir())


def _digest(body: Any) -> str:
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


def _digests(directory: Path) -> dict[str, str]:
    """The files that the worker left, by content."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if (
            path.is_file()
            and not path.is_symlink()
            and not path.name.startswith(".result")
            and path.name != "result.json"
        ):
            found[path.relative_to(directory).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found
