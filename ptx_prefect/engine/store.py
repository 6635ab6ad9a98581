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
import threading
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
        self._prefix = f"{self._root}/"

    def open(self) -> Store:
        """The store, its own directory made and private, whoever makes those in it.

        Raises:
            RunError: it cannot be made.
        """
        try:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _unwritable(str(self._root), error) from error
        return self

    def place(self, key: str) -> str:
        """Where the files of this key lie, if there are any. Text: there are thousands of them."""
        return f"{self._prefix}{key[:2]}/{key}"

    def directory(self, key: str) -> Path:
        """Where the worker of this key writes its files; created private."""
        place = self.place(key)
        self._make(place)
        return Path(place)

    def _make(self, place: str) -> bool:
        """Whether the directory had to be made."""
        try:
            os.mkdir(place, 0o700)  # noqa: PTH102 - one call where what is above it is there, and it nearly always is
        except FileExistsError:
            return False
        except FileNotFoundError:
            try:
                Path(place).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise _unwritable(place, error) from error
            return self._make(place)
        except OSError as error:
            raise _unwritable(place, error) from error
        return True

    def put(self, key: str, outcome: Done, *, section: str, parts: Mapping[str, str] | None = None) -> None:
        """Keep a finished result: complete or not at all. ``parts`` is what went into its key (see ``ptx why``).

        Raises:
            RunError: the disk is full or not writable.
        """
        place = self.place(key)
        body = {
            "section": section,
            "outcome": outcome_to_json(outcome),
            "files": {} if self._make(place) else _digests(place),
            "parts": dict(parts or {}),
            "made_at": round(time.time(), 3),
        }
        written = canonical_json(body)  # Once: it is what the digest is of, too.
        text = f'{{"body":{written},"digest":"{hashlib.sha256(written.encode()).hexdigest()}"}}'
        try:
            _write(f"{place}/result.json", text.encode(), is_forced=outcome.usage.wall_s >= SYNCED_FROM_S)
        except OSError as error:
            raise RunError(
                f"the result of {section!r} cannot be kept in {place!r} ({error.strerror});"
                " free space or set PTX_STATE_DIR"
            ) from error

    def lightened(self, key: str, outcome: Done) -> Done:
        """The same outcome, without its content where that is large and lies in the store."""
        if outcome.changeset is None and isinstance(outcome.value, int | float | None):
            return outcome
        with contextlib.suppress(OSError):
            if os.stat(f"{self.place(key)}/result.json").st_size > HELD_BYTES:  # noqa: PTH116 - once a section
                return KeptDone(partial(self._content, key), usage=outcome.usage, log=outcome.log)
        return outcome

    def _content(self, key: str) -> Done:
        found = self.get(key)
        if found is None:
            raise RunError(f"a finished result ({key[:12]}) is gone from the store; run the same task again")
        return found.outcome

    def get(self, key: str) -> Stored | None:
        """The result of ``key``, or None where there is none that can be trusted."""
        directory = self.place(key)
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
        return Stored(key, outcome, Path(directory), body["section"]) if isinstance(outcome, Done) else None

    def forget(self, key: str) -> None:
        """Remove the result of ``key``."""
        if os.path.exists(place := self.place(key)):  # noqa: PTH110 - before most sections, and mostly not there
            shutil.rmtree(place, ignore_errors=True)

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


def _unwritable(place: str, error: OSError) -> RunError:
    return RunError(f"cannot write results to {place!r} ({error.strerror}); free space or set PTX_STATE_DIR")


def _write(path: str, data: bytes, *, is_forced: bool) -> None:
    """The file appears whole or not at all. Who writes it holds the key's claim: nobody else writes there."""
    draft = f"{path.removesuffix('result.json')}.result-{os.getpid()}-{threading.get_ident()}"
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if is_forced:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(draft, path)  # noqa: PTH105 - text, not Paths
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)  # noqa: PTH108 - as above
        raise


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


def _digests(directory: str) -> dict[str, str]:
    """The files that the worker left, by content."""
    found: dict[str, str] = {}
    _digest_below(directory, "", found)
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
