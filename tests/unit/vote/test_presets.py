"""The specification's voters by name, and the program in a written answer."""

from __future__ import annotations

import pytest

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.presets import PRESETS, preset, program_in, voter_task


@pytest.mark.parametrize(
    ("family", "names"),
    [
        ("paradigm", {"functional", "oop", "reactive", "imperative", "hybrid"}),
        ("strategy", {"performance", "readability", "maintainability"}),
        ("model", {"haiku", "sonnet", "opus"}),
    ],
)
def test_the_three_families_are_complete(family, names):
    assert {one.name for one in PRESETS if one.family == family} == names


def test_only_model_presets_name_a_model():
    assert {one.name for one in PRESETS if one.model} == {"haiku", "sonnet", "opus"}
    assert preset("Opus ") is preset("opus")
    assert preset("nobody") is None


def test_a_voters_task_holds_the_task_the_approach_and_the_measure():
    text = voter_task("Find a user.", "functional", criteria=["performance"], entry_point="find")

    for part in ("Find a user.", "pure functions", "performance", "'find'"):
        assert part in text


def test_a_stranger_without_a_description_is_refused():
    with pytest.raises(VoteError, match=r"'quantum'.*functional"):
        voter_task("Find a user.", "quantum")
    assert "superposed" in voter_task("Find a user.", "quantum", voter_description="superposed")


def test_the_program_is_the_block_that_defines_the_entry_point():
    answer = "Use:\n```python\nprint(find(1))\n```\nwith\n```python\ndef find(x):\n    return x\n```\nDone."

    assert program_in(answer, entry_point="find") == "def find(x):\n    return x\n"
    assert program_in("x = 1") == "x = 1"
    assert program_in("```\nx = 1\ny = 2") == "x = 1\ny = 2\n"
