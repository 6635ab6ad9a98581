"""The Prefect tasks: thin wrappers around :func:`ptx_prefect.engine.perform.perform`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ptx_prefect.engine.perform import Request, perform, perform_all
from ptx_prefect.errors import PtxError
from ptx_prefect.run.batches import BATCH_S
from ptx_prefect.run.outcomes import Done, WorkerOutcome, headline_of

_todo: dict[str, Sequence[Request]] = {}
"""What task runs in this process are to do, by token. Not as parameters: Prefect looks into every value of those."""
_done: dict[str, list[WorkerOutcome | None]] = {}
"""What came of them, until the flow's thread takes it.

Not as their results: Prefect keeps those until the flow ends, however large, and reading one costs more than a
section's start.
"""


def hand_over(token: str, requests: Sequence[Request]) -> None:
    """Lay down what the task run with this token is to do."""
    _todo[token] = requests


def take_done(token: str) -> list[WorkerOutcome | None] | None:
    """The outcomes that the task run with this token left, once; None: it did not come so far."""
    _todo.pop(token, None)
    return _done.pop(token, None)


class SectionFailedError(PtxError):
    """Makes the task run FAILED in Prefect."""


# Results are kept by our own store, by content: Prefect's caching would pickle, and trust what it finds.
@task(name="section", task_run_name="{title}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_section(title: str, token: str) -> None:
    """Do the one section handed over under ``token`` once, and leave its outcome there.

    Raises:
        SectionFailedError: for every outcome but success.
    """
    outcome = perform(_todo[token][0])
    _done[token] = [outcome]
    if not isinstance(outcome, Done):
        raise SectionFailedError(headline_of(outcome))


class BatchFailedError(PtxError):
    """Makes a batch's task run FAILED in Prefect where one of its sections failed; may carry what all of them gave."""

    def __init__(self, message: str, outcomes: Sequence[dict[str, Any] | bytes | None] = ()) -> None:
        self.outcomes = outcomes
        super().__init__(message, outcomes)

    def __str__(self) -> str:
        return str(self.args[0])


@task(name="sections", task_run_name="{title}", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_batch(title: str, token: str) -> None:
    """Do the small sections handed over under ``token`` one after the other and leave their outcomes there, in order.

    None stands for one that was not begun, to be sent again.

    Raises:
        BatchFailedError: some section did not succeed.
    """
    batch = _todo[token]
    outcomes = perform_all(batch, within_s=BATCH_S)
    _done[token] = outcomes
    bad = [
        request.section
        for request, outcome in zip(batch, outcomes, strict=True)
        if not isinstance(outcome, Done | None)
    ]
    if bad:
        raise BatchFailedError(f"{len(bad)} of {len(batch)} sections did not succeed: {', '.join(bad[:5])}")
