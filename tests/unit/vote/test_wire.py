"""Values cross the wall as trees and come back equal."""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.vote.inside.wire import (
    UNSEEN,
    Drained,
    Opaque,
    TooLargeError,
    decode,
    encode,
    kept,
    key_of,
    plain_text,
    shown,
)

plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
hashable = st.none() | st.integers() | st.text() | st.tuples(st.integers(), st.text())
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(hashable, inner) | st.frozensets(hashable)
    ),
    max_leaves=20,
)


def there_and_back(value: object) -> object:
    return decode(json.loads(json.dumps(encode(value))))


@given(values)
def test_builtin_values_come_back_equal_and_of_the_same_type(value: object) -> None:
    back = there_and_back(value)

    assert back == value and type(back) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.50"),
        Fraction(1, 3),
        date(2026, 1, 2),
        timedelta(days=1, seconds=5),
        deque([1, 2]),
        range(2, 9, 3),
        Counter("aab"),
        OrderedDict(a=1),
        defaultdict(int, b=2),
        10**40,
        -(2**60),
        float("inf"),
        {1, 2},
        bytearray(b"x"),
    ],
)
def test_values_of_the_standard_library_come_back_equal(value: object) -> None:
    assert there_and_back(value) == value


def test_subclasses_are_read_as_what_they_hold() -> None:
    class Liar(list):  # type: ignore[type-arg]
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter([42])

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    point = namedtuple("point", "x y")

    assert there_and_back(Liar([1])) == [1]
    assert there_and_back(point(1, 2)) == (1, 2)
    assert there_and_back(IntEnum("Colour", "RED").RED) == 1  # type: ignore[attr-defined]


def test_what_has_no_builtin_form_is_equal_to_nothing() -> None:
    class Yes:
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = object.__hash__

    assert isinstance(there_and_back(Yes()), Opaque)
    assert there_and_back(Yes()) != 1
    assert isinstance(there_and_back(iter([1, 2])), Drained)
    assert there_and_back(iter([1, 2])) != [1, 2]


def test_endless_values_are_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(TooLargeError):
        encode(endless)
    with pytest.raises(TooLargeError):
        encode(x for x in iter(int, 1))


FORGED: list[object] = [["?"], [], ["i"], ["d", 5], ["s", ["l"]], ["T", "timedelta", "x"], [[]], {"a": 1}]
FORGED += [["s", *(["i", hex(k * (2**61 - 1))] for k in range(1, 200))], ["i", "0x" + "f" * 300_000]]
FORGED += [["F", ["i", "0x" + "f" * 5_000], 1], ["F", 1, 0]]


@pytest.mark.parametrize("forged", FORGED)
def test_forged_trees_are_errors_not_crashes(forged: object) -> None:
    try:
        decode(forged)
    except ValueError:
        return
    assert isinstance(forged, dict)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (2, 2.0, True),
        (True, 1, True),
        (0.1 + 0.2, 0.3, True),
        ([1], (1,), False),
        ({1, 2}, {2, 1}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ("1", 1, False),
        (None, 0, False),
        (1.0, 1.001, False),
        (1e-17, 0, True),
        ([1, [2]], [1, 2], False),
        (2**70, float(2**70), False),
        ("a,b", ["a", "b"], False),
    ],
)
def test_keys_agree_where_behaviour_counts_as_the_same(one: object, other: object, same: bool) -> None:
    assert (key_of(encode(one)) == key_of(encode(other))) is same


def test_every_value_can_be_shown() -> None:
    for value in (10**5000, [10**5000], {"a": {10**5000}}, "x" * 1000):
        assert len(shown(decode(encode(value)))) <= 80


def test_text_of_a_candidate_is_one_printable_line() -> None:
    assert plain_text("a\nb\x1b[2J\ud800 ü") == "a\\nb\\x1b[2J\\ud800 ü"


@dataclass(slots=True)
class Spot:
    x: int
    y: int = 0


@dataclass(slots=True)
class Deep(Spot):
    z: int = 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Spot(1, 2), Spot(1, 3)),
        (Deep(1, 2, 3), Deep(0, 2, 3)),
        (ValueError("a"), ValueError("b")),
        (PurePosixPath("a/b.c"), PurePosixPath("a/b")),
        (array("i", [1]), array("i", [2])),
        (memoryview(b"1"), memoryview(b"2")),
        (slice(1), slice(2)),
        (re.compile("a"), re.compile("b")),
        (re.match("(a)b", "ab"), re.match("(a)", "ab")),
        (int, str),
    ],
)
def test_objects_are_told_apart_by_their_state_wherever_it_is_kept(one: object, other: object) -> None:
    assert key_of(encode(one)) != key_of(encode(other))
    assert UNSEEN not in key_of(encode(one))


def test_a_path_is_the_same_however_it_was_made() -> None:
    made = PurePosixPath("a", "b.txt").with_suffix("")
    str(made)

    assert key_of(encode(made)) == key_of(encode(PurePosixPath("a") / "b"))


@pytest.mark.parametrize("value", [lambda: 1, [print], {"a": object()}])
def test_where_nothing_is_seen_the_key_says_so(value: object) -> None:
    assert UNSEEN in key_of(encode(value))
    assert UNSEEN not in key_of(encode("\0"))


def test_what_is_kept_does_not_change_with_the_original() -> None:
    value = {"a": [1, {2}], "b": (deque([3]), bytearray(b"4"))}
    copy = kept(value)
    value["a"][1].add(9)  # type: ignore[attr-defined]
    value["b"][0].append(9)  # type: ignore[attr-defined]
    value["b"][1].append(9)  # type: ignore[attr-defined]

    assert copy == {"a": [1, {2}], "b": (deque([3]), bytearray(b"4"))}
    stream = iter([1])
    assert kept([stream])[0] is stream, "an iterator is not used up"
