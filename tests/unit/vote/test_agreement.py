"""Groups by behaviour and their support."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.vote.agreement import Behaviour, group_by_behaviour
from ptx_prefect.vote.inside.wire import UNSEEN
from ptx_prefect.vote.meant_errors import raised_by, wanted_by, with_meant
from ptx_prefect.vote.same_program import form_of, largest_copy
from ptx_prefect.vote.values import Output


def answers(*keys: str, credence: float = 1.0) -> Behaviour:
    outputs = tuple(Output("error", key[1:]) if key.startswith("!") else Output("value", key) for key in keys)
    return Behaviour(outputs, credence)


def test_the_behaviour_of_most_comes_first() -> None:
    groups, supports = group_by_behaviour({"a": answers("1", "2"), "b": answers("1", "3"), "c": answers("1", "3")})

    assert groups == (("b", "c"), ("a",))
    assert supports[0] > supports[1] and abs(sum(supports) - 1) < 1e-9


def test_partial_agreement_lends_support() -> None:
    """Four answer differently, but one of them shares most answers with the others."""
    field = {"lone": answers("9", "9", "9"), "x": answers("1", "2", "8"), "mid": answers("1", "2", "3")}
    field["y"] = answers("7", "2", "3")
    groups, _ = group_by_behaviour(field)

    assert groups[0] == ("mid",)


def test_the_same_error_is_no_agreement() -> None:
    field = {"a": answers("!Key", "!Key", "1"), "b": answers("!Key", "!Key", "1"), "c": answers("4", "5", "6")}
    groups, _ = group_by_behaviour({**field, "d": answers("4", "5", "7")})

    assert groups[0][0] in {"c", "d"}


def test_candidates_that_only_fail_or_give_none_come_last_without_support() -> None:
    field = {"none": answers("None", "None"), "none2": answers("None", "!E"), "one": answers("1", "2")}
    groups, supports = group_by_behaviour(field)

    assert groups == (("one",), ("none",), ("none2",))
    assert supports == (1.0, 0.0, 0.0)


def test_where_all_fail_each_stands_alone_without_support() -> None:
    groups, supports = group_by_behaviour({"a": answers("!Name"), "b": answers("!Name"), "c": answers("None")})

    assert groups == (("a",), ("b",), ("c",))
    assert supports == (0.0, 0.0, 0.0)


def test_records_break_ties_and_overturn_nothing() -> None:
    proven = Behaviour(answers("9").outputs, weight=0.9)
    even = group_by_behaviour({"a": answers("1"), "proven": proven})[0]
    outvoted = group_by_behaviour({"a": answers("1"), "b": answers("1"), "proven": proven})[0]

    assert (even[0], outvoted[0]) == (("proven",), ("a", "b"))


def test_tests_of_unknown_quality_decide_between_groups_of_one_size() -> None:
    groups, _ = group_by_behaviour({"a": answers("1", credence=0.2), "b": answers("2", credence=0.9)})

    assert groups[0] == ("b",)


@given(st.lists(st.lists(st.sampled_from("12!"), min_size=3, max_size=3), min_size=1, max_size=8), st.randoms())
def test_everybody_is_in_one_group_whatever_the_order(rows: list[list[str]], random: object) -> None:
    field = {f"c{index}": answers(*row) for index, row in enumerate(rows)}
    names = list(field)
    random.shuffle(names)  # type: ignore[attr-defined]  # hypothesis' own Random
    groups, supports = group_by_behaviour(field)
    others, other_supports = group_by_behaviour({name: field[name] for name in names})

    assert sorted(name for group in groups for name in group) == sorted(field)
    assert {frozenset(group) for group in groups} == {frozenset(group) for group in others}
    assert [round(one, 9) for one in supports] == [round(one, 9) for one in other_supports]


def test_an_error_that_is_meant_is_an_answer_and_one_that_happens_is_none() -> None:
    strict = "def age(s):\n    if int(s) > 150: raise AgeError(s)\n    return int(s)"
    given = answers("1", "!AgeError (ValueError)", "!KeyError").outputs
    own = with_meant(given, frozenset(), raised_by(strict))
    asked = with_meant(given, wanted_by(["with pytest.raises((LookupError, TypeError)):\n    age('x')"]), frozenset())

    assert [one.meant for one in own] == ["", "ValueError", ""]
    assert [one.meant for one in asked] == ["", "", "KeyError"], "a KeyError is a LookupError"
    assert [one.is_answer for one in own] == [True, True, False]


@pytest.mark.parametrize("key", ["NotImplementedError", "SystemExit", "TodoError (NotImplementedError)"])
def test_what_stands_for_a_missing_answer_is_none(key: str) -> None:
    raised = raised_by("def f():\n    raise NotImplementedError\n    raise SystemExit(0)\n    raise mine.TodoError()")

    assert not with_meant([Output("error", key)], frozenset(), raised)[0].meant


def test_tests_that_catch_anything_want_nothing_in_particular() -> None:
    wanted = wanted_by(["try:\n    f(1)\nexcept Exception:\n    pass"])

    assert not with_meant([Output("error", "KeyError")], wanted, frozenset())[0].meant


def test_those_that_refuse_alike_are_not_outdone_by_one_that_takes_everything() -> None:
    meant = tuple(replace(one, meant="ValueError") for one in answers("!ValueError", "!ValueError").outputs)
    refusing = Behaviour((*answers("1").outputs, *meant))
    groups, _ = group_by_behaviour({"lax": answers("1", "151", "999"), "a": refusing, "b": refusing})

    assert groups == (("a", "b"), ("lax",))


def test_functions_and_the_like_agree_with_nobody() -> None:
    unseen = answers(f"{UNSEEN}function", f"{UNSEEN}function")
    groups, supports = group_by_behaviour({"a": unseen, "b": unseen, "c": answers("1", "2")})

    assert groups == (("c",), ("a",), ("b",)) and supports[1:] == (0.0, 0.0)


def test_given_calls_together_weigh_more_than_all_that_were_made_up() -> None:
    """Made-up calls ask for what nobody wants: there right programs fail, or differ for no reason."""
    field = {"lax": answers("9", "1", "2", "3", "4"), "a": answers("7", "!E", "!E", "5", "4")}
    field["b"] = answers("7", "!E", "6", "!E", "4")

    assert group_by_behaviour(field)[0][0] == ("lax",)
    assert group_by_behaviour(field, given=1)[0][0] != ("lax",)


def test_copies_of_one_program_are_no_independent_evidence() -> None:
    copy = Behaviour(answers("1").outputs, program="copied")
    field = {f"copy{number}": copy for number in range(5)}
    field |= {name: Behaviour(answers("2").outputs, program=name) for name in "abc"}

    assert group_by_behaviour(field)[0][0] == ("a", "b", "c")


def test_programs_are_the_same_whatever_their_names_and_comments() -> None:
    plain = "def f(x):\n    y = x + 1\n    return round(y)"
    told = "def f(value: int) -> int:\n    '''Adds.'''\n    # one\n    more = value + 1\n    return round(more)"

    assert form_of(plain) == form_of(told)
    assert form_of(plain) != form_of(plain.replace("round", "int"))
    assert form_of(plain) != form_of(plain.replace("x + 1", "x + 2"))
    assert form_of("no python(") == "no python("
    assert largest_copy([plain, told, "def f(x): return 2"]) == 2
