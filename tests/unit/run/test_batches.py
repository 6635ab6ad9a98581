"""Small sections go out together, long ones never wait for them."""

from __future__ import annotations

from ptx_prefect.run.batches import BATCH_S, Batches
from ptx_prefect.run.outcomes import Done
from ptx_prefect.run.scheduler import RetryPolicy, Scheduler


def test_sections_known_to_be_tiny_share_a_run_and_every_worker_gets_its_share() -> None:
    batches = Batches({}, dict.fromkeys("abcdefgh", 0.001))

    assert batches.size("a", ready=7, free=2, workers=2) == 4
    assert batches.size("a", ready=7, free=1, workers=4) == 2


def test_nothing_is_batched_while_workers_are_free_for_all_of_it() -> None:
    assert Batches({}, {"a": 0.001, "b": 0.001}).size("a", ready=1, free=2, workers=2) == 1


def test_an_unknown_section_goes_alone_until_others_of_its_family_were_quick() -> None:
    batches = Batches({"a": "f", "b": "f", "c": "f", "d": "f"}, {})
    before = batches.size("d", ready=99, free=1, workers=1)
    for name in "abc":
        batches.took(name, 0.001)

    assert before == 1 and batches.size("d", ready=99, free=1, workers=1) == 100


def test_one_slow_member_makes_its_family_suspect_even_against_history() -> None:
    batches = Batches(dict.fromkeys("abcd", "f"), {"d": 0.001})
    for name, seconds in (("a", 0.001), ("b", 2.0), ("c", 0.001)):
        batches.took(name, seconds)

    assert batches.size("d", ready=99, free=1, workers=1) == 1


def test_a_batch_is_bounded_in_seconds() -> None:
    assert Batches({}, {"a": 0.025}).size("a", ready=999, free=1, workers=1) == int(BATCH_S / 0.025)


def scheduler(*names: str) -> Scheduler:
    return Scheduler(dict.fromkeys(names, ()), {}, retry=RetryPolicy())


def test_sections_go_along_only_up_to_the_first_that_does_not_fit() -> None:
    made = scheduler("a", "b", "long", "c")
    first = made.start(0.0, limit=1)

    assert [start.name for start in first + made.start_along(9, fits=lambda name: name != "long")] == ["a", "b"]
    assert made.ready_count == 2


def test_a_section_that_was_not_begun_is_ready_again_and_has_used_no_attempt() -> None:
    made = scheduler("a", "b")
    made.start(0.0, limit=2)
    made.put_back("b")
    made.finish("a", Done(), 1.0)
    again = made.start(1.0, limit=2)

    assert [(start.name, start.attempt) for start in again] == [("b", 1)]
    made.finish("b", Done(), 2.0)
    assert not made.is_active


def test_a_section_that_was_not_begun_is_skipped_once_the_run_has_stopped() -> None:
    made = scheduler("a")
    made.start(0.0, limit=1)
    made.stop("stopped")
    made.put_back("a")

    assert not made.is_active and "stopped" in str(made.outcomes["a"])


def test_one_call_that_a_busy_machine_held_up_does_not_end_the_batches() -> None:
    batches = Batches({f"s{n}": "f" for n in range(100)}, {})
    for n in range(40):
        batches.took(f"s{n}", 0.2 if n == 20 else 0.001)

    assert batches.size("s99", ready=500, free=1, workers=4) > 10
