"""The contract of merge_file that holds for every kind of file."""

from __future__ import annotations

import itertools
import random

import pytest

from ptx_prefect.errors import MergeError
from ptx_prefect.merge import merge_file

PYTHON = b"import os\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n"
ODD_BYTES = {
    "crlf": PYTHON.replace(b"\n", b"\r\n"),
    "lone returns": PYTHON.replace(b"\n", b"\r"),
    "mixed line ends": PYTHON.replace(b"\n", b"\r\n", 3),
    "tabs": PYTHON.replace(b"    ", b"\t"),
    "bom": b"\xef\xbb\xbf" + PYTHON,
    "form feed": PYTHON.replace(b"\n\n\n", b"\n\n\x0c\n"),
    "no last newline": PYTHON.rstrip(b"\n"),
    "latin-1": b"# -*- coding: latin-1 -*-\nname = '\xe9'\n",
    "cp1252 unannounced": b"name = '\x80'\n",
    "utf-16": PYTHON.decode().encode("utf-16"),
    "empty": b"",
    "binary": bytes(range(256)) * 3,
    "syntax error": b"def (:\n",
    "marker lines": b"<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n",
}


@pytest.mark.parametrize("path", ["a.py", "a.txt", "a.json"])
@pytest.mark.parametrize("odd", ODD_BYTES)
def test_what_only_one_side_changed_comes_back_byte_for_byte(odd: str, path: str) -> None:
    base, changed = PYTHON, ODD_BYTES[odd]

    for sides in ((changed, base), (base, changed), (changed, changed), (changed,), (base, changed, base)):
        merged = merge_file(base, sides, path=path)
        assert merged.content == changed
        assert merged.is_clean


@pytest.mark.parametrize("odd", ["crlf", "tabs", "bom", "form feed", "no last newline", "lone returns"])
def test_edits_at_two_places_keep_the_layout_of_the_file(odd: str) -> None:
    base = ODD_BYTES[odd]
    ours, theirs = base.replace(b"return 1", b"return 10"), base.replace(b"return 2", b"return 20")

    merged = merge_file(base, [ours, theirs], path="a.py")

    assert merged.content == base.replace(b"return 1", b"return 10").replace(b"return 2", b"return 20")
    assert merged.is_clean


def test_a_side_that_only_converts_line_ends_goes_with_every_edit() -> None:
    edited = PYTHON.replace(b"return 2", b"return 20")

    merged = merge_file(PYTHON, [PYTHON.replace(b"\n", b"\r\n"), edited], path="a.py")

    assert merged.content == edited.replace(b"\n", b"\r\n")
    assert merged.is_clean


def test_a_version_that_mixes_line_ends_does_not_make_every_line_differ() -> None:
    base = PYTHON.replace(b"\n", b"\r\n")
    ours, theirs = base.replace(b"return 1\r\n", b"return 10\n"), base.replace(b"return 2", b"return 20")

    merged = merge_file(base, [ours, theirs], path="a.py")

    assert merged.content == ours.replace(b"return 2", b"return 20")
    assert merged.is_clean


def test_two_edits_of_one_line_stand_between_markers_that_name_the_sides() -> None:
    ours, theirs = PYTHON.replace(b"return 1", b"return 10"), PYTHON.replace(b"return 1", b"return 11")

    merged = merge_file(PYTHON, [ours, theirs], path="a.txt", names=["left", "right"])

    assert b"<<<<<<< left\n    return 10\n=======\n    return 11\n>>>>>>> right\n" in merged.content
    (conflict,) = merged.conflicts
    assert conflict.versions == ("    return 10\n", "    return 11\n")
    assert conflict.kind == "file"


def test_binary_files_that_two_sides_changed_are_a_conflict() -> None:
    merged = merge_file(b"\0a", [b"\0b", b"\0c"], path="logo.png")

    assert not merged.is_clean
    assert merged.content == b"\0b"


@pytest.mark.parametrize(
    ("path", "base", "ours", "theirs"),
    [
        (
            "a.json",
            '{\n"a": 1\n,\n\n"z": 2\n}\n',
            '{\n"a": 1\n,"k": 3\n,\n\n"z": 2\n}\n',
            '{\n"a": 1\n,\n\n"z": 2\n,"k": 4\n}\n',
        ),
        ("a.toml", "[a]\nx = 1\n\n\ny = 2\n", "[a]\nk = 1\nx = 1\n\n\ny = 2\n", "[a]\nx = 1\n\n\ny = 2\nk = 1\n"),
    ],
)
def test_lines_that_go_together_but_break_the_syntax_are_a_conflict(
    path: str, base: str, ours: str, theirs: str
) -> None:
    merged = merge_file(base.encode(), [ours.encode(), theirs.encode()], path=path)

    (conflict,) = merged.conflicts
    assert "no longer valid" in conflict.reason
    assert all(line in merged.content for side in (ours, theirs) for line in side.encode().splitlines())


@pytest.mark.parametrize("path", ["a.py", "a.txt"])
def test_every_order_of_six_sides_gives_the_same_bytes_and_merging_again_changes_nothing(path: str) -> None:
    base = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(12))
    sides = [base.replace(f"return {number}\n", f"return {number * 7}\n").encode() for number in range(0, 12, 2)]
    orders = random.Random(4).sample(list(itertools.permutations(sides)), 5)

    results = {merge_file(base.encode(), order, path=path).content for order in orders}

    assert len(results) == 1
    assert merge_file(base.encode(), [*sides, *results], path=path).content in results


def test_sides_and_names_must_match() -> None:
    with pytest.raises(MergeError, match="give at least one side"):
        merge_file(b"", [], path="a.py")
    with pytest.raises(MergeError, match="1 names"):
        merge_file(b"", [b"a", b"b"], path="a.py", names=["only"])
