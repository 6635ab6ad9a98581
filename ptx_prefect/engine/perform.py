"""One attempt at one section, wherever the task runner put it: plain values in, an outcome out."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ptx_prefect.engine.credentials import fetch_key
from ptx_prefect.engine.references import with_blocks, without_secrets
from ptx_prefect.engine.results import keep_shared, pack_result
from ptx_prefect.engine.storage import open_storage
from ptx_prefect.engine.store import Store
from ptx_prefect.engine.workspaces import in_workspace
from ptx_prefect.errors import PtxError
from ptx_prefect.run.outcomes import Done, Failed, WorkerOutcome, outcome_from_json, outcome_to_json
from ptx_prefect.tree import Changeset
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@dataclass(frozen=True, slots=True)
class Request:
    """What a task run is given. Plain JSON only, so that it crosses machines.

    ``base`` refers to the tree that the section changes, ``start`` is what its prerequisites changed there.
    ``result_storage`` names where finished results are kept beside the state directory. ``spare`` names the run's idle
    slots, for sections that can use more than their own. ``run_id`` and ``home`` (the
    files of ``workdir`` that travel along) are for workers on other machines.
    """

    section: str
    description: str
    worker: str
    config: Mapping[str, Any]
    key: str
    attempt: int
    workdir: str
    state_dir: str
    deadline_s: float
    heartbeat_s: float | None = None
    memory_limit_mb: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    base: Mapping[str, Any] | None = None
    start: Mapping[str, Any] | None = None
    calls_allowed: int | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    result_storage: str | None = None
    spare: str = ""
    run_id: str = ""
    home: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; shares what it holds with the request: write it down, do not change it."""
        return {name: getattr(self, name) for name in _FIELDS}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Request:
        """The mirror of :meth:`to_json`."""
        return Request(**{**data, "reads": tuple(data["reads"]), "writes": tuple(data["writes"])})


# Not `asdict`: its deep copy costs more than the rest of a small section's start.
_FIELDS = tuple(row.name for row in fields(Request))


@lru_cache(maxsize=8)
def _store_in(state_dir: str) -> Store:
    return Store(Path(state_dir))


def perform(request: Request) -> WorkerOutcome:
    """Run the section once. A finished result is on disk before this returns."""
    store = _store_in(request.state_dir)
    try:
        if request.attempt == 1:
            store.forget(request.key)  # What an earlier run left there is none of this one's.
        directory = Path(store.place(request.key))
        outcome = _work(request, directory)
        if isinstance(outcome, Done):
            store.put(request.key, outcome, section=request.section, parts=request.parts)
            _share(request, outcome, directory)
    except PtxError as error:
        return Failed(str(error), kind=type(error).__name__, permanent=True)
    except OSError as error:
        if error.errno not in _NO_ROOM:
            return Failed(f"{type(error).__name__}: {error}", kind="crash")
        place = error.filename or request.state_dir
        told = f"nothing can be written to {str(place)!r} ({error.strerror}); free space or set PTX_STATE_DIR"
        return Failed(told, kind="disk", permanent=True)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}", kind="crash")
    return outcome


def perform_all(requests: Sequence[Request], *, within_s: float) -> list[WorkerOutcome | None]:
    """Run small sections one after the other; each result is on disk before the next begins.

    None stands for a section that was not begun because the ones before it took ``within_s`` seconds already: whoever
    thought them small was wrong, and the rest goes out again.
    """
    began_s = time.monotonic()
    return [
        perform(request) if index == 0 or time.monotonic() - began_s < within_s else None
        for index, request in enumerate(requests)
    ]


def work_once(request: Request) -> WorkerOutcome:
    """As :func:`perform`, for what follows the sections: keeping the result is the caller's."""
    try:
        return _work(request, Path(_store_in(request.state_dir).place(request.key)))
    except PtxError as error:
        return Failed(str(error), kind=type(error).__name__, permanent=True)


def _share(request: Request, outcome: Done, directory: Path) -> None:
    """Also keep the result where other machines find it."""
    if request.result_storage is not None:
        data = pack_result(outcome, directory, section=request.section, parts=request.parts)
        keep_shared(open_storage(request.result_storage), request.key, data)


def _work(request: Request, directory: Path) -> WorkerOutcome:
    if request.base is None:
        return run_worker(request, directory, Path(request.workdir))
    return in_workspace(
        request.base,
        Changeset.from_json(request.start or {"changes": []}),
        lambda path: run_worker(request, directory, path),
        section=request.section,
        root=Path(request.state_dir) / "workspaces",
        writes=request.writes,
    )


def run_worker(request: Request, directory: Path, workdir: Path) -> WorkerOutcome:
    """Run the section's worker in ``workdir``; its log and files lie in ``directory``.

    Blocks that its configuration names are read here, as late as can be, and what is secret goes no further.
    """
    config, hidden = with_blocks(request.config)
    fetch_key(config)
    job = Job(
        section=request.section,
        description=request.description,
        config=config,
        hidden=hidden,
        workdir=workdir,
        log_path=directory / "log.txt",
        state_dir=Path(request.state_dir),
        deadline_s=request.deadline_s,
        heartbeat_s=request.heartbeat_s,
        memory_limit_mb=request.memory_limit_mb,
        inputs=request.inputs,
        reads=request.reads,
        writes=request.writes,
        attempt=request.attempt,
        calls_allowed=request.calls_allowed,
        spare=request.spare,
        home=Path(request.workdir),
    )
    outcome = worker_for(request.worker).run(job, beat=lambda _: None)
    return _without_hidden(outcome, directory, hidden) if hidden else outcome


def _without_hidden(outcome: WorkerOutcome, directory: Path, hidden: Mapping[str, str]) -> WorkerOutcome:
    """The outcome without secrets, as are the files beside it. A change is the work itself and stays as it is."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            clean = without_secrets(content.decode("utf-8", "surrogateescape"), hidden)
            if clean.encode("utf-8", "surrogateescape") != content:
                path.write_bytes(clean.encode("utf-8", "surrogateescape"))
    data = outcome_to_json(outcome)
    changes = data.pop("changeset", None)
    clean_data = json.loads(without_secrets(json.dumps(data), hidden))
    if changes is not None:
        clean_data["changeset"] = changes
    return cast(WorkerOutcome, outcome_from_json(clean_data))
