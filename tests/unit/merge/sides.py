"""Sides made from a base and edits, and what every merge of them has to keep."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ptx_prefect.merge import FileMerge, merge_file

Edit = tuple[str, str]
"""Old text, new text: the first place of the old one changes."""


def merged_both_ways(base: bytes, ours: bytes, theirs: bytes) -> FileMerge:
    """The merge of two sides of a Python file, which has to be the same with the sides swapped."""
    result, swapped = (merge_file(base, sides, path="client.py") for sides in ((ours, theirs), (theirs, ours)))
    assert result.is_clean == swapped.is_clean
    assert not result.is_clean or result.content == swapped.content
    return result


def merged_edits(base: str, path: str, edits: Sequence[Edit]) -> FileMerge:
    """One side an edit of the base."""
    assert all(old in base for old, _ in edits), edits
    return merge_file(base.encode(), [base.replace(*edit, 1).encode() for edit in edits], path=path)


def merged_in_every_order(base: str, path: str, edits: Sequence[Edit]) -> FileMerge:
    """A merge that has to be clean and the same whatever the order of its sides."""
    results = [merged_edits(base, path, order) for order in itertools.permutations(edits)]
    for result in results:
        assert result.is_clean, result.content.decode()
        assert result.content == results[0].content
    return results[0]


def conflicts_in_every_order(base: str, path: str, edits: Sequence[Edit]) -> list[FileMerge]:
    """Merges that have to be conflicts whatever the order of the sides, with every line that a side put in."""
    results = [merged_edits(base, path, order) for order in itertools.permutations(edits)]
    for result in results:
        assert not result.is_clean, result.content.decode()
        for edit in edits:
            added = _lines_of(base.replace(*edit, 1)) - _lines_of(base)
            assert added <= _lines_of(result.content.decode()), added
    return results


def _lines_of(text: str) -> set[str]:
    """The lines but for the comma at their end, which depends on what follows."""
    return {line.rstrip(",") for line in text.splitlines()}
