"""The budget of a run where sections start and end: reserve, or wait, or do not start; settle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ptx_prefect.engine.perform import Request
from ptx_prefect.run.budget import Forecast, Granted, Ledger, Never
from ptx_prefect.run.models import price_of
from ptx_prefect.run.outcomes import Cancelled, Outcome, RateLimited, Skipped, Usage
from ptx_prefect.settings import Price, Settings
from ptx_prefect.spec import Budget
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Spender

LOOK_AGAIN_S = 0.2
"""How long a section that does not fit beside what is under way is parked."""


class Spending:
    """One run's ledger, as the dispatch meets it. Without a budget it only prices what was used.

    Args:
        budget: the task's limits, if it has any.
        settings: prices.
    """

    def __init__(self, budget: Budget | None, settings: Settings) -> None:
        self.has_limits = budget is not None

        @lru_cache(maxsize=256)
        def priced(model: str) -> Price | None:
            return price_of(model, settings.prices)

        self.ledger = Ledger(budget or Budget(), priced)
        self._forecasts: dict[str, Forecast | None] = {}

    def reserve(self, request: Request, *, now_s: float) -> Request | Skipped | RateLimited:
        """The request with the calls that it may make; or why it is not started, or not now."""
        forecast = _forecast_of(request)
        self._forecasts[request.section] = forecast
        if not self.has_limits:
            return request
        answer = self.ledger.reserve(request.section, forecast, now_s=now_s)
        if isinstance(answer, Granted):
            return request if forecast is None else replace(request, calls_allowed=answer.calls)
        if isinstance(answer, Never):
            return Skipped("budget", answer.reason)
        return RateLimited("budget", LOOK_AGAIN_S, Usage())

    def settle(self, section: str, outcome: Outcome) -> Outcome:
        """The outcome with its cost; what it spent is in the ledger."""
        forecast = self._forecasts.get(section)
        if isinstance(outcome, Skipped):
            return outcome
        usage = outcome.usage
        if forecast is not None and usage.calls is None and not isinstance(outcome, RateLimited | Cancelled):
            # An agent that does not say how often it called: at least once.
            usage = replace(usage, calls=1)
        settled = self.ledger.settle(section, usage, forecast)
        if settled.cost_usd == outcome.usage.cost_usd:
            return outcome
        return replace(outcome, usage=replace(outcome.usage, cost_usd=settled.cost_usd))

    def report(self) -> dict[str, Any]:
        """For the report's ``usage``; empty without a budget."""
        return {"budget": self.ledger.to_json()} if self.has_limits else {}


@lru_cache
def _spender(kind: str) -> Spender | None:
    """The worker of a kind that costs money. Remembered: asking a protocol costs more than a small section's start."""
    worker = worker_for(kind)
    return worker if isinstance(worker, Spender) else None


def _forecast_of(request: Request) -> Forecast | None:
    worker = _spender(request.worker)
    if worker is None:
        return None
    inputs: Mapping[str, Any] = request.inputs
    has_files = bool(request.reads or request.writes)
    return worker.forecast(request.config, description=request.description, inputs=inputs, has_files=has_files)
