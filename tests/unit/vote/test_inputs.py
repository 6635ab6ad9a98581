"""Inputs made from visible calls."""

from __future__ import annotations

import ast

from ptx_prefect.vote.inputs import more_inputs, more_programs


def arguments(call: str) -> list[object]:
    tree = ast.parse(call, mode="eval").body
    assert isinstance(tree, ast.Call)
    return [ast.literal_eval(node) for node in [*tree.args, *(one.value for one in tree.keywords)]]


def test_arguments_keep_their_types() -> None:
    made = more_inputs(["f([1, 2, 3], 'abc', 2.5, {'a': 1}, (1, 'x'), True, k={1, 2})"], wanted=60)

    assert len(made) == 60
    for call in made:
        kinds = [type(value) for value in arguments(call)]
        assert kinds == [list, str, float, dict, tuple, bool, set]


def test_the_same_calls_give_the_same_new_ones() -> None:
    calls = ["f(3, [1, 2])", "f(5, [])"]

    assert more_inputs(calls, wanted=20) == more_inputs(calls, wanted=20)
    assert not set(more_inputs(calls, wanted=20)) & set(calls)


def test_numbers_stay_positive_unless_a_negative_one_was_shown() -> None:
    assert all(arguments(call)[0] >= 0 for call in more_inputs(["f(7)"], wanted=10))  # type: ignore[operator]
    assert any(arguments(call)[0] < 0 for call in more_inputs(["f(-7)"], wanted=10))  # type: ignore[operator]


def test_calls_without_literal_arguments_give_none() -> None:
    assert more_inputs(["f(x)", "f()", "f(None)", "f(*[1])", "not python("], wanted=5) == ()


def test_what_is_written_out_inside_other_calls_is_changed_too() -> None:
    made = more_inputs(["later(date(2024, 1, 31), Span([1, 2]).of(3))"], wanted=40)

    assert len(made) == 40
    assert all(call.startswith("later(date(") and "Span([" in call for call in made)
    assert len({call.partition(", Span")[0] for call in made}) > 5, "the date's numbers"
    assert len({call.partition(", Span")[2] for call in made}) > 5, "the list and the number"


def test_how_long_something_waits_stays_as_it_is() -> None:
    test = "async def g(x):\n    await asyncio.sleep(0.01 * (3 - x))\nassert run(g, [1, 2], timeout=5) == [1]"

    made = more_programs([test], wanted=10)
    assert made and all("sleep(0.01 * (3 - x))" in one and "timeout=5" in one for one in made)


def test_numbers_without_end_can_be_read_back() -> None:
    for call in more_inputs(["f(1e308)"], wanted=20):
        eval(call, {"f": float})


def test_a_test_in_steps_gets_other_values_in_its_steps_and_keeps_what_it_expects() -> None:
    test = "s = Stack(2)\ns.push(1)\nassert s.pop() == 1234\nassert s.has(5)"
    made = more_programs([test], wanted=20)

    assert len(made) == 20 and all("== 1234" in one for one in made)
    for place in ("Stack(2)", "push(1)", "has(5)"):
        assert any(place not in one for one in made), place
