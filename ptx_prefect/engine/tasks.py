"""The Prefect task: a thin wrapper around :func:`ptx_prefect.engine.perform.perform`."""

from __future__ import annotations

from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from ptx_prefect.engine.perform import Request, perform
from ptx_prefect.errors import PtxError
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


def outcome_of(result: Any) -> Outcome:
    """The outcome behind what a future gives: our JSON, our exception, or whatever else went wrong."""
    if isinstance(result, dict):
        return outcome_from_json(result)
    if isinstance(result, SectionFailedError):
        return outcome_from_json(result.outcome)
    return Failed(f"{type(result).__name__}: {result}", kind="engine")
