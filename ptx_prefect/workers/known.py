"""The kinds of workers, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ptx_prefect.errors import WorkerError
from ptx_prefect.strict import nearest
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


def worker_for(kind: str) -> Worker:
    """The worker of a kind.

    Raises:
        WorkerError: there is no such kind; names the nearest.
    """
    if kind not in KNOWN:
        raise WorkerError(f"no worker is of the kind {kind!r}; {nearest(kind, tuple(KNOWN))}")
    return KNOWN[kind]()
