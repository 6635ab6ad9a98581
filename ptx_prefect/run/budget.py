"""The budget of one run: reserved before a section starts, settled when it ends. Pure; amounts in, decisions out.

Checking a limit after the fact lets everything that is under way overspend. Here the worst case of each section is
set aside first, so the sum of what is spent and what is under way never passes a limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from ptx_prefect.run.outcomes import Usage
from ptx_prefect.settings import Price
from ptx_prefect.spec import Budget


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens (input and output together), US dollars, model calls."""

    tokens: int = 0
    usd: float = 0.0
    calls: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.tokens + other.tokens, self.usd + other.usd, self.calls + other.calls)

    def __sub__(self, other: Amount) -> Amount:
        return Amount(self.tokens - other.tokens, self.usd - other.usd, self.calls - other.calls)


@dataclass(frozen=True, slots=True)
class Forecast:
    """The most that one section can spend, call by call. ``model`` names the price.

    A later call carries what was said before, so call ``n`` (from 0) has up to
    ``input_tokens + n * (output_tokens + answer_tokens)`` tokens of input. ``fixed`` is the most that one call costs
    where somebody says so; ``is_bounded`` False: nobody knows, so it cannot run under a budget.
    """

    model: str
    input_tokens: int
    output_tokens: int
    answer_tokens: int = 0
    max_calls: int = 1
    fixed: Amount | None = None
    is_bounded: bool = True

    def tokens_of(self, calls: int) -> tuple[int, int]:
        """Input and output tokens of that many calls together."""
        grown = (self.output_tokens + self.answer_tokens) * (calls * (calls - 1) // 2)
        return calls * self.input_tokens + grown, calls * self.output_tokens


@dataclass(frozen=True, slots=True)
class Granted:
    """The section may start and make this many calls."""

    calls: int
    amount: Amount


@dataclass(frozen=True, slots=True)
class NotNow:
    """It does not fit beside what is under way; ask again when something has ended."""

    reason: str


@dataclass(frozen=True, slots=True)
class Never:
    """It does not fit into what is left, whatever ends."""

    reason: str


Answer = Granted | NotNow | Never
PriceOf = Callable[[str], Price | None]


class Ledger:
    """What a run has spent and set aside.

    Args:
        budget: the limits.
        price_of: US dollars for a million tokens of a model; None where it is not known.
    """

    def __init__(self, budget: Budget, price_of: PriceOf) -> None:
        self._limits = budget
        self._price_of = price_of
        self._reserved: dict[str, Amount] = {}
        self.spent = Amount()
        self.refused: dict[str, str] = {}

    @property
    def reserved(self) -> Amount:
        """What is under way, at worst."""
        return sum(self._reserved.values(), Amount())

    def reserve(self, name: str, forecast: Forecast | None, *, now_s: float = 0.0) -> Answer:
        """Set the worst case of a section aside.

        As many of its calls are granted as fit, at least one. A section without a forecast calls no model: only the
        wall time limits it.
        """
        answer = self._answer(forecast, now_s)
        if isinstance(answer, Granted):
            self._reserved[name] = answer.amount
        elif isinstance(answer, Never):
            self.refused[name] = answer.reason
        return answer

    def settle(self, name: str, usage: Usage, forecast: Forecast | None) -> Usage:
        """Replace what was set aside by what was spent. Returns the usage with its cost.

        An answer that never arrived whole may have been billed all the same: where calls were made and tokens are not
        known, all that was set aside counts as spent.
        """
        reserved = self._reserved.pop(name, Amount())
        usage = self._with_cost(usage, forecast)
        if usage.calls and usage.input_tokens is None and usage.output_tokens is None:
            self.spent += reserved
        else:
            tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
            self.spent += Amount(tokens, usage.cost_usd or 0.0, usage.calls or 0)
        return usage

    def to_json(self) -> dict[str, object]:
        """For the report."""
        limits = {key: value for key, value in self._limits.model_dump().items() if value is not None}
        spent = {item.name: getattr(self.spent, item.name) for item in fields(self.spent)}
        return {
            "limits": limits,
            "spent": {**spent, "usd": round(self.spent.usd, 6)},
            "not_started": dict(self.refused),
        }

    def _answer(self, forecast: Forecast | None, now_s: float) -> Answer:
        limit_s = self._limits.wall_seconds
        if limit_s is not None and now_s >= limit_s:
            return Never(f"the budget of {limit_s:g} s wall time is used up")
        if forecast is None:
            return Granted(0, Amount())
        if not forecast.is_bounded:
            return Never(f"nothing bounds what {forecast.model} may spend; give its worker `reserve`")
        if self._limits.usd is not None and forecast.fixed is None and self._price_of(forecast.model) is None:
            return Never(f"no price is known for {forecast.model!r}; add it to the settings (prices)")
        for calls in range(forecast.max_calls, 0, -1):
            amount = self.worst_case(forecast, calls)
            if not self._lacking(self.spent + self.reserved + amount):
                return Granted(calls, amount)
        one = self.worst_case(forecast, 1)
        lacking = self._lacking(self.spent + one)
        if lacking:
            return Never(f"the budget does not cover it: {lacking}")
        return NotNow(self._lacking(self.spent + self.reserved + one))

    def worst_case(self, forecast: Forecast, calls: int) -> Amount:
        """The most that so many calls can cost."""
        if forecast.fixed is not None:
            one = forecast.fixed
            return Amount(one.tokens * calls, one.usd * calls, one.calls * calls)
        inputs, outputs = forecast.tokens_of(calls)
        price = self._price_of(forecast.model)
        usd = (inputs * price.input + outputs * price.output) / 1e6 if price else 0.0
        return Amount(inputs + outputs, usd, calls)

    def _lacking(self, total: Amount) -> str:
        limits = self._limits
        if limits.tokens is not None and total.tokens > limits.tokens:
            return f"{total.tokens} tokens at worst, {limits.tokens} allowed"
        if limits.usd is not None and total.usd > limits.usd:
            return f"${total.usd:.4f} at worst, ${limits.usd:g} allowed"
        if limits.calls is not None and total.calls > limits.calls:
            return f"{total.calls} calls at worst, {limits.calls} allowed"
        return ""

    def _with_cost(self, usage: Usage, forecast: Forecast | None) -> Usage:
        price = self._price_of(forecast.model) if forecast else None
        if price is None or usage.input_tokens is None or usage.output_tokens is None:
            return usage
        usd = (usage.input_tokens * price.input + usage.output_tokens * price.output) / 1e6
        # The provider's own figure knows of caches and tiers; ours is for where there is none.
        return usage if usage.cost_usd is not None else replace(usage, cost_usd=usd)
