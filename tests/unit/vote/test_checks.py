"""What a test asks of a candidate, and how its answers are judged outside of it."""

from __future__ import annotations

from typing import Any

import pytest

from ptx_prefect.errors import VoteError
from ptx_prefect.vote import vote
from ptx_prefect.vote.checks import Check, calls_entry, judge, make_check
from ptx_prefect.vote.sandbox import Sandbox
from ptx_prefect.vote.values import Output


def judged(check: Check, *values: object) -> tuple[bool, str]:
    (verdict,) = judge([(check, [Output("value", "", value) for value in values])], sandbox=Sandbox())
    return verdict.passed, verdict.seen


@pytest.mark.parametrize(
    ("test", "calls"),
    [
        ("assert f(1) == f(2)", ("f(1)", "f(2)")),
        ("assert f(1).name[0] == 'a'", ("f(1).name[0]",)),
        ("assert asyncio.run(f(1)) == 2", ("await f(1)",)),
        ("assert not f(1)", ("f(1)",)),
    ],
)
def test_calls_are_made_by_the_candidate_and_the_rest_is_judged_outside(test: str, calls: tuple[str, ...]) -> None:
    check = make_check(test, "f")

    assert check.calls == calls
    assert check.judgement is not None and "f(" not in check.judgement


@pytest.mark.parametrize("test", ["assert all(f(n) == n for n in (1, 2))", "assert (lambda n: f(n))(2) == 2"])
def test_a_call_of_a_bound_name_makes_the_whole_test_a_program(test: str) -> None:
    """Outside, nobody could fill in the variable."""
    check = make_check(test, "f")

    assert check.judgement is None
    assert len(check.calls) == 1 and "f(n)" in check.calls[0]


@pytest.mark.parametrize(
    ("test", "value", "verdict"),
    [
        ("assert f(1)", 3, (True, "3")),
        ("assert f(1)", 0, (False, "0")),
        ("assert not f(1)", 0, (True, "0")),
        ("assert f(1) < 4", 3, (True, "3")),
        ("assert f(1) in [1, 2]", 3, (False, "3")),
        ("assert f(1) < 4", "3", (False, "'3' (TypeError)")),
    ],
)
def test_a_plain_comparison_is_judged_without_another_process(
    test: str, value: object, verdict: tuple[bool, str]
) -> None:
    assert judged(make_check(test, "f"), value) == verdict


def test_a_call_that_ended_otherwise_fails_whatever_is_asked() -> None:
    check = make_check("assert f(1) != 2", "f")
    (verdict,) = judge([(check, [Output("error", "ValueError")])], sandbox=Sandbox())

    assert (verdict.passed, verdict.seen) == (False, "error: ValueError")


PROGRAM = make_check("x = f(1)\nassert x == 2\nassert f(2) == pytest.approx(0.3)", "f")


@pytest.mark.parametrize(
    ("recorded", "verdict"),
    [
        ([(0, 2), (1, 0.3)], (True, "")),
        ([(0, 2), (1, 0.4)], (False, "0.4")),
        ([(0, 2), (1, "word")], (False, "'word'")),
        ([(0, 2)], (False, "did not reach every assert")),
        ("a text", (False, "did not record its asserts")),
        ([(0, 2), (7, True)], (False, "did not record its asserts")),
        ([("0", 2)], (False, "did not record its asserts")),
        ([(0, 2, 3)], (False, "did not record its asserts")),
    ],
)
def test_what_a_program_recorded_has_to_be_whole(recorded: Any, verdict: tuple[bool, str]) -> None:
    """A candidate that writes the record itself gains nothing by another form of it."""
    assert judged(PROGRAM, recorded) == verdict


@pytest.mark.parametrize(
    ("wanted", "value", "passes"),
    [
        ("[0.1, {'a': 1.0}]", [0.1 + 1e-12, {"a": 1.0}], True),
        ("{'a': 1.0}", {"b": 1.0}, False),
        ("[1.0, 2.0]", [1.0], False),
        ("'word'", "word", True),
        ("True", 1, True),
        ("100, rel=0.1", 109, True),
        ("100, abs=1", 102, False),
        ("100, 0.1, 1", 109, True),
    ],
)
def test_nearly_equal_is_what_pytest_calls_so(wanted: str, value: object, passes: bool) -> None:
    check = make_check(f"x = f(1)\nassert x == pytest.approx({wanted})", "f")

    assert judged(check, [(0, value)])[0] is passes


@pytest.mark.parametrize("odd", ["approx(limit)", "approx(1.0, nan_ok=True)"])
def test_a_nearness_that_is_not_written_out_is_left_to_the_program(odd: str) -> None:
    check = make_check(f"limit = 1.0\nassert f(1) == pytest.{odd}", "f")

    assert check.expected == (None,)


@pytest.mark.parametrize("source", ["assert (", "assert 1 == 1", "f(1)", "x\0"])
def test_a_test_that_asks_nothing_is_refused(source: str) -> None:
    with pytest.raises(VoteError, match=r"is no Python|asserts nothing about 'f'"):
        make_check(source, "f")


def test_an_input_has_to_call_the_entry_point() -> None:
    assert calls_entry("g(f(1))", "f")
    assert not calls_entry("g(1)", "f")
    assert not calls_entry("f(", "f")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"aggregation": "consenus"}, "'consenus' is unknown; did you mean 'consensus'"),
        ({"tests": "assert f(1)"}, r"tests takes a list of strings, found the string 'assert f\(1\)'; write tests="),
    ],
)
def test_what_a_type_checker_would_refuse_is_refused_at_once(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(VoteError, match=told):
        vote([], entry_point="f", **keys)
