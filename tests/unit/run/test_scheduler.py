"""What the scheduler decides when sections end well or badly."""

from __future__ import annotations

import json

import pytest

from ptx_prefect.run.outcomes import (
    Cancelled,
    Done,
    Failed,
    Outcome,
    OverMemory,
    RateLimited,
    Skipped,
    TimedOut,
    Usage,
    headline_of,
    outcome_from_json,
    outcome_to_json,
)
from ptx_prefect.run.scheduler import BREAKER_AFTER, RetryPolicy, Scheduler, Start
from ptx_prefect.tree.changeset import Changeset, FileChange

POLICY = RetryPolicy(max_attempts=3, delay_s=1, multiplier=2, jitter=0)


def scheduler(*names: str, fail_fast: bool = False, **after: tuple[str, ...]) -> Scheduler:
    plan = {**dict.fromkeys(names, ()), **after}
    return Scheduler(plan, dict.fromkeys(plan, 1.0), retry=POLICY, fail_fast=fail_fast)


def test_a_failure_is_tried_three_times_with_doubling_delays() -> None:
    s = scheduler("a")

    assert s.start(0, limit=5) == (Start("a", 1),)
    assert s.finish("a", Failed("no"), 1) == 1
    assert s.start(1.5, limit=5) == () and s.next_wake_s() == 2
    assert s.start(2, limit=5) == (Start("a", 2),)
    assert s.finish("a", TimedOut(3), 5) == 2
    assert s.start(7, limit=5) == (Start("a", 3),)
    assert s.finish("a", Failed("no"), 8) is None
    assert s.outcomes == {"a": Failed("no")} and not s.is_active


@pytest.mark.parametrize("outcome", [Failed("x", permanent=True), Cancelled(), OverMemory(2, 1)])
def test_what_would_fail_again_is_not_tried_again(outcome: Outcome) -> None:
    s = scheduler("a")
    s.start(0, limit=1)

    assert s.finish("a", outcome, 1) is None and not s.is_active


def test_a_rate_limit_takes_no_attempt_and_waits_as_long_as_asked() -> None:
    s = scheduler("a")
    for round_ in range(10):
        assert s.start(round_ * 100, limit=1) == (Start("a", 1),)
        assert s.finish("a", RateLimited("p", 7), round_ * 100) == 7

    assert s.start(1000, limit=1) == (Start("a", 1),)


def test_dependents_of_a_failure_are_skipped_and_the_others_finish() -> None:
    s = scheduler("a", "x", b=("a",), c=("b",))
    s.start(0, limit=5)

    s.finish("a", Failed("no", permanent=True), 1)

    assert [s.outcomes[name] for name in "bc"] == [Skipped("a", "needs 'a', which did not succeed")] * 2
    s.finish("x", Done(), 2)
    assert not s.is_active


def test_fail_fast_starts_nothing_more() -> None:
    s = scheduler("a", "b", "c", fail_fast=True)
    s.start(0, limit=2)
    assert not s.has_failed_fast

    s.finish("a", Failed("no", permanent=True), 1)

    assert s.has_failed_fast and s.start(1, limit=2) == ()
    assert isinstance(s.outcomes["c"], Skipped)
    s.finish("b", Done(), 2)
    assert not s.is_active and "fail_fast" in s.stopped_because


def test_a_fan_out_that_fails_alike_is_stopped() -> None:
    s = scheduler(*[f"s{i}" for i in range(50)])
    for start in s.start(0, limit=BREAKER_AFTER):
        s.finish(start.name, Failed("no such host", permanent=True), 1)

    assert "failed alike: no such host" in s.stopped_because
    assert len(s.outcomes) == 50 and not s.is_active


def test_failures_that_differ_in_their_own_files_only_are_alike() -> None:
    s = scheduler(*[f"s{i}" for i in range(50)])
    for number, start in enumerate(s.start(0, limit=BREAKER_AFTER)):
        s.finish(start.name, Failed(f"exit code 127: tool src/a{number}.py 'a{number}': not found", permanent=True), 1)

    assert "failed alike" in s.stopped_because


def test_failures_of_different_causes_are_not() -> None:
    s = scheduler(*[f"s{i}" for i in range(50)])
    for word, start in zip(("host", "file", "name", "right", "disk"), s.start(0, limit=BREAKER_AFTER), strict=True):
        s.finish(start.name, Failed(f"exit code 1: no {word} of src/a.py", permanent=True), 1)

    assert s.stopped_because == ""


def test_one_success_keeps_the_breaker_closed() -> None:
    s = scheduler("good", *[f"s{i}" for i in range(50)])
    s.start(0, limit=51)
    s.finish("good", Done(), 1)
    for index in range(50):
        s.finish(f"s{index}", Failed("no", permanent=True), 1)

    assert s.stopped_because == ""


@pytest.mark.parametrize(
    "outcome",
    [
        Done({"a": [1]}, Changeset((FileChange("a", None, b"\xff"),)), Usage(1.5, 2.5), "log"),
        Failed("why", "kind", True),
        TimedOut(3, "silent"),
        OverMemory(2, 1),
        RateLimited("p", None),
        Skipped("a", "b"),
        Cancelled("c"),
    ],
)
def test_outcomes_survive_json_and_have_a_headline(outcome: Outcome) -> None:
    assert outcome_from_json(json.loads(json.dumps(outcome_to_json(outcome)))) == outcome
    assert headline_of(outcome)
