"""Finished results on disk, by content key: what a crash, a second run or a new server need not pay for again.

One directory a result: ``result.json`` (written last, in one step) beside the files that the worker left. Private
(0700), JSON only. A file that is truncated or was tampered with does not match its digest and counts as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ptx_prefect.engine.keys import canonical_json
from ptx_prefect.errors import RunError
from ptx_prefect.run.outcomes import Done, Usage, outcome_from_json, outcome_to_json
from ptx_prefect.tree.changeset import Changeset

SYNCED_FROM_S = 1.0
"""A result that took this long is forced to the disk. A killed process loses nothing either way; when the power fails,
a smaller one may be cut short, is found out by its digest and made again for less than forcing all of them costs."""


HELD_BYTES = 1 << 16
"""Results up to this size stay in memory while a run goes on; of larger ones the content is read when it is wanted."""


class KeptDone(Done):
    """A finished section whose content lies in the store: thousands of large results must not fill the memory."""

    __slots__ = ("_load",)

    def __init__(self, load: Callable[[], Done], *, usage: Usage, log: str | None) -> None:
        for name, value in (("_load", load), ("usage", usage), ("log", log)):
            object.__setattr__(self, name, value)

    @property
    def value(self) -> object:
        """As in :class:`Done`; raises RunError where the store was tampered with meanwhile."""
        return self._load().value  # type: ignore[attr-defined]  # set above, past the frozen class

    @property
    def changeset(self) -> Changeset | None:
        """As in :class:`Done`; raises RunError where the store was tampered with meanwhile."""
        return self._load().changeset  # type: ignore[attr-defined,no-any-return]  # as above


@dataclass(frozen=True, slots=True)
class Stored:
    """A result as found. ``directory`` holds the worker's files (its log, reports)."""

    key: str
    outcome: Done
    directory: Path
    section: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept under one key: ``size`` in bytes, ``used_at`` in seconds since 1970; unfinished: no ``section``."""

    key: str
    section: str
    size: int
    used_at: float


IN_USE_S = 3600.0
"""Seconds. Longer than a section may run, unless `timeouts.max_task` is set to hours."""


class Store:
    """Results below one state directory; every method is safe while other runs use the same one."""

    def __init__(self, state_dir: Path) -> None:
        self._root = state_dir / "results"

    def directory(self, key: str) -> Path:
        """Where the worker of this key writes its files; created private."""
        path = self._root / key[:2] / key
        try:
            try:
                os.mkdir(path, 0o700)  # noqa: PTH102 - one call where it is there, and it nearly always is
            except FileExistsError:
                return path
            except FileNotFoundError:
                path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise RunError(
                f"cannot write results to {str(path)!r} ({error.strerror}); free space or set PTX_STATE_DIR"
            ) from error
        return path

    def put(self, key: str, outcome: Done, *, section: str, parts: Mapping[str, str] | None = None) -> None:
        """Keep a finished result: complete or not at all. ``parts`` is what went into its key (see ``ptx why``).

        Raises:
            RunError: the disk is full or not writable.
        """
        directory = self.directory(key)
        body = {
            "section": section,
            "outcome": outcome_to_json(outcome),
            "files": _digests(directory),
            "parts": dict(parts or {}),
            "made_at": round(time.time(), 3),
        }
        written = canonical_json(body)  # Once: it is what the digest is of, too.
        text = f'{{"body":{written},"digest":"{hashlib.sha256(written.encode()).hexdigest()}"}}'
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

    def lightened(self, key: str, outcome: Done) -> Done:
        """The same outcome, without its content where that is large and lies in the store."""
        with contextlib.suppress(OSError):
            if (self._root / key[:2] / key / "result.json").stat().st_size > HELD_BYTES:
                return KeptDone(partial(self._content, key), usage=outcome.usage, log=outcome.log)
        return outcome

    def _content(self, key: str) -> Done:
        found = self.get(key)
        if found is None:
            raise RunError(f"a finished result ({key[:12]}) is gone from the store; run the same task again")
        return found.outcome

    def get(self, key: str) -> Stored | None:
        """The result of ``key``, or None where there is none that can be trusted."""
        directory = self._root / key[:2] / key
        if not os.path.exists(path := f"{directory}/result.json"):  # noqa: PTH110 - before most sections, and mostly not there
            return None
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            body = data["body"]
            if data["digest"] != _digest(body) or body["files"] != _digests(directory):
                return None
            outcome = outcome_from_json(body["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # Used just now: see prune.
        return Stored(key, outcome, directory, body["section"]) if isinstance(outcome, Done) else None

    def forget(self, key: str) -> None:
        """Remove the result of ``key``."""
        shutil.rmtree(self._root / key[:2] / key, ignore_errors=True)

    def last_parts(self, section: str) -> dict[str, str] | None:
        """What went into the key of the result of ``section`` that was made last; None where none is kept."""
        bodies = [_body(path) for path in self._root.glob("??/*/result.json")]
        made = [body for body in bodies if body.get("section") == section and body.get("parts")]
        return dict(max(made, key=lambda body: float(body["made_at"]))["parts"]) if made else None

    def entries(self) -> tuple[Entry, ...]:
        """Everything kept, what was used last first."""
        found = [_entry(path) for path in self._root.glob("??/*") if path.is_dir()]
        return tuple(sorted(found, key=lambda entry: -entry.used_at))

    def prune(self, now_s: float, *, older_than_s: float | None, keep_mb: float | None) -> tuple[Entry, ...]:
        """Remove what was not used for so long, and what was used longest ago until ``keep_mb`` are left.

        What was used within :data:`IN_USE_S` stays, whatever is asked: a run may be at it.
        """
        gone, kept = [], 0
        for entry in self.entries():
            kept += entry.size
            is_old = older_than_s is not None and now_s - entry.used_at > older_than_s
            is_much = keep_mb is not None and kept > keep_mb * 1e6
            if (is_old or is_much) and now_s - entry.used_at > IN_USE_S:
                self.forget(entry.key)
                kept -= entry.size
                gone.append(entry)
        return tuple(gone)

    def keys(self) -> list[str]:
        """The keys of everything kept, finished or not."""
        return sorted(path.name for path in self._root.glob("??/*") if path.is_dir())


def _body(path: Path) -> dict[str, Any]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return body if isinstance(body, dict) else {}


def _entry(directory: Path) -> Entry:
    size, used_at = 0, 0.0
    for path in [directory, *directory.rglob("*")]:
        with contextlib.suppress(OSError):
            state = path.lstat()
            used_at = max(used_at, state.st_mtime)
            size += state.st_size if path.is_file() else 0
    return Entry(directory.name, str(_body(directory / "result.json").get("section", "")), size, used_at)


def _digest(body: Any) -> str:
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


def _digests(directory: Path) -> dict[str, str]:
    """The files that the worker left, by content."""
    found: dict[str, str] = {}
    _digest_below(str(directory), "", found)
    return found


def _digest_below(folder: str, prefix: str, found: dict[str, str]) -> None:
    with os.scandir(folder) as rows:
        for row in rows:
            if row.is_dir(follow_symlinks=False):
                _digest_below(row.path, f"{prefix}{row.name}/", found)
            elif (
                row.is_file(follow_symlinks=False) and row.name != "result.json" and not row.name.startswith(".result")
            ):
                found[prefix + row.name] = hashlib.sha256(Path(row.path).read_bytes()).hexdigest()
