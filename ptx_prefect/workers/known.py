"""The kinds of workers, by name."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ptx_prefect.errors import TreeError, WorkerError
from ptx_prefect.spec import Base, SectioningSpec, TaskSpec
from ptx_prefect.strict import nearest
from ptx_prefect.tree.location import place_of_base
from ptx_prefect.workers.agent import AgentWorker
from ptx_prefect.workers.callables import CallableWorker
from ptx_prefect.workers.chat import ChatWorker
from ptx_prefect.workers.commands import CommandWorker
from ptx_prefect.workers.protocol import Worker
from ptx_prefect.workers.pytests import PytestWorker

KNOWN: Mapping[str, Callable[[], Worker]] = MappingProxyType(
    {
        "agent": AgentWorker,
        "callable": CallableWorker,
        "chat": ChatWorker,
        "command": CommandWorker,
        "pytest": PytestWorker,
    }
)
"""A kind's maker is called at each use; workers hold no state."""


def objections(kind: str, config: Mapping[str, Any], spec: TaskSpec) -> Mapping[str, str]:
    """What a task's worker has against its configuration, looked at where its sections will work.

    A command finds its files in the base, where the task has one. Of other kinds some are in ``workdir`` and some in
    the base; and a revision of a repository need not be what is checked out: there both have to lack a thing.

    Raises:
        WorkerError: there is no such kind.
    """
    worker, places = worker_for(kind), [Path(spec.workdir)]
    base = spec.base if isinstance(spec, SectioningSpec) else None
    with contextlib.suppress(TreeError):  # A base that cannot be found is told by whoever reads it.
        base = Base(path=base) if isinstance(base, str) else base
        if base is not None and (tree := place_of_base(base, spec.workdir)).is_dir():
            places = [tree] if kind == "command" and base.revision is None else [*places, tree]
    found = [worker.check(config, workdir=place) for place in places]
    return {key: text for key, text in found[-1].items() if all(key in other for other in found)}


def worker_for(kind: str) -> Worker:
    """The worker of a kind.

    Raises:
        WorkerError: there is no such kind; names the nearest.
    """
    if kind not in KNOWN:
        raise WorkerError(f"no worker is of the kind {kind!r}; {nearest(kind, tuple(KNOWN))}")
    return KNOWN[kind]()
