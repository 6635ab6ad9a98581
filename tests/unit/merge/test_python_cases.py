"""Python merges that must not be silent, and merges that must not bother anybody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ptx_prefect.merge import merge_file

CASES = Path(__file__).parents[2] / "cases"


def names_in(folder: str) -> list[str]:
    return sorted(file.name.removesuffix(".ours.txt") for file in (CASES / folder).glob("*.ours.txt"))


def read(folder: str, name: str) -> tuple[bytes, bytes, bytes]:
    base = (CASES / folder / "base.py.txt").read_bytes()
    ours, theirs = ((CASES / folder / f"{name}.{side}.txt").read_bytes() for side in ("ours", "theirs"))
    return base, ours, theirs


@pytest.mark.parametrize("name", names_in("must_conflict"))
def test_edits_that_are_at_odds_are_never_merged_in_silence(name: str) -> None:
    base, ours, theirs = read("must_conflict", name)

    for sides in ((ours, theirs), (theirs, ours)):
        merged = merge_file(base, sides, path="shop.py")

        assert merged.conflicts, [resolution.reason for resolution in merged.resolutions]
        assert {row.path for row in (*merged.conflicts, *merged.resolutions)} == {"shop.py"}
        kept = set(merged.content.splitlines())
        for side in (ours, theirs):
            added = set(side.splitlines()) - set(base.splitlines())
            assert added <= kept


@pytest.mark.parametrize("name", names_in("decoys"))
def test_edits_that_go_together_are_merged_alike_in_both_orders(name: str) -> None:
    base, ours, theirs = read("decoys", name)

    merged, swapped = (merge_file(base, sides, path="shop.py") for sides in ((ours, theirs), (theirs, ours)))

    assert merged.is_clean, [conflict.reason for conflict in merged.conflicts]
    assert merged.content == swapped.content
    assert set(words(merged.content)) >= new_words(base, ours) | new_words(base, theirs)
    ast.parse(merged.content)
    assert merge_file(base, (theirs, merged.content, ours), path="shop.py").content == merged.content


def words(source: bytes) -> list[str]:
    return [
        node.id if isinstance(node, ast.Name) else node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name | ast.FunctionDef | ast.ClassDef | ast.alias)
    ]


def new_words(base: bytes, side: bytes) -> set[str]:
    return set(words(side)) - set(words(base))


def test_the_sets_are_as_large_as_they_claim() -> None:
    assert len(names_in("must_conflict")) >= 60
    assert len(names_in("decoys")) >= 60
