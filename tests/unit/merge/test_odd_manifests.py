"""Manifests written in a way that is not understood are merged by their lines, and no edit is lost."""

from __future__ import annotations

import pytest

from ptx_prefect.merge.keyed import Unmergeable
from ptx_prefect.merge.manifests.json_format import read_json
from ptx_prefect.merge.manifests.toml_format import read_toml
from tests.unit.merge.sides import conflicts_in_every_order, merged_in_every_order

JSON = {
    "text behind": ('{"a": 1} x', "text after the end of the object"),
    "no object": ("[1]", "not a JSON object"),
    "comma before the end": ('{"a": 1,}', "a comma before the closing bracket"),
    "no comma": ('{"a": 1 "b": 2}', "a comma or closing bracket is missing"),
    "no quotes": ("{a: 1}", "unexpected text at character 1"),
    "no value": ('{"a": }', "unexpected text at character 6"),
    "deep": ('{"a": ' * 80 + "1" + "}" * 80, "nested too deeply"),
}
TOML = {
    "no value": ("a =\n", "unexpected text"),
    "no key": ("a = 1\n= 2\n", "unexpected text at character 6"),
    "two values": ("a = 1 x\n", "unexpected text at character 5"),
    "word alone": ("[t]\nword\n", "unexpected text"),
    "no comma": ("a = [1 x]\n", "a comma is missing"),
    "comment before a comma": ("a = [1 # one\n, 2]\n", "a comment before a comma"),
    "open list": ("a = [1,", "unexpected text"),
    "table without a key": ("a = {1}\n", "unexpected text at character 5"),
    "table without a comma": ("a = {b = 1 c = 2}\n", "unexpected text at character 11"),
    "deep": ("a = " + "[" * 60 + "]" * 60 + "\n", "nested too deeply"),
}


@pytest.mark.parametrize("case", JSON)
def test_json_that_is_not_understood_is_told_with_its_place(case: str) -> None:
    text, told = JSON[case]
    with pytest.raises(Unmergeable, match=told):
        read_json(text)


@pytest.mark.parametrize("case", TOML)
def test_toml_that_is_not_understood_is_told_with_its_place(case: str) -> None:
    text, told = TOML[case]
    with pytest.raises(Unmergeable, match=told):
        read_toml(text)


@pytest.mark.parametrize("text", ["a = 1", "[t]\na = 1 # last", "a = {}\n", "a = {b = 1, c = {d = [2,]}}\n"])
def test_toml_keeps_every_byte(text: str) -> None:
    def written(group: object) -> str:
        return group.opening + "".join(one.lead + one.body for one in group.entries) + group.closing  # type: ignore[attr-defined]

    assert written(read_toml(text)) == text


ODD_JSON = '{\n  // people\'s notes\n  "name": "shop",\n  "main": "a.js",\n  "type": "module",\n  "x": 1,\n}\n'
ODD_TOML = "[project]\nname = 'shop'\nodd words here\nversion = '1'\n\n[tool.a]\nx = 1\n"


@pytest.mark.parametrize(
    ("path", "base", "first", "second"),
    [
        ("package.json", ODD_JSON, ('"shop"', '"store"'), ('"x": 1', '"x": 2')),
        ("pyproject.toml", ODD_TOML, ("'shop'", "'store'"), ("x = 1", "x = 2")),
    ],
)
def test_edits_apart_go_together_and_edits_of_one_line_do_not(
    path: str, base: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    result = merged_in_every_order(base, path, [first, second])

    assert result.content.decode() == base.replace(*first).replace(*second)
    conflicts_in_every_order(base, path, [first, (first[0], first[0].upper())])
