"""Rules that look beyond the clash: renamed names, a side that went on, additions that are in part alike."""

from __future__ import annotations

import pytest

from ptx_prefect.merge import FileMerge, merge_file

BASE = """\
def total(prices, rate):
    fee = 2
    return sum(prices) * rate + fee


def show(prices):
    print(prices)
"""


def merged(base: str, ours: str, theirs: str) -> FileMerge:
    one, other = (
        merge_file(base.encode(), [side.encode() for side in sides], path="shop.py")
        for sides in ((ours, theirs), (theirs, ours))
    )
    assert one.is_clean == other.is_clean
    assert not one.is_clean or one.content == other.content
    return one


def test_an_edit_of_a_line_takes_the_new_name_that_the_other_side_gave() -> None:
    ours = BASE.replace("fee", "charge")
    theirs = BASE.replace("sum(prices) * rate + fee", "round(sum(prices) * rate, 2) + fee")

    result = merged(BASE, ours, theirs)

    assert result.is_clean
    assert result.content.decode() == theirs.replace("fee", "charge")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        # the old name is still used by the side that brought in the new one
        (BASE.replace("+ fee", "+ charge"), BASE.replace("+ fee", "- fee")),
        # the other side already uses the new name for something else
        (BASE.replace("fee", "charge"), BASE.replace("* rate + fee", "* charge - fee")),
        # it renames and does more
        (BASE.replace("fee", "charge").replace("sum(", "max("), BASE.replace("+ fee", "- fee")),
        # a name that stands in the base once may be another thing, not another name
        (BASE.replace("print", "log"), BASE.replace("print(prices)", "print(prices, 1)").replace("prices, 1", "1")),
    ],
)
def test_what_is_no_plain_renaming_stays_a_conflict(ours: str, theirs: str) -> None:
    assert not merged(BASE, ours, theirs).is_clean


def test_the_side_that_did_all_that_the_other_did_and_went_on_stands() -> None:
    ours = BASE.replace("fee = 2", "fee = 3\n    fee += 1").replace("print(prices)", "print(sorted(prices))")
    theirs = (
        BASE.replace("fee = 2", "fee = 3\n    log(rate)\n    fee += 1")
        .replace("print(prices)", "print(sorted(prices))")
        .replace("rate + fee", "rate - fee")
    )

    result = merged(BASE, ours, theirs)

    assert result.is_clean
    assert result.content.decode() == theirs
    assert [row.reason for row in result.resolutions] == ["one side went on from the other's"]


def test_a_side_with_a_line_of_its_own_is_not_passed_over() -> None:
    ours = BASE.replace("fee = 2", "fee = 3\n    fee += 1").replace("print(prices)", "print(sorted(prices))")
    theirs = BASE.replace("fee = 2", "fee = 3\n    log(rate)").replace("print(prices)", "print(sorted(prices))")

    assert not merged(BASE, ours, theirs).is_clean


def added(name: str, extra: str = "") -> str:
    return f"\n\ndef test_{name}(client):\n    answer = client.get('/{name}')\n{extra}    assert answer.status == 200\n"


def test_two_tests_that_begin_and_end_alike_are_both_kept() -> None:
    result = merged(BASE, BASE + added("home"), BASE + added("about"))

    assert result.is_clean
    assert result.content.decode() == BASE + added("about") + added("home")


def test_long_additions_in_part_alike_are_left_to_a_person() -> None:
    lines = "".join(f"    client.visit({number})\n" for number in range(30))

    result = merged(BASE, BASE + added("home", lines), BASE + added("about", lines))

    assert not result.is_clean
    assert result.conflicts[0].reason.endswith("both sides added definitions, in part alike")
