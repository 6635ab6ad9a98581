"""A flow run's context in a cluster's worker process, opened once a run.

Prefect opens it for every task run: it reads all settings again and makes two HTTP clients, each with its certificates.
That is 100 ms of CPU, and as a worker's threads take turns at it, up to half a second before a section begins.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import cloudpickle  # type: ignore[import-untyped]  # Prefect's own dependency
from prefect.client.schemas.objects import State
from prefect.context import SyncClientContext, hydrated_context, serialize_context
from prefect.task_engine import run_task_sync

from ptx_prefect.engine.remote import run_elsewhere

KEPT = 4
"""Contexts of so many runs stay open in a process beside those that are in use."""


@dataclass(slots=True)
class _Opened:
    context: Context = field(default_factory=Context)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    users: int = 0


_opened: dict[bytes, _Opened] = {}
_lock = threading.Lock()


def pack_context() -> bytes:
    """The context of the flow run around us, for :func:`run_task_there`; the same bytes serve the whole run."""
    packed: bytes = cloudpickle.dumps(serialize_context())
    return packed


def run_task_there(
    packed: bytes, task_run_id: UUID, parameters: dict[str, Any], dependencies: dict[str, set[Any]]
) -> State[Any]:
    """Run the task ``run_elsewhere`` as a task run of the flow whose context this is, and return its final state."""
    with _opened_for(packed) as context:
        run: Any = partial(run_task_sync, run_elsewhere, return_type="state")
        state: State[Any] = context.run(run, task_run_id=task_run_id, parameters=parameters, dependencies=dependencies)
    return state


@contextlib.contextmanager
def _opened_for(packed: bytes) -> Iterator[Context]:
    """A copy of the run's context, since no two threads may be in one."""
    with _lock:
        found = _opened.pop(packed, None) or _open(packed)
        _opened[packed] = found  # The last one used is the last one closed.
        found.users += 1
        idle = [key for key, row in _opened.items() if not row.users]
        for key in idle[: max(0, len(_opened) - KEPT)]:
            _close(_opened.pop(key))
    try:
        yield found.context.copy()
    finally:
        with _lock:
            found.users -= 1


def _open(packed: bytes) -> _Opened:
    opened = _Opened()

    def enter() -> None:
        opened.stack.enter_context(hydrated_context(cloudpickle.loads(packed)))
        opened.stack.enter_context(SyncClientContext.get_or_create())

    opened.context.run(enter)
    return opened


def _close(opened: _Opened) -> None:
    with contextlib.suppress(Exception):  # A server or a cluster that is gone: there is nothing left to leave in order.
        opened.context.run(opened.stack.close)


@atexit.register
def _close_all() -> None:
    while _opened:
        _close(_opened.popitem()[1])
