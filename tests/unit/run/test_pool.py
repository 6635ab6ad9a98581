"""The pool that adapts: grows into free room, shrinks under pressure, and says why."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.run.pool import AdaptivePool, Load, PoolLimits

IDLE = Load(cpu=0.1, used_mb=100, free_mb=8000, total_mb=16000)
LIMITS = PoolLimits(least=2, most=10, start=5)


def run(pool: AdaptivePool, load: Load, *, ready: int = 20, begin_s: float = 0.0, seconds: int = 20) -> int:
    """Sections that always fill the pool; the limit at the end."""
    limit = pool.limit(ready=ready, running=0, now_s=begin_s, load=None)
    for step in range(seconds * 2):
        limit = pool.limit(ready=ready, running=limit, now_s=begin_s + step / 2, load=load)
    return limit


def test_it_grows_to_its_most_while_work_waits_and_the_machine_idles() -> None:
    pool = AdaptivePool(LIMITS)

    assert run(pool, IDLE) == 10
    assert [change.workers for change in pool.changes] == [5, 6, 7, 8, 9, 10]
    assert all("ready" in change.reason for change in pool.changes[1:])


def test_it_does_not_grow_without_waiting_work_nor_on_busy_cores_nor_where_memory_is_short() -> None:
    assert run(AdaptivePool(LIMITS), IDLE, ready=0) == 5
    assert run(AdaptivePool(LIMITS), replace(IDLE, cpu=0.9)) == 5
    assert run(AdaptivePool(LIMITS), replace(IDLE, used_mb=3500)) == 5


def test_memory_pressure_halves_it_down_to_the_least() -> None:
    pool = AdaptivePool(LIMITS)

    assert run(pool, replace(IDLE, used_mb=5000)) == 2
    assert "5000 MB of 4096 MB" in pool.changes[1].reason


def test_a_machine_without_free_memory_shrinks_it_though_others_use_it() -> None:
    pool = AdaptivePool(LIMITS)

    assert run(pool, replace(IDLE, free_mb=200)) == 2
    assert "200 MB free" in pool.changes[1].reason


def test_it_grows_again_when_pressure_is_gone() -> None:
    pool = AdaptivePool(LIMITS)
    run(pool, replace(IDLE, used_mb=5000), seconds=5)

    assert run(pool, IDLE, begin_s=5, seconds=40) == 10


def test_a_step_up_that_finishes_less_is_taken_back() -> None:
    pool = AdaptivePool(replace(LIMITS, most=6))
    for _ in range(40):
        pool.succeeded()
    assert pool.limit(ready=9, running=5, now_s=4.0, load=IDLE) == 6
    for _ in range(12):
        pool.succeeded()

    assert pool.limit(ready=9, running=6, now_s=8.0, load=IDLE) == 5
    assert pool.changes[-1].reason == "6 workers finished less than 5"
    assert pool.limit(ready=9, running=5, now_s=9.0, load=IDLE) == 5


def test_a_provider_that_asks_to_wait_shrinks_it_and_success_lets_it_grow_back() -> None:
    pool = AdaptivePool(replace(LIMITS, start=8, most=8))
    pool.refused("p", started_s=0.0, now_s=1.0, running=8)
    assert pool.limit(ready=9, running=7, now_s=1.0, load=None) == 4
    for _ in range(60):
        pool.succeeded()
        pool.limit(ready=9, running=4, now_s=2.0, load=None)

    assert pool.limit(ready=9, running=4, now_s=3.0, load=None) == 8
    assert pool.changes[1].reason == "a provider asked to wait"
    assert pool.changes[-1].workers == 8
    assert "asked 1 time" in pool.notes[0]


def test_worker_seconds_on_offer_follow_the_changes() -> None:
    pool = AdaptivePool(replace(LIMITS, most=6))
    pool.limit(ready=9, running=5, now_s=2.0, load=IDLE)

    assert pool.offered_s(10.0, used=8) == 2 * 5 + 8 * 6


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.floats(0, 9000),
            st.floats(0, 16000),
            st.integers(0, 50),
            st.integers(0, 12),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_whatever_is_measured_it_stays_within_its_bounds(
    samples: list[tuple[float, float, float, int, int, bool]],
) -> None:
    pool = AdaptivePool(LIMITS)
    for step, (cpu, used_mb, free_mb, ready, running, is_done) in enumerate(samples):
        if is_done:
            pool.succeeded()
        load = Load(cpu=cpu, used_mb=used_mb, free_mb=free_mb, total_mb=16000)
        limit = pool.limit(ready=ready, running=running, now_s=step / 2, load=load)

        assert LIMITS.least <= limit <= LIMITS.most
