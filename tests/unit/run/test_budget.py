"""The ledger: what is spent and under way together never passes a limit."""

from __future__ import annotations

import random

import pytest

from ptx_prefect.run.budget import Amount, Forecast, Granted, Ledger, Never, NotNow
from ptx_prefect.run.outcomes import Usage
from ptx_prefect.settings import Price
from ptx_prefect.spec import Budget

CALL = Forecast("m", input_tokens=300, output_tokens=200)


def ledger(**limits: float) -> Ledger:
    return Ledger(Budget.model_validate(limits), lambda model: Price(input=1, output=10) if model == "m" else None)


def test_six_at_once_under_1200_tokens_start_two() -> None:
    """Six parallel calls of 500 tokens must not spend 3,000 where 1,200 are allowed."""
    book = ledger(tokens=1200)

    answers = [book.reserve(f"s{number}", CALL) for number in range(6)]

    assert [type(answer) for answer in answers] == [Granted, Granted, NotNow, NotNow, NotNow, NotNow]
    assert book.reserved.tokens == 1000


def test_what_is_settled_below_its_worst_case_makes_room() -> None:
    book = ledger(tokens=1200)
    for name in ("a", "b"):
        book.reserve(name, CALL)
    book.settle("a", Usage(calls=1, input_tokens=100, output_tokens=50), CALL)

    assert book.reserve("c", CALL) == Granted(1, Amount(500, 0.0023, 1))


def test_what_can_never_fit_is_refused_with_figures() -> None:
    book = ledger(tokens=1200)
    book.reserve("a", CALL)
    book.settle("a", Usage(calls=1, input_tokens=300, output_tokens=500), CALL)

    answer = book.reserve("b", CALL)

    assert answer == Never("the budget does not cover it: 1300 tokens at worst, 1200 allowed")
    assert book.to_json()["not_started"] == {"b": answer.reason}


def test_repairs_are_granted_as_far_as_they_fit() -> None:
    """The second call carries the first answer and the complaint: 300+200, then 300+200+100+200."""
    book = ledger(tokens=1200)
    talk = Forecast("m", 300, 200, answer_tokens=100, max_calls=3)

    assert [book.worst_case(talk, calls).tokens for calls in (1, 2, 3)] == [500, 1300, 2400]
    assert book.reserve("a", talk) == Granted(1, Amount(500, 0.0023, 1))


def test_calls_whose_tokens_nobody_told_count_in_full() -> None:
    book = ledger(tokens=600)
    book.reserve("cut", CALL)
    book.settle("cut", Usage(calls=1), CALL)

    assert book.spent.tokens == 500


def test_a_section_that_never_called_costs_nothing() -> None:
    book = ledger(calls=1)
    book.reserve("a", CALL)
    book.settle("a", Usage(calls=0), CALL)

    assert book.spent == Amount()


@pytest.mark.parametrize(
    ("limits", "forecast", "now_s", "reason"),
    [
        ({"usd": 0.001}, CALL, 0, "the budget does not cover it: $0.0023 at worst, $0.001 allowed"),
        ({"usd": 1}, Forecast("unknown", 1, 1), 0, "no price is known for 'unknown'; add it to the settings (prices)"),
        ({"wall_seconds": 5}, None, 5.0, "the budget of 5 s wall time is used up"),
    ],
)
def test_money_and_time_are_limits_too(limits, forecast, now_s, reason) -> None:
    assert ledger(**limits).reserve("a", forecast, now_s=now_s) == Never(reason)


def test_no_order_of_starts_and_ends_passes_a_limit() -> None:
    rng = random.Random(7)
    book = ledger(tokens=5000, calls=12)
    running: dict[str, Forecast] = {}
    for number in range(400):
        if running and rng.random() < 0.5:
            name = rng.choice(sorted(running))
            forecast = running.pop(name)
            usage = Usage(
                calls=1,
                input_tokens=rng.randint(0, forecast.input_tokens),
                output_tokens=rng.randint(0, forecast.output_tokens),
            )
            book.settle(name, usage, forecast)
        else:
            forecast = Forecast("m", rng.randint(1, 400), rng.randint(1, 400), max_calls=rng.randint(1, 3))
            if isinstance(book.reserve(str(number), forecast), Granted):
                running[str(number)] = forecast
        total = book.spent + book.reserved

        assert total.tokens <= 5000 and total.calls <= 12
