"""The flow's side of a cluster: trees are packed once and travel with the sections, results come home as content."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import TaskRunResult

from ptx_prefect.engine.perform import Request
from ptx_prefect.engine.remote import cancel_run, run_elsewhere
from ptx_prefect.engine.remote_context import pack_context, run_task_there
from ptx_prefect.engine.results import unpack_result
from ptx_prefect.engine.storage import open_storage
from ptx_prefect.engine.store import Store
from ptx_prefect.engine.tasks import BatchFailedError
from ptx_prefect.errors import PtxError, RunError, TreeError
from ptx_prefect.run.outcomes import Done, Failed, Outcome
from ptx_prefect.tree import Base
from ptx_prefect.tree.base import names_by_git
from ptx_prefect.tree.ours import without_outputs, without_places
from ptx_prefect.tree.pack import pack_tree
from ptx_prefect.tree.scan import is_litter, list_directory
from ptx_prefect.tree.write_back import write_back

INLINE_BYTES = 64 * 1024 * 1024
"""Larger trees do not travel with each section; they need a storage."""
STORED_FROM_BYTES = 1024 * 1024
"""Where there is a storage, trees from this size on go there once instead."""
HOME_BYTES = 512 * 1024 * 1024
"""A working directory with more than this in it was not meant to be sent."""
CANCEL_EVERY_S = 2.0


@dataclass(slots=True)
class Freight:
    """What a run sends to its workers. Packs are made once each.

    Args:
        workdir: where the user stands; its files are the working directory of sections without a base.
        base: the tree that sections change, if there is one.
        output: where this run writes; never sent.
        storage: the result storage's reference.
        store: takes what comes home.
    """

    workdir: Path
    base: Base | None
    store: Store
    output: Path | None = None
    storage: str | None = None
    run_id: str = field(default_factory=lambda: secrets.token_hex(8))
    began_at_s: float = field(default_factory=time.time)
    _packs: dict[str, bytes | None] = field(default_factory=dict)
    _homes: dict[tuple[str, ...], Base] = field(default_factory=dict)

    def load(self, request: Request, trees: dict[str, bytes]) -> Request:
        """The request without a word of this machine's directories; its trees are in ``trees`` or in the storage.

        Raises:
            TreeError: something is too large to travel, or changed meanwhile.
        """
        base = None if self.base is None else self._ship(self.base, trees)
        home = self._ship(self._home_of(request), trees)
        return replace(request, workdir="", state_dir="", base=base, home=home, run_id=self.run_id)

    def unload(self, data: bytes, request: Request) -> Outcome:
        """A section's result at home: its files in the store, what it wrote in the working directory is there."""
        outcome = unpack_result(data, self.store, request.key)
        if isinstance(outcome, Done) and self.base is None and outcome.changeset is not None:
            changes, outcome = outcome.changeset, replace(outcome, changeset=None)
            if changes.changes:
                self._homes.clear()  # The next sections see it.
                refused = write_back(changes, self.workdir, copied_at_s=self.began_at_s)
                if refused:
                    self.store.forget(request.key)
                    return Failed(refused, "conflict", permanent=True, usage=outcome.usage, log=outcome.log)
        return outcome

    def _ship(self, base: Base, trees: dict[str, bytes]) -> dict[str, Any]:
        name = f"{base.digest[:40]}-{'g' * base.is_git}{base.revision or ''}"
        if name not in self._packs:
            self._packs[name] = self._stored(name, pack_tree(base, limit_bytes=self._limit_bytes))
        pack = self._packs[name]
        if pack is not None:
            trees[name] = pack
        return {"tree": name}

    @property
    def _limit_bytes(self) -> int:
        return INLINE_BYTES if self.storage is None else 16 * INLINE_BYTES

    def _stored(self, name: str, pack: bytes) -> bytes | None:
        """None where the pack went to the storage."""
        if self.storage is None or len(pack) < STORED_FROM_BYTES:
            return pack
        storage = open_storage(self.storage)
        if storage.read(f"trees/{name}") != pack:
            storage.write(f"trees/{name}", pack)
        return None

    def _home_of(self, request: Request) -> Base:
        """What a section finds of the working directory: what it reads, else what git tracks, else all of it.

        A section on a base finds only the module that it calls.
        """
        identity = (*request.reads, "|", *_modules_of(request), "|", str(self.base is None))
        if identity not in self._homes:
            names = set(_modules(self.workdir, _modules_of(request)))
            if self.base is None:
                names |= set(self._wanted(request.reads))
            # Not as a git tree: what .gitignore names (a build, say) is what such sections are there for.
            self._homes[identity] = Base.of_files(self.workdir, names)
        return self._homes[identity]

    def _wanted(self, reads: Sequence[str]) -> Iterable[str]:
        root = self.workdir.resolve()
        if reads:
            found = {path for pattern in reads for path in root.glob(pattern) if path.is_file()}
            return {path.relative_to(root).as_posix() for path in found if path.resolve().is_relative_to(root)}
        tracked = names_by_git(root)
        names = without_outputs(list_directory(root, skip=is_litter).files) if tracked is None else tracked
        kept = without_places(names, root, (str(self.output),) if self.output is not None else ())
        size = sum((root / name).lstat().st_size for name in kept)
        if size > HOME_BYTES:
            raise TreeError(
                f"{str(root)!r} holds {size / 1e6:.0f} MB, too much to send to a cluster: say in `reads` what the"
                " sections need, or give the task a base"
            )
        return kept


class ClusterRunner:
    """Sections on a Prefect task runner whose workers share nothing with this machine (see ``runners.Runner``)."""

    def __init__(self, runner: Any, freight: Freight) -> None:
        self._runner = runner
        self._freight = freight
        self._under_way: dict[Any, tuple[tuple[str, ...], Any]] = {}
        self._cancelled_at_s = 0.0
        self._context = b""

    def submit(self, requests: Sequence[Request], *, name: str, after: Sequence[Any]) -> Any:
        """As ``Runner``."""
        trees: dict[str, bytes] = {}
        text = json.dumps([self._freight.load(request, trees).to_json() for request in requests])
        # The edges for the picture only: as `wait_for` the results themselves would travel along.
        inputs: dict[str, set[Any]] = {"requests": {TaskRunResult(id=future.task_run_id) for future in after}}
        try:
            future = self._send({"title": name, "requests": text, "trees": trees}, inputs)
        except Exception as error:
            raise RunError(f"the cluster takes no sections any more ({type(error).__name__}: {error})") from error
        self._under_way[future.task_run_id] = tuple(request.section for request in requests), future
        return future

    def _send(self, parameters: dict[str, Any], inputs: dict[str, set[Any]]) -> Any:
        client = getattr(self._runner, "client", None)
        if client is None:  # Ray
            return self._runner.submit(run_elsewhere, parameters, dependencies=inputs)
        # Not by Prefect's runner for Dask: it packs settings and flow anew for each task, and has its worker open them.
        self._context = self._context or pack_context()
        task_run_id = uuid4()
        sent = client.submit(
            run_task_there, self._context, task_run_id, parameters, inputs, key=f"section-{task_run_id}", pure=False
        )
        made: Any = import_module("prefect_dask.task_runners").PrefectDaskFuture
        return made(wrapped_future=sent, task_run_id=task_run_id)

    def outcomes(self, future: Any, requests: Sequence[Request]) -> list[Outcome | None]:
        """As ``Runner``."""
        self._under_way.pop(future.task_run_id, None)
        try:
            result = future.result(raise_on_failure=False)
        except Exception as error:  # A worker that died, a cluster that went away: theirs to name.
            result = error
        rows = result.outcomes if isinstance(result, BatchFailedError) else result
        if not isinstance(rows, list) or len(rows) != len(requests):
            text = f"the worker was lost: {type(result).__name__}: {result}"
            return [Failed(text, kind="engine") for _ in requests]
        return [self._at_home(row, request) for row, request in zip(rows, requests, strict=True)]

    def cancel(self, reason: str, section: str | None = None) -> None:
        """As ``Runner``; single sections are not stopped there: nothing here sees what they use."""
        if section is not None:
            return
        if time.monotonic() - self._cancelled_at_s < CANCEL_EVERY_S:
            return
        self._cancelled_at_s = time.monotonic()
        threading.Thread(target=self._tell_workers, args=(reason,), daemon=True).start()

    def _at_home(self, data: bytes | None, request: Request) -> Outcome | None:
        if data is None:
            return None
        try:
            return self._freight.unload(data, request)
        except PtxError as error:
            return Failed(str(error), kind=type(error).__name__)

    def _tell_workers(self, reason: str) -> None:
        under_way = list(self._under_way.values())
        sections = tuple(section for names, _ in under_way for section in names)
        client = getattr(self._runner, "client", None)
        with contextlib.suppress(Exception):
            if client is not None:  # Dask: a call to every worker process, beside what it is doing.
                client.run(cancel_run, self._freight.run_id, reason, sections, on_error="ignore")
            else:  # Ray: raises KeyboardInterrupt in the worker, which ends its child.
                for _, future in under_way:
                    import_module("ray").cancel(future.wrapped_future)


def _modules_of(request: Request) -> tuple[str, ...]:
    """The modules of the task that a section calls, as places below the working directory without an ending."""
    if request.worker != "callable":
        return ()
    top = str(request.config.get("target", "")).partition(":")[0].split(".")[0]
    return tuple(f"{folder}/{top}" for folder in ("", *(request.config.get("path") or ())))


def _modules(workdir: Path, modules: Sequence[str]) -> Iterable[str]:
    root = workdir.resolve()
    for module in modules:
        place = (root / module.strip("/")).resolve()
        if not place.is_relative_to(root):
            continue  # Outside the working directory: installed on the workers as here.
        for path in [place.with_name(f"{place.name}.py"), *place.rglob("*")]:
            name = path.relative_to(root).as_posix()
            if path.is_file() and not is_litter(name):
                yield name
