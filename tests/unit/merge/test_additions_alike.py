"""Definitions that both sides add at one place, and that are in part alike."""

from __future__ import annotations

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
