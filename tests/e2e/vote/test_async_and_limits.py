"""Coroutines as candidates and as tests; what a task may say about the limits; a large field in several sandboxes."""

from __future__ import annotations

from functools import partial

import pytest

from ptx_prefect.vote import Limits, Sandbox, VoteSettings
from ptx_prefect.vote.laboratory import settings_for
from ptx_prefect.vote.pytest_files import file_tests
from tests.e2e.vote.conftest import vote_on

AWAITED = "import asyncio\n\nasync def fetch(n):\n    await asyncio.sleep(0)\n    return n * 2"
WRONG = "async def fetch(n):\n    return n + 2"
PLAIN = "def fetch(n):\n    return n * 2"
BUSY = "async def fetch(n):\n    return sum(1 for _ in range(20000)) * 0 + n * 2"
LOOPS = "def fetch(n):\n    while True:\n        pass"

hold = partial(vote_on, entry_point="fetch")


@pytest.mark.parametrize("test", ["assert await fetch(3) == 6", "assert asyncio.run(fetch(3)) == 6"])
def test_a_coroutine_is_awaited_and_a_plain_function_cannot_be(test: str, sandbox: Sandbox) -> None:
    decision = hold({"wrong": WRONG, "right": AWAITED, "plain": PLAIN}, sandbox, tests=[test])

    assert decision.winner == "right"
    assert set(decision.gated_out) == {"wrong", "plain"}


def test_more_inputs_are_made_for_coroutines_and_what_they_give_is_compared(sandbox: Sandbox) -> None:
    decision = hold({"wrong": WRONG, "a": AWAITED, "b": BUSY}, sandbox, tests=["assert await fetch(2) == 4"])

    assert decision.groups[0] == ("a", "b")
    assert decision.winner == "a", "the work of a coroutine is timed, not the making of it"


def test_inputs_are_awaited_where_they_say_so(sandbox: Sandbox) -> None:
    awaited = hold({"wrong": WRONG, "a": AWAITED, "b": BUSY}, sandbox, inputs=["await fetch(3)", "await fetch(5)"])
    (bare,) = sandbox.observe(AWAITED, ["fetch(3)"], entry_point="fetch").outputs

    assert awaited.groups[0] == ("a", "b")
    assert bare.kind == "error", "a coroutine that nobody awaits is no answer"


def test_an_asynchronous_test_of_a_file_is_run(sandbox: Sandbox) -> None:
    text = (
        "import asyncio, pytest\nfrom mine import fetch\n\n"
        "@pytest.mark.asyncio\nasync def test_fetch():\n    assert await fetch(4) == 8\n"
    )
    found = file_tests(text.replace(", pytest", ""), entry_point="fetch")

    assert not found.left_out
    decision = hold({"wrong": WRONG, "right": AWAITED}, sandbox, tests=found.tests)
    assert decision.winner == "right" and decision.gated_out == ("wrong",)


def test_a_program_that_hangs_in_every_call_is_given_up_after_the_second(sandbox: Sandbox) -> None:
    limits = Limits(call_cpu_s=0.4, expired_cpu_s=0.1)
    seen = sandbox.observe(LOOPS, [f"fetch({n})" for n in range(30)], entry_point="fetch", limits=limits)

    assert {output.kind for output in seen.outputs} == {"timeout"} and len(seen.outputs) == 30
    assert seen.cpu_s < 2 * 0.4, "the second call had less time than the first"


DEAF = """
def fetch(n):
    while n == 1:
        try:
            time.sleep(60)
        except BaseException:
            pass
    return n
"""
UNHEARD = """
class Last:
    def __del__(self):
        time.sleep(60)
def fetch(n):
    Last()
    return n
"""


def test_a_call_that_does_not_heed_its_end_is_over_all_the_same(sandbox: Sandbox) -> None:
    limits = Limits(call_wall_s=0.5, expired_wall_s=0.2)
    calls = [f"fetch({number})" for number in range(4)]
    deaf = sandbox.observe(DEAF, calls, entry_point="fetch", prelude="import time", limits=limits)
    unheard = sandbox.observe(UNHEARD, calls, entry_point="fetch", prelude="import time", limits=limits)
    loading = sandbox.observe(DEAF + "\nfetch(1)", calls, entry_point="fetch", prelude="import time", limits=limits)

    assert [output.kind for output in deaf.outputs] == ["value", "timeout", "value", "value"]
    assert {output.kind for output in unheard.outputs} == {"timeout"}, "an answer after the time is none"
    assert not loading.loads and loading.problem == "did not finish loading in time"


def test_what_a_call_may_take_is_the_tasks_to_say_and_a_limit_met_is_told(sandbox: Sandbox) -> None:
    slow = "import time\n\ndef fetch(n):\n    while time.process_time() < START + 0.3:\n        pass\n    return n\n"
    slow += "START = time.process_time()"
    tight = hold({"slow": slow}, sandbox, tests=["assert fetch(1) == 1"], settings=settings_for(0.1, 512))
    wide = hold({"slow": slow}, sandbox, tests=["assert fetch(1) == 1"], settings=settings_for(2.0, 512))

    assert not all(tight.gate[0].passed) and wide.gate[0].passed == (True,)
    assert any("main_task.call_seconds" in note for note in tight.rationale["sandbox"]), tight.rationale
    assert not any("main_task.call_seconds" in note for note in wide.rationale["sandbox"])


def test_memory_is_the_tasks_to_say(sandbox: Sandbox) -> None:
    large = "def fetch(n):\n    return len(bytearray(200_000_000)) - 200_000_000 + n"
    test = ["assert fetch(1) == 1"]

    assert hold({"large": large}, sandbox, tests=test, settings=settings_for(5.0, 160)).gate[0].passed == (False,)
    assert hold({"large": large}, sandbox, tests=test, settings=settings_for(5.0, 1024)).gate[0].passed == (True,)


def test_a_large_field_is_observed_in_its_order_whatever_runs_beside(sandbox: Sandbox) -> None:
    sources = [f"def fetch(n):\n    return n + {number}" for number in range(40)]
    seen = sandbox.observe_all(sources, ["fetch(0)"], entry_point="fetch")

    assert [one.outputs[0].value for one in seen] == list(range(40))
    assert VoteSettings().limits == Limits(), "what a task does not say is as it was"
