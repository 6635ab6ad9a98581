"""What the sections of a plan may spend on model calls, said before anything is spent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ptx_prefect.errors import WorkerError
from ptx_prefect.plan.plan import Plan, Section
from ptx_prefect.run.budget import Amount, Forecast, Ledger
from ptx_prefect.run.models import price_of
from ptx_prefect.settings import Settings
from ptx_prefect.spec import Budget
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Spender


@dataclass(frozen=True, slots=True)
class Bill:
    """Calls, tokens and money of a plan: where every answer is taken at once, and at worst.

    What prerequisites hand on is not known yet and not counted. Every answer is counted as long as it may be.

    Args:
        sections: how many sections call a model.
        models: the models that are called.
        unpriced: models without a known price; their calls and tokens are counted, their money is not.
        unbounded: sections of which nothing bounds what they spend.
        budget: the task's limits, if it has any.
    """

    sections: int
    models: tuple[str, ...]
    once: Amount
    at_worst: Amount
    unpriced: tuple[str, ...]
    unbounded: tuple[str, ...]
    budget: Budget | None


def bill_of(plan: Plan, settings: Settings, budget: Budget | None = None) -> Bill | None:
    """The bill; None where no section calls a model."""
    forecasts = {section.name: found for section in plan.sections if (found := _forecast(section))}
    if not forecasts:
        return None
    bounded = [one for one in forecasts.values() if one.is_bounded]
    prices = {one.model: price_of(one.model, settings.prices) for one in bounded}
    ledger = Ledger(Budget(), prices.get)
    return Bill(
        sections=len(forecasts),
        models=tuple(sorted({one.model for one in forecasts.values()})),
        once=sum((ledger.worst_case(one, 1) for one in bounded), Amount()),
        at_worst=sum((ledger.worst_case(one, one.max_calls) for one in bounded), Amount()),
        unpriced=tuple(sorted({one.model for one in bounded if one.fixed is None and prices[one.model] is None})),
        unbounded=tuple(name for name, one in forecasts.items() if not one.is_bounded),
        budget=budget,
    )


def bill_text(bill: Bill) -> str:
    """The bill in a few lines."""
    lines = [
        f"model calls ({', '.join(bill.models)}) in {bill.sections} sections:"
        f" at most {_amount(bill.once)} if every answer is taken at once, {_amount(bill.at_worst)} at worst"
    ]
    if bill.unpriced:
        lines.append(f"no price is known for {', '.join(bill.unpriced)}; add it to the settings (prices)")
    if bill.unbounded:
        lines.append(f"nothing bounds what {', '.join(bill.unbounded)} may spend; give the worker `reserve`")
    if bill.budget:
        limits = {key: value for key, value in bill.budget.model_dump().items() if value is not None}
        told = ", ".join(f"{value:g} {key}" for key, value in limits.items())
        over = [key for key, value in limits.items() if getattr(bill.at_worst, key, 0) > value]
        worst = f"; at worst more {' and '.join(over)}: what no longer fits is not started" if over else ""
        lines.append(f"budget: {told}{worst}")
    return "\n".join(lines)


def bill_to_json(bill: Bill) -> dict[str, Any]:
    """The bill as plain JSON."""
    return {**asdict(bill), "budget": bill.budget and bill.budget.model_dump()}


def _forecast(section: Section) -> Forecast | None:
    try:
        worker = worker_for(section.worker)
    except WorkerError:  # the run tells it, with all other mistakes
        return None
    if not isinstance(worker, Spender):
        return None
    has_files = bool(section.reads or section.writes)
    return worker.forecast(section.config, description=section.description, inputs=section.given, has_files=has_files)


def _amount(amount: Amount) -> str:
    usd = f", ${amount.usd:.2f}" if amount.usd else ""
    return f"{amount.calls} calls, {amount.tokens:,} tokens{usd}"
