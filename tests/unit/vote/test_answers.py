"""Consensus between answers in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.vote.answers import is_decided, items_of, normalised, poll


def heard(*texts):
    return [(f"v{index}", text) for index, text in enumerate(texts)]


def agree(one, other):
    return poll(heard(one, other)).voters == ("v0", "v1")


class TestSameAnswer:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Paris.", "  the answer is paris"),
            ("1,000.50", "1000.5"),
            ("**42**", "Final answer: 42"),
            ("Straße", "STRASSE"),
            ('{"a": 1, "b": [1.0, 2]}', "```json\n{'b': [1, 2.0], 'a': 1.0}\n```"),
            ("- red\n- blue", "1. Blue\n2. Red"),
            ("Colours:\n* red\n* blue", "- blue\n- red"),
        ],
    )
    def test_forms_of_one_answer_are_the_same(self, one, other):
        assert agree(one, other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Paris", "Lyon"),
            ("1.05", "10.5"),
            ("-3", "3"),
            ("[1, 2]", "[2, 1]"),
            ('{"a": 1}', '{"a": true}'),
            ("- red\n- blue", "- red"),
            ("v1.2.0", "v1.20"),
        ],
    )
    def test_different_answers_stay_apart(self, one, other):
        assert not agree(one, other)

    @given(st.text())
    def test_normalising_is_total_and_settled_for_layout(self, text):
        assert normalised(f"  {text.strip()}\n") == normalised(text.strip())

    @settings(max_examples=30)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
        )
    )
    def test_layout_of_json_does_not_matter(self, value):
        wrapped = {"value": value}

        assert agree(json.dumps(wrapped), json.dumps(wrapped, indent=3, ensure_ascii=False))


class TestPoll:
    def test_the_largest_group_wins(self):
        result = poll(heard("Paris", "Lyon", "paris.", "Nice", "PARIS"))

        assert result.answer == "Paris"
        assert result.voters == ("v0", "v2", "v4")
        assert result.share == 0.6
        assert result.tied == ()

    def test_equal_groups_are_a_tie(self):
        assert poll(heard("a", "b", "c", "a", "b")).tied == ("v1", "v4")

    @pytest.mark.parametrize(("quorum", "reached"), [(0.6, True), (0.61, False), (None, True)])
    def test_the_quorum_counts_those_that_gave_no_answer_too(self, quorum, reached):
        assert poll(heard("a", "a", "a", "b"), absent=1, quorum=quorum).reached is reached

    def test_who_cannot_change_the_outcome_is_not_asked(self):
        assert not is_decided(heard("a", "a", "b"), left=2, ahead_by=9)
        assert is_decided(heard("a", "a", "b", "a"), left=1, ahead_by=9)

    def test_a_lead_of_k_is_enough(self):
        assert not is_decided(heard("b", "a", "a"), left=9, ahead_by=2)
        assert is_decided(heard("b", "a", "a", "a"), left=9, ahead_by=2)

    def test_with_a_quorum_asking_goes_on_while_it_can_be_met(self):
        rows = heard("a", "a", "b", "c", "d")

        assert is_decided(rows, left=20, ahead_by=1)
        assert not is_decided(rows, left=20, ahead_by=1, quorum=0.5)
        assert is_decided(rows, left=0, ahead_by=1, quorum=0.5)

    @given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), st.integers(0, 8))
    def test_stopping_where_nobody_can_catch_up_never_changes_the_winner(self, texts, asked):
        first = heard(*texts)[:asked]

        if first and is_decided(first, left=len(texts) - len(first), ahead_by=99):
            assert poll(heard(*texts)).answer == poll(first).answer or len(first) == len(texts)

    def test_sets_are_joined_by_the_majority_of_each_item(self):
        result = poll(heard("- a\n- b", "- a\n- c", "- b\n- a", "- d"))

        assert result.form == "set"
        assert list(result.items.items()) == [("a", 0.75), ("b", 0.5), ("c", 0.25), ("d", 0.25)]
        assert result.answer == "- a"
        assert result.voters == ("v0", "v2")

    def test_no_answers_give_no_winner(self):
        result = poll([])

        assert result.answer is None
        assert not result.reached


def test_a_list_is_read_as_its_items_and_prose_as_none():
    assert items_of("Colours:\n- A\n2. b") == {"a", "b"}
    assert items_of("just prose\nof two lines") is None
