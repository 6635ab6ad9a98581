"""The line merge below everything: the same with git, without it, and with one that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptx_prefect.merge.lines import Clash, Kept, git_binary, merge_lines

BASE = "one\ntwo\nthree\nfour\nfive\n"
SIDES = {
    "one side": (BASE.replace("two", "zwei"), BASE),
    "the other side": (BASE, BASE.replace("two", "zwei")),
    "both alike": (BASE.replace("two", "zwei"), BASE.replace("two", "zwei")),
    "two places": (BASE.replace("one", "eins"), BASE.replace("five", "fünf")),
    "one place": (BASE.replace("three", "drei"), BASE.replace("three", "trois")),
    "removed and changed": (BASE.replace("three\n", ""), BASE.replace("three", "drei")),
    "a separator that is no line end": (BASE.replace("one", "o\x0cn\u2028e"), BASE.replace("five", "fünf")),
}


@pytest.fixture
def _path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    git_binary.cache_clear()


def with_git(place: Path, script: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on git is this script, or is not there."""
    if script is not None:
        (place / "git").write_text(f"#!/bin/sh\n{script}\n")
        (place / "git").chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(place), "/nowhere"]))
    git_binary.cache_clear()


@pytest.mark.usefixtures("_path")
@pytest.mark.parametrize("case", SIDES)
@pytest.mark.parametrize("script", [None, "exit 255", "kill -9 $$"])
def test_without_a_git_that_works_the_merge_is_the_same(
    case: str, script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = merge_lines(BASE, *SIDES[case])
    with_git(tmp_path, script, monkeypatch)

    assert merge_lines(BASE, *SIDES[case]) == expected


@pytest.mark.parametrize("sign", ["<", "|", "=", ">"])
@pytest.mark.parametrize("length", range(59, 64))
def test_lines_that_look_like_markers_are_text(sign: str, length: int) -> None:
    """Whatever length the markers have that we ask git for."""
    line = f"{sign * length} x\n"
    chunks = merge_lines(f"a\n{line}b\n", f"a\n{line}B\n", f"a\n{line}c\n")

    assert chunks == (Kept(("a\n", line)), Clash(("b\n",), ("B\n",), ("c\n",)))


def test_a_side_that_holds_a_whole_conflict_of_its_own_keeps_its_lines() -> None:
    marks = [sign * 61 + " x\n" for sign in "<|=>"]
    ours = f"{marks[0]}1\n{marks[1]}2\n{marks[2]}3\n{marks[3]}b\nend\n"
    chunks = merge_lines("b\nend\n", ours, "b\nEND\n")

    assert chunks == (Kept((*ours.splitlines(True)[:-1], "END\n")),)


def test_an_empty_base_and_one_side_are_that_side() -> None:
    assert merge_lines("", "a\nb\n", "") == (Kept(("a\n", "b\n")),)
    assert merge_lines("a\n", "", "") == ()


@pytest.mark.usefixtures("_path")
def test_git_does_it_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_git(tmp_path, 'case "$*" in *"merge-file -p -q --diff3"*) echo of git;; *) exit 255;; esac', monkeypatch)

    assert merge_lines("a\n", "b\n", "c\n") == (Kept(("of git\n",)),)
