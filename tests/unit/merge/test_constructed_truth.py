"""Merges of real modules whose answer is known beforehand: the exact text, or a conflict."""

from __future__ import annotations

import ast
import random

import pytest

from ptx_prefect.merge import merge_file
from tests.fakes.constructed import AT_ODDS, EDITS, Patch, are_apart, patched, scene


@pytest.mark.parametrize("seed", range(24))
def test_edits_of_different_places_give_exactly_the_text_with_all_of_them(seed: int) -> None:
    dice = random.Random(seed)
    base = scene(dice)
    by_side: list[list[Patch]] = []
    for number in range(2 + seed % 5):
        patches = dice.choice(EDITS)(base, dice, number)
        everything = [patch for side in [*by_side, patches] for patch in side]
        if patches and are_apart(everything, base.lines):
            by_side.append(patches)
    sides = [patched(base.lines, patches).encode() for patches in by_side]
    wanted = patched(base.lines, [patch for patches in by_side for patch in patches])

    merged = merge_file(base.text.encode(), sides, path="module.py")

    assert [conflict.reason for conflict in merged.conflicts] == []
    assert merged.content.decode() == wanted
    dice.shuffle(sides)
    assert merge_file(base.text.encode(), sides, path="module.py").content == merged.content
    assert merge_file(base.text.encode(), [*sides, merged.content], path="module.py").content == merged.content


@pytest.mark.parametrize("kind", AT_ODDS, ids=lambda kind: kind.__name__.strip("_"))
@pytest.mark.parametrize("seed", range(5))
def test_edits_at_odds_are_flagged_wherever_they_stand(kind, seed: int) -> None:  # type: ignore[no-untyped-def]
    dice = random.Random(seed)
    tries = ((base, kind(base, dice)) for base in (scene(dice) for _ in range(50)))
    base, sides = next((base, sides) for base, sides in tries if sides is not None)
    assert all(ast.parse(side) and side != base.text for side in sides)

    for order in (sides, sides[::-1]):
        assert merge_file(base.text.encode(), [side.encode() for side in order], path="module.py").conflicts
