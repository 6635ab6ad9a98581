"""What a line merge of JavaScript is held against: names bound and used, definitions kept, the whole parsed."""

from __future__ import annotations

import pytest

from ptx_prefect.merge.javascript.guards import lost_names, objection_to
from ptx_prefect.merge.javascript.syntax import language_for, source_of

BASE = "function a() {\n  return 1;\n}\n\nfunction b() {\n  return 2;\n}\n"
LANGUAGE = language_for("x.ts", BASE)
assert LANGUAGE is not None


@pytest.mark.parametrize(
    ("text", "bound", "used"),
    [
        ("const { a: b, c } = d;", {"b", "c"}, {"d"}),
        ("const { a = e } = d;", {"a"}, {"d", "e"}),
        ("const [a, ...b] = d;", {"a", "b"}, {"d"}),
        ("for (const a of d) e(a);", {"a"}, {"a", "d", "e"}),
        ("const f = a => a + d;", {"a", "f"}, {"a", "d"}),
        ("const f = (a = d) => a;", {"a", "f"}, {"a", "d"}),
        ("try { d(); } catch (e) { e.log(); }", {"e"}, {"d", "e"}),
        ("import a, { b as c } from 'm';", {"a", "c"}, {"b"}),
        ("import * as a from 'm';", {"a"}, set()),
        ("const a = { b, c: d };", {"a"}, {"b", "d"}),
        ("function f<T>(a: T, b?: U): T { return a; }", {"T", "a", "b", "f"}, {"T", "U", "a"}),
        ("a = b;", set(), {"a", "b"}),
    ],
)
def test_names_bound_and_used(text: str, bound: set[str], used: set[str]) -> None:
    source = source_of(text, LANGUAGE)

    assert source.bound == bound
    assert source.used == used


@pytest.mark.parametrize(
    ("merged", "ours", "told"),
    [
        (BASE + "}", BASE, "no longer parses"),
        (BASE + BASE, BASE, "a, b would be defined twice in one scope"),
        (BASE, BASE + "function c() {}\n", "'c', which one side added, would be lost"),
        (BASE, BASE.replace("1", "3"), "'a', which one side changed, would not be as that side has it"),
        (BASE, "function b() {\n  return 2;\n}\n", "'a', which one side removed, would stay"),
        (BASE + "function d() {}\n", BASE, "'d' would be defined, which no side has"),
        (BASE + "export default a;\n", BASE + "export default a;\n", None),
        (BASE.replace("1", "3"), BASE.replace("1", "3"), None),
    ],
)
def test_a_merge_that_is_not_what_the_sides_say_is_refused(merged: str, ours: str, told: str | None) -> None:
    for sides in ((ours, BASE), (BASE, ours)):
        found = objection_to(merged, BASE, *sides, LANGUAGE)

        assert found is None if told is None else found is not None and told in found


def test_a_name_that_one_side_removed_and_the_other_uses_is_lost() -> None:
    ours, theirs = "function a() {}\n", BASE + "b();\n"

    assert lost_names("function a() {}\nb();\n", BASE, ours, theirs, LANGUAGE) == ("b",)
    assert lost_names("free();\n", "free();\n", "free();\n", "free();\n", LANGUAGE) == ()
