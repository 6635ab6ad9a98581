"""What has no order: names in ``__all__``, patterns that git ignores, entries of YAML mappings."""

from __future__ import annotations

import itertools

import pytest
import yaml

from ptx_prefect.merge import merge_file

INIT = 'from .a import A\n\n__all__ = ["A"]\n'
LONG = "long" * 10
COMPOSE = "services:\n  zero:\n    image: zero\n    ports:\n      - 80\nvolumes:\n  disk: {}\n"


def with_export(name: str, text: str = INIT) -> str:
    return text.replace("A\n", f"A\nfrom .{name.lower()} import {name}\n", 1).replace('"A"', f'"A", "{name}"')


def merged(base: str, *sides: str, path: str = "pkg/__init__.py") -> str | None:
    """The text; None where it is for a person to decide."""
    result = merge_file(base.encode(), [side.encode() for side in sides], path=path)
    return None if result.conflicts else result.content.decode()


def test_ten_sides_that_export_a_name_each_are_one_package() -> None:
    names = ["B", "C", "D", "E", "F", "G", "H", "I", "J", "K"]
    text = merged(INIT, *(with_export(name) for name in names))

    assert text is not None
    assert text.splitlines()[-1] == f'__all__ = ["A", {", ".join(map(quoted, names))}]'
    assert [line for line in text.splitlines() if "import" in line] == [
        f"from .{n.lower()} import {n}" for n in "ABCDEFGHIJK"
    ]


def quoted(name: str) -> str:
    return f'"{name}"'


def test_any_order_of_sides_gives_the_same_bytes_and_again_the_same() -> None:
    sides = [with_export(name) for name in ("Zeta", "Beta", "Mu")]
    texts = {merged(INIT, *order) for order in itertools.permutations(sides)}

    assert len(texts) == 1 and None not in texts
    (text,) = texts
    assert text is not None and {merged(INIT, text, side) for side in sides} == {text}


@pytest.mark.parametrize(
    ("old", "ours", "theirs", "new"),
    [
        ('["a", "b"]', '["a"]', '["a", "b", "c"]', '["a", "c"]'),
        ("('b', 'a')", "('b', 'x', 'a')", "('b', 'y', 'a')", "('b', 'x', 'y', 'a')"),
        ('["a"]', '["a", "b"]', '[\n    "a",\n    "c",\n]', '[\n    "a",\n    "b",\n    "c",\n]'),
        ("[\n  'a',\n]", "[\n  'a',\n  'c',\n]", "[\n  'a',\n  'b',\n]", "[\n  'a',\n  'b',\n  'c',\n]"),
        (
            '["a"]',
            f'["a", "{"b" * 40}"]',
            f'["a", "{"c" * 40}"]',
            f'[\n    "a",\n    "{"b" * 40}",\n    "{"c" * 40}",\n]',
        ),
    ],
    ids=["removed and added", "tuple, between", "one side broke the line", "one a line, sorted", "too wide"],
)
def test_exports_keep_their_layout(old: str, ours: str, theirs: str, new: str) -> None:
    base, *sides = (f"import x\n\n__all__ = {names}\n\nx.run()\n" for names in (old, ours, theirs))

    assert merged(base, *sides) == merged(base, *reversed(sides)) == f"import x\n\n__all__ = {new}\n\nx.run()\n"


@pytest.mark.parametrize(
    ("old", "ours", "theirs"),
    [
        ('["a"]', '["a", *b.__all__]', '["a", "c"]'),
        ('["a"]', '["a", "b"]  # b is new', '["a", "c"]'),
        ('["a"]', '("a", "b")', '["a", "c"]'),
        ('["a"]', '["a"] + x', '["a", "c"]'),
    ],
    ids=["computed", "commented", "another type", "a sum"],
)
def test_exports_that_are_no_plain_list_are_left_to_people(old: str, ours: str, theirs: str) -> None:
    base, *sides = (f"__all__ = {names}\n" for names in (old, ours, theirs))

    assert merged(base, *sides) is None


def test_a_conflict_elsewhere_in_the_file_stays_one() -> None:
    ours, theirs = (
        with_export(name, INIT + "\nLIMIT = 1\n").replace("= 1", f"= {len(name)}") for name in ("Bee", "Cello")
    )

    assert merged(INIT + "\nLIMIT = 1\n", ours, theirs) is None


def test_patterns_to_ignore_stand_one_after_the_other() -> None:
    assert merged("*.pyc\n", "*.pyc\na/", "*.pyc\nb/\n", path=".gitignore") == "*.pyc\na/\nb/"
    assert merged("*.pyc\n", "*.pyc\n!a.pyc\n", "*.pyc\na*\n", path=".gitignore") is None
    assert merged("*.pyc\n", "*.pyo\n", "*.py\n", path=".gitignore") is None


def test_services_of_ten_sides_are_one_mapping() -> None:
    sides = [COMPOSE.replace("volumes", f"  s{n}:\n    image: s{n}\nvolumes") + f"  d{n}: {{}}\n" for n in range(10)]
    texts = {merged(COMPOSE, *order, path="docker-compose.yml") for order in (sides, sides[::-1])}

    (text,) = texts
    assert text is not None
    data = yaml.safe_load(text)
    assert set(data["services"]) == {"zero", *(f"s{n}" for n in range(10))}
    assert set(data["volumes"]) == {"disk", *(f"d{n}" for n in range(10))} and data["services"]["s3"] == {"image": "s3"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("  one:\n    image: a\n", "  one:\n    image: b\n"),
        ("      - 81\n", "      - 82\n"),
        ("  one: &x {a: 1}\n", "  one: {a: 2}\n"),
    ],
    ids=["the same key", "elements of a list", "anchors"],
)
def test_yaml_that_does_not_add_up_is_left_to_people(ours: str, theirs: str) -> None:
    sides = [COMPOSE.replace("volumes", f"{text}volumes") for text in (ours, theirs)]

    assert merged(COMPOSE, *sides, path="c.yaml") is None
