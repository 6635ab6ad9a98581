"""One attempt at one section on a worker that shares nothing with the flow's machine: contents in, contents out."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ptx_prefect.engine.perform import Request, run_worker
from ptx_prefect.engine.results import keep_shared, pack_result
from ptx_prefect.engine.storage import open_storage
from ptx_prefect.engine.tasks import BatchFailedError
from ptx_prefect.engine.workspaces import adopt, in_workspace
from ptx_prefect.errors import PtxError, TreeError
from ptx_prefect.run.batches import BATCH_S
from ptx_prefect.run.outcomes import Cancelled, Done, Failed, WorkerOutcome
from ptx_prefect.settings import state_dir
from ptx_prefect.tree import Base, Changeset
from ptx_prefect.tree.pack import open_tree, unpack_tree
from ptx_prefect.workers.model_calls import cancel_calls
from ptx_prefect.workers.process import cancel_all
from ptx_prefect.workers.registry import reap_orphans

TREES_KEPT_S = 7 * 24 * 3600.0
"""A tree that no section asked for during a week is removed from a worker's disk."""

_cancelled: dict[str, str] = {}


@task(name="section", task_run_name="{title}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_elsewhere(title: str, requests: str, trees: dict[str, bytes]) -> list[bytes | None]:
    """Do sections one after the other on a worker. Returns results as :func:`pack_result` makes them, in order.

    Raises:
        BatchFailedError: some section did not succeed; carries the same.
    """
    began_s = time.monotonic()
    results: list[bytes | None] = []
    bad = []
    for row in json.loads(requests):
        if results and time.monotonic() - began_s > BATCH_S:
            results.append(None)
            continue
        request = Request.from_json(row)
        outcome, data = perform_elsewhere(request, trees)
        results.append(data)
        if not isinstance(outcome, Done):
            bad.append(request.section)
    if bad:
        raise BatchFailedError(f"did not succeed: {', '.join(bad[:5])}", results)
    return results


def perform_elsewhere(request: Request, trees: Mapping[str, bytes]) -> tuple[WorkerOutcome, bytes]:
    """Run the section once in this worker's own directories, and pack what came of it."""
    state = state_dir()
    _reap_once(state)
    # Of this run alone: another run may be at the same section, with the same key.
    directory = state / "elsewhere" / request.run_id / request.key
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o700)
    try:
        outcome = _perform(request, trees, state, directory)
        data = pack_result(outcome, directory, section=request.section, parts=request.parts)
        if isinstance(outcome, Done) and request.result_storage is not None:
            keep_shared(open_storage(request.result_storage), request.key, data)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            directory.parent.rmdir()
    return outcome, data


def cancel_run(run_id: str, reason: str, sections: tuple[str, ...] = ()) -> None:
    """End what this process has running of a run, and start nothing more of it."""
    _cancelled[run_id] = reason
    cancel_all(reason, below=state_dir() / "elsewhere" / run_id)
    for section in sections:
        cancel_calls(reason, section=section)


def _perform(request: Request, trees: Mapping[str, bytes], state: Path, directory: Path) -> WorkerOutcome:
    if request.run_id in _cancelled:
        return Cancelled(_cancelled[request.run_id])
    try:
        home = _tree(request.home, trees, request.result_storage, state)
        here = replace(request, workdir=str(home.root), state_dir=str(state))
        base = _tree(request.base, trees, request.result_storage, state) if request.base else home
        return in_workspace(
            adopt(base),
            Changeset.from_json(request.start or {"changes": []}),
            lambda path: run_worker(here, directory, path),
            section=request.section,
            root=state / "workspaces",
            # Without a base the section may write where it likes, as it may in the user's own directory.
            writes=request.writes if request.base else (),
        )
    except PtxError as error:
        return Failed(str(error), kind=type(error).__name__, permanent=True)
    except Exception as error:
        return Failed(f"{type(error).__name__}: {error}", kind="crash")


def _tree(reference: Mapping[str, Any] | None, trees: Mapping[str, bytes], storage: str | None, state: Path) -> Base:
    """A tree that travels: from this worker's disk, from what came along, or from the shared storage."""
    assert reference is not None
    name = str(reference["tree"])
    home = state / "trees"
    home.mkdir(mode=0o700, exist_ok=True)
    found = open_tree(home / name)
    if found is None:
        pack = trees.get(name)
        if pack is None and storage is not None:
            pack = open_storage(storage).read(f"trees/{name}")
        if pack is None:
            raise TreeError(f"the tree {name} did not arrive and is not in {storage!r}; run the task again")
        _forget_old(home)
        found = unpack_tree(pack, home / name)
    with contextlib.suppress(OSError):
        (home / f"{name}.json").touch()
    return found


def _forget_old(home: Path) -> None:
    for record in home.glob("*.json"):
        with contextlib.suppress(OSError):
            if time.time() - record.stat().st_mtime > TREES_KEPT_S:
                record.unlink()
                shutil.rmtree(record.with_suffix(""), ignore_errors=True)


@functools.cache
def _reap_once(state: Path) -> None:
    """What workers before this one left running, when they were killed."""
    reap_orphans(state)
