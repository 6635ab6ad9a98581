"""The Prefect tasks: thin wrappers around :func:`ptx_prefect.engine.perform.perform`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ptx_prefect.engine.perform import Request, perform, perform_all
from ptx_prefect.errors import PtxError
from ptx_prefect.run.batches import BATCH_S
from ptx_prefect.run.outcomes import Done, Failed, Outcome, headline_of, outcome_from_json, outcome_to_json


class SectionFailedError(PtxError):
    """Makes the task run FAILED in Prefect; carries the outcome across processes."""

    def __init__(self, message: str, outcome: dict[str, Any]) -> None:
        self.outcome = outcome
        super().__init__(message, outcome)

    def __str__(self) -> str:
        return str(self.args[0])


# Results are kept by our own store, by content: Prefect's caching would pickle, and trust what it finds.
@task(name="section", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_section(request: dict[str, Any]) -> dict[str, Any]:
    """Do one section once. Returns the outcome as plain JSON.

    Raises:
        SectionFailedError: for every outcome but success.
    """
    outcome = perform(Request.from_json(request))
    data = outcome_to_json(outcome)
    if not isinstance(outcome, Done):
        raise SectionFailedError(headline_of(outcome), data)
    return data


class BatchFailedError(PtxError):
    """Makes a batch's task run FAILED in Prefect where one of its sections failed; carries what all of them gave."""

    def __init__(self, message: str, outcomes: Sequence[dict[str, Any] | bytes | None]) -> None:
        self.outcomes = outcomes
        super().__init__(message, outcomes)

    def __str__(self) -> str:
        return str(self.args[0])


# One text instead of many objects: Prefect looks into every value of a parameter, which would cost more than the work.
@task(name="sections", cache_policy=NO_CACHE, persist_result=False, retries=0)
def run_batch(requests: str) -> list[dict[str, Any] | None]:
    """Do small sections one after the other. Returns their outcomes in order; None: not begun, to be sent again.

    Raises:
        BatchFailedError: some section did not succeed.
    """
    batch = [Request.from_json(row) for row in json.loads(requests)]
    outcomes = perform_all(batch, within_s=BATCH_S)
    data = [None if outcome is None else outcome_to_json(outcome) for outcome in outcomes]
    bad = [
        request.section
        for request, outcome in zip(batch, outcomes, strict=True)
        if not isinstance(outcome, Done | None)
    ]
    if bad:
        raise BatchFailedError(f"{len(bad)} of {len(batch)} sections did not succeed: {', '.join(bad[:5])}", data)
    return data


def outcomes_of(result: Any, count: int) -> list[Outcome | None]:
    """As :func:`outcome_of` for a batch of ``count`` sections; None: the section was not begun."""
    rows = result.outcomes if isinstance(result, BatchFailedError) else result
    if isinstance(rows, list) and len(rows) == count:
        return [None if row is None else outcome_from_json(row) for row in rows]
    return [outcome_of(result)] * count


def outcome_of(result: Any) -> Outcome:
    """The outcome behind what a future gives: our JSON, our exception, or whatever else went wrong."""
    if isinstance(result, dict):
        return outcome_from_json(result)
    if isinstance(result, SectionFailedError):
        return outcome_from_json(result.outcome)
    return Failed(f"{type(result).__name__}: {result}", kind="engine")
