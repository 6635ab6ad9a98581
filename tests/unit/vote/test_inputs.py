"""Inputs made from visible calls."""

from __future__ import annotations

import ast

from ptx_prefect.vote.inputs import more_inputs


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
    assert more_inputs(["f(x)", "f()", "g.h(1)", "not python("], wanted=5) == ()
