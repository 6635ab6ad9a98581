"""The limiter: shrinks at refusals, grows at answers, never sends while the provider asked to wait."""

from __future__ import annotations

from ptx_prefect.run.limiter import Limiter, Throttle


def test_a_burst_of_refusals_halves_once_and_closes_for_the_time_named() -> None:
    limiter = Limiter(limit=10)
    tickets = [limiter.enter(0.0) for _ in range(10)]
    for ticket in tickets:
        limiter.refused(int(ticket), 0.0, retry_after_s=3.0)

    assert limiter.limit == 5
    assert limiter.enter(1.0) == 2.0
    assert isinstance(limiter.enter(3.0), int)


def test_answers_let_it_grow_again() -> None:
    limiter = Limiter(limit=8)
    limiter.refused(int(limiter.enter(0.0)), 0.0, retry_after_s=0.0)
    shrunk = limiter.limit
    for _ in range(30):
        limiter.succeeded(int(limiter.enter(1.0)))

    assert shrunk == 1 and 5 <= limiter.limit <= 8


def test_no_more_than_the_limit_at_once() -> None:
    limiter = Limiter(limit=2)
    first, second, third = (limiter.enter(0.0) for _ in range(3))

    assert isinstance(first, int) and isinstance(second, int) and isinstance(third, float)

    limiter.left(first)

    assert isinstance(limiter.enter(0.1), int)


def test_ten_thousand_refusals_leave_one_call_at_a_time() -> None:
    limiter = Limiter(limit=10)
    now_s = 0.0
    for _ in range(100):
        ticket = limiter.enter(now_s)
        limiter.refused(int(ticket), now_s, retry_after_s=1.0)
        now_s += 1.0

    assert limiter.limit == 1


def test_a_run_shrinks_once_for_sections_that_were_under_way_together_and_recovers() -> None:
    throttle = Throttle()
    for running in range(8, 0, -1):
        throttle.refused("p", started_s=0.0, now_s=1.0, running=running)
    shrunk = throttle.capped(8)
    throttle.refused("p", started_s=2.0, now_s=3.0, running=4)
    again = throttle.capped(8)
    for _ in range(40):
        throttle.succeeded()

    assert (shrunk, again, throttle.capped(8)) == (4, 2, 8)
    assert throttle.notes == ("p asked 9 times to wait; down to 2 section(s) at once",)
