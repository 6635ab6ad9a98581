"""Merge of JavaScript and TypeScript: laws, cases that must conflict, cases that must not."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.merge import FileMerge, merge_file
from ptx_prefect.merge.javascript import syntax
from tests.unit.merge.sides import Edit, conflicts_in_every_order, merged_edits, merged_in_every_order

BASE = """\
import React from 'react';
import { add, cut } from './math';

const LIMIT = 10;

export function total(items) {
  return items.reduce(add, 0);
}

export class Cart {
  size() {
    return this.items.length;
  }
}

export const names = {
  first: 'a',
};
"""

TEST = """\
const { total } = require('../cart');

describe('cart', () => {
  it('starts empty', () => {
    expect(total([])).toBe(0);
  });
});
"""

WIDE = "import {\n  first,\n  second,\n} from './parts';\n\nexport const both = [first, second];\n"
TABLE = "const cases = [\n  { n: 1 },\n];\n\ntest.each(cases)('counts', ({ n }) => {\n  expect(n).toBe(n);\n});\n"

BASES = {
    "src/cart.js": BASE, "src/cart.tsx": BASE, "test/cart.test.ts": TEST,
    "src/wide.ts": WIDE, "test/table.test.js": TABLE,
}  # fmt: skip

END = "export const names = {\n  first: 'a',\n};\n"
METHOD = "    return this.items.length;\n  }\n"
CASE = "    expect(total([])).toBe(0);\n  });\n"


def merged(path: str, *edits: Edit) -> FileMerge:
    """One side an edit of the base at that path."""
    return merged_edits(BASES[path], path, edits)


MUST_MERGE = {
    "names from one module": (
        "src/cart.js",
        [("{ add, cut }", "{ add, cut, mul }"), ("{ add, cut }", "{ add, cut, div }")],
        ["import { add, cut, div, mul } from './math';\n"],
    ),
    "a name removed and a name added": (
        "src/cart.js",
        [("{ add, cut }", "{ add }"), ("{ add, cut }", "{ add, cut, mul }")],
        ["import { add, mul } from './math';\n"],
    ),
    "the same import on both sides": (
        "src/cart.js",
        [
            ("'./math';\n", "'./math';\nimport log from './log';\n"),
            ("'./math';\n", "'./math';\nimport log from './log';\nimport z from './z';\n"),
        ],
        ["import log from './log';\nimport z from './z';\n"],
    ),
    "two modules": (
        "src/cart.tsx",
        [
            ("'./math';\n", "'./math';\nimport type { A } from './a';\n"),
            ("'./math';\n", "'./math';\nimport * as b from './b';\n"),
        ],
        ["import type { A } from './a';\n", "import * as b from './b';\n"],
    ),
    "a default and a name": (
        "src/cart.js",
        [("{ add, cut }", "math, { add, cut }"), ("{ add, cut }", "{ add, cut, mul }")],
        ["import math, { add, cut, mul } from './math';\n"],
    ),
    "two functions at the end": (
        "src/cart.js",
        [
            (END, END + "\nexport function one() {\n  return 1;\n}\n"),
            (END, END + "\nfunction two() {\n  return 2;\n}\n"),
        ],
        ["\n\nexport function one() {\n  return 1;\n}\n", "\n\nfunction two() {\n  return 2;\n}\n"],
    ),
    "two methods": (
        "src/cart.js",
        [
            (METHOD, METHOD + "\n  one() {\n    return 1;\n  }\n"),
            (METHOD, METHOD + "\n  two() {\n    return 2;\n  }\n"),
        ],
        ["  }\n\n  one() {\n    return 1;\n  }\n", "  }\n\n  two() {\n    return 2;\n  }\n"],
    ),
    "two tests in one group": (
        "test/cart.test.ts",
        [
            (CASE, CASE + "\n  it('adds', () => {\n    expect(total([1])).toBe(1);\n  });\n"),
            (CASE, CASE + "\n  it('fails', () => {\n    expect(total).toThrow();\n  });\n"),
        ],
        ["\n  it('adds', () => {\n", "\n  it('fails', () => {\n"],
    ),
    "two type declarations": (
        "src/cart.tsx",
        [(END, END + "\ninterface A {\n  a: string;\n}\n"), (END, END + "\ntype B = { b: number };\n")],
        ["interface A {\n  a: string;\n}\n", "type B = { b: number };\n"],
    ),
    "two functions after a block that ends alike": (
        "src/cart.js",
        [
            ("0);\n}\n", "0);\n}\n\nexport function one() {\n  return 1;\n}\n"),
            ("0);\n}\n", "0);\n}\n\nexport function two() {\n  return 2;\n}\n"),
        ],
        ["}\n\nexport function one() {\n  return 1;\n}\n", "}\n\nexport function two() {\n  return 2;\n}\n"],
    ),
    "one side only changed the layout": (
        "src/cart.js",
        [
            ("  return items.reduce(add, 0);", "    return items\n      .reduce(add, 0);"),
            ("  return items.reduce(add, 0);", "  return items.reduce(add, 1);"),
        ],
        ["  return items.reduce(add, 1);\n"],
    ),
    "two requires": (
        "test/cart.test.ts",
        [
            ("'../cart');\n", "'../cart');\nconst fs = require('fs');\n"),
            ("'../cart');\n", "'../cart');\nconst os = require('os');\n"),
        ],
        ["const fs = require('fs');\nconst os = require('os');\n"],
    ),
    "names on lines of their own": (
        "src/wide.ts",
        [("  second,\n", "  second,\n  third,\n"), ("  second,\n", "  second,\n  type Third,\n")],
        ["import {\n  first,\n  second,\n  third,\n  type Third,\n} from './parts';\n"],
    ),
    "a name removed from its line and one added below it": (
        "src/wide.ts",
        [("  second,\n", ""), ("  second,\n", "  second,\n  third as other,\n")],
        ["import {\n  first,\n  third as other,\n} from './parts';\n"],
    ),
    "a line too long is spread as the other side spreads it": (
        "src/cart.js",
        [
            ("{ add, cut }", "{\n    add,\n    cut,\n    multiply,\n}"),
            ("{ add, cut }", "{ add, cut, divide }"),
        ],
        ["import {\n    add,\n    cut,\n    divide,\n    multiply,\n} from './math';\n"],
    ),
    "a merged line that grows too long is spread": (
        "src/cart.js",
        [
            ("{ add, cut }", "{ add, cut, greatestCommonDivisor }"),
            ("{ add, cut }", "{ add, cut, leastCommonMultiple, squareRootOf }"),
        ],
        [
            "import {\n  add,\n  cut,\n  greatestCommonDivisor,\n",
            "  leastCommonMultiple,\n  squareRootOf,\n} from './math';\n",
        ],
    ),
    "a default beside a module as a whole": (
        "src/cart.js",
        [("import React from", "import React, * as All from"), ("import React from 'react'", "import Re from 'react'")],
        ["import Re, * as All from 'react';\n"],
    ),
    "re-exports from two modules": (
        "src/cart.js",
        [
            ("'./math';\n", "'./math';\nexport { one } from './one';\n"),
            ("'./math';\n", "'./math';\nexport * from './two';\n"),
        ],
        ["export { one } from './one';\nexport * from './two';\n"],
    ),
    "cases in the table of a test": (
        "test/table.test.js",
        [("  { n: 1 },\n", "  { n: 1 },\n  { n: 2 },\n"), ("  { n: 1 },\n", "  { n: 1 },\n  { n: 3 },\n")],
        ["  { n: 1 },\n  { n: 2 },\n  { n: 3 },\n];\n"],
    ),
    "a getter and a setter of one name": (
        "src/cart.js",
        [
            (METHOD, METHOD + "\n  get first() {\n    return this.items[0];\n  }\n"),
            (METHOD, METHOD + "\n  set first(item) {\n    this.items[0] = item;\n  }\n"),
        ],
        ["  get first() {\n", "  set first(item) {\n"],
    ),
    "functions that are assigned": (
        "test/cart.test.ts",
        [
            ("'../cart');\n", "'../cart');\nexports.one = function () {\n  return 1;\n};\n"),
            ("'../cart');\n", "'../cart');\nexports.two = function () {\n  return 2;\n};\n"),
        ],
        ["exports.one = function () {\n  return 1;\n};\n", "exports.two = function () {\n  return 2;\n};\n"],
    ),
    "an edit and an addition beside it": (
        "src/cart.js",
        [
            ("const LIMIT = 10;\n", "const LIMIT = 20;\n"),
            ("const LIMIT = 10;\n", "const LIMIT = 10;\nconst LOW = 1;\n"),
        ],
        ["const LIMIT = 20;\nconst LOW = 1;\n"],
    ),
}


@pytest.mark.parametrize("case", MUST_MERGE)
def test_edits_that_go_together_are_merged_whatever_the_order(case: str) -> None:
    path, edits, expected = MUST_MERGE[case]
    result = merged_in_every_order(BASES[path], path, edits)

    for text in expected:
        assert text in result.content.decode()


MUST_CONFLICT = {
    "one constant": ("src/cart.js", [("= 10", "= 20"), ("= 10", "= 30")]),
    "one line of one function": ("src/cart.js", [("reduce(add, 0)", "reduce(add, 1)"), ("(add, 0)", "(cut, 0)")]),
    "one new name, two bodies": (
        "src/cart.js",
        [(END, END + "\nfunction one() {\n  return 1;\n}\n"), (END, END + "\nfunction one() {\n  return 2;\n}\n")],
    ),
    "one new name at two places": (
        "src/cart.js",
        [
            ("const LIMIT", "const LOW = 1;\nconst LIMIT"),
            (END, END + "const LOW = 2;\n"),
        ],
    ),
    "one local name, two modules": (
        "src/cart.js",
        [
            ("'./math';\n", "'./math';\nimport log from './log';\n"),
            ("'./math';\n", "'./math';\nimport log from 'loglevel';\n"),
        ],
    ),
    "deleted and changed": (
        "src/cart.js",
        [("export function total(items) {\n  return items.reduce(add, 0);\n}\n\n", ""), ("(add, 0)", "(add, 1)")],
    ),
    "import removed and newly used": (
        "src/cart.js",
        [("import { add, cut }", "import { add }"), (END, END + "\nexport const less = cut(1, 2);\n")],
    ),
    "function renamed and newly called": (
        "src/cart.js",
        [("function total(", "function sum("), (END, END + "\nexport const none = total([]);\n")],
    ),
    "one test title twice": (
        "test/cart.test.ts",
        [
            (CASE, CASE + "\n  it('adds', () => {\n    expect(total([1])).toBe(1);\n  });\n"),
            (CASE, CASE + "\n  it('adds', () => {\n    expect(total([2])).toBe(2);\n  });\n"),
        ],
    ),
    "statements whose order matters": (
        "src/cart.js",
        [(END, END + "\nstart(names);\n"), (END, END + "\nnames.first = 'b';\n")],
    ),
    "modules that are only run": (
        "src/cart.js",
        [("'./math';\n", "'./math';\nimport './a.css';\n"), ("'./math';\n", "'./math';\nimport './b.css';\n")],
    ),
    "one method twice at two places": (
        "src/cart.js",
        [
            ("  size() {", "  clear() {\n    this.items = [];\n  }\n\n  size() {"),
            (METHOD, METHOD + "\n  clear() {\n    this.items.length = 0;\n  }\n"),
        ],
    ),
    "two drafts of one function": (
        "src/cart.js",
        [
            (END, END + "\nfunction one(a) {\n  const b = a;\n  b.sort();\n  return b;\n}\n"),
            (END, END + "\nfunction eins(a) {\n  const b = a;\n  b.sort();\n  return b;\n}\n"),
        ],
    ),
    "one new name for two parts of a module": (
        "src/wide.ts",
        [("  second,\n", "  second,\n  third as other,\n"), ("  second,\n", "  second,\n  fourth as other,\n")],
    ),
    "a module under two names": (
        "src/cart.js",
        [("import React from", "import * as R from"), ("import React from", "import * as React from")],
    ),
    "a constant removed and newly a default": (
        "src/cart.js",
        [("const LIMIT = 10;\n\n", ""), ("total(items) {", "total(items, { most = LIMIT } = {}) {")],
    ),
    "an import removed and changed": (
        "src/cart.js",
        [("import { add, cut } from './math';\n", ""), ("{ add, cut }", "{ add, cut, mul }")],
    ),
    "one name required from two modules": (
        "test/cart.test.ts",
        [
            ("'../cart');\n", "'../cart');\nconst fs = require('fs');\n"),
            ("'../cart');\n", "'../cart');\nconst fs = require('graceful-fs');\n"),
        ],
    ),
    "one name exported from two modules": (
        "src/cart.js",
        [
            ("'./math';\n", "'./math';\nexport { one } from './one';\n"),
            ("'./math';\n", "'./math';\nexport { one } from './eins';\n"),
        ],
    ),
    "elements of a list outside of tests": (
        "src/wide.ts",
        [("[first, second]", "[\n  first,\n  'a',\n]"), ("[first, second]", "[\n  first,\n  'b',\n]")],
    ),
    "an import with a comment inside": (
        "src/cart.js",
        [("{ add, cut }", "{ add, /* fast */ cut }"), ("{ add, cut }", "{ add, cut, mul }")],
    ),
    "one key of one object": ("src/cart.js", [("first: 'a'", "first: 'b'"), ("first: 'a'", "first: 'c'")]),
    "one default import twice": ("src/cart.js", [("import React", "import Preact"), ("import React", "import Solid")]),
}


@pytest.mark.parametrize("case", MUST_CONFLICT)
def test_edits_that_need_a_person_are_conflicts_that_lose_nothing(case: str) -> None:
    path, edits = MUST_CONFLICT[case]
    conflicts_in_every_order(BASES[path], path, edits)


def test_a_conflict_names_the_method_around_it() -> None:
    (conflict,) = merged("src/cart.js", ("items.length", "items.size"), ("items.length", "list.length")).conflicts

    assert conflict.definition == "Cart.size"


def test_a_removed_name_that_the_other_side_uses_is_a_logic_conflict() -> None:
    path, edits = MUST_CONFLICT["function renamed and newly called"]
    (conflict,) = merged(path, *edits).conflicts

    assert (conflict.kind, conflict.place) == ("logic", "total")


@pytest.mark.parametrize("path", BASES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_one_changed_side_is_taken_byte_for_byte(path: str, newline: str) -> None:
    base = BASES[path].replace("\n", newline)
    side = base.replace("total", "sum").replace("const", "let")

    for sides in ([side, base], [base, side], [side, side]):
        assert merge_file(base.encode(), [one.encode() for one in sides], path=path).content == side.encode()


def test_line_ends_survive_a_structural_merge() -> None:
    base = BASE.replace("\n", "\r\n")
    sides = [base.replace("{ add, cut }", f"{{ add, cut, {name} }}").encode() for name in ("mul", "div")]

    result = merge_file(base.encode(), sides, path="a.mjs")

    assert result.is_clean
    assert result.content.count(b"\r\n") == result.content.count(b"\n") == base.count("\n")
    assert b"{ add, cut, div, mul }" in result.content


@pytest.mark.parametrize(
    "broken", [b"function (", b"}{", b"\xff\xfe(", b"<<<<<<< ours\n", b"(" * 3000, b"\0", b"let a = `"]
)
def test_broken_input_is_merged_by_lines_and_says_so(broken: bytes) -> None:
    good = BASE.encode()
    changed = good.replace(b"LIMIT = 10", b"LIMIT = 11")

    result = merge_file(good, [good + broken, changed], path="a.js")

    assert b"LIMIT = 11" in result.content or not result.is_clean
    assert broken in result.content or not result.is_clean
    assert any("merged by lines" in one.reason for one in result.resolutions) or not result.is_clean


def test_without_the_grammars_the_merge_is_by_lines_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "_languages", lambda suffix: ())

    result = merged("src/cart.js", ("= 10", "= 20"), ("first: 'a'", "first: 'b'"))

    assert result.is_clean
    assert "ptx-prefect[js]" in result.resolutions[0].reason


def test_a_file_too_large_to_parse_is_merged_by_lines_and_says_so() -> None:
    base = "let a = 1;\n" + "// x\n" * 500_000 + "let b = 1;\n"
    sides = [base.replace("a = 1", "a = 2").encode(), base.replace("b = 1", "b = 2").encode()]

    result = merge_file(base.encode(), sides, path="bundle.js")

    assert result.is_clean and b"a = 2" in result.content and b"b = 2" in result.content
    assert "too large" in result.resolutions[0].reason


def test_an_edit_that_moved_lines_take_over_is_never_lost() -> None:
    """Both sides move a function and one edits it: the edit is there, or a person is asked."""
    base = "function a() {\n  return 1;\n}\n\nfunction b() {\n  return 2;\n}\n"
    ours = "function b() {\n  return 2;\n}\n\nfunction a() {\n  return 1;\n}\n"
    theirs = base.replace("return 1", "return 10")

    result = merge_file(base.encode(), [ours.encode(), theirs.encode()], path="a.js")

    assert b"return 10" in result.content
    assert result.content.count(b"function a()") == 1 or not result.is_clean


def test_a_deeply_nested_file_is_merged() -> None:
    base = f"let a = {'[' * 800}{']' * 800};\nlet b = 1;\n\n\nlet c = 1;\n"

    result = merge_file(
        base.encode(), [base.replace("b = 1", "b = 2").encode(), base.replace("c = 1", "c = 2").encode()], path="a.js"
    )

    assert result.is_clean
    assert b"let b = 2;" in result.content
    assert b"let c = 2;" in result.content


NAMES = st.sampled_from([f"{letter}{letter}" for letter in "bcdefgh"])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sets(NAMES, max_size=2), min_size=2, max_size=4), st.randoms())
def test_imports_of_any_sides_give_one_list_in_any_order_of_arrival(added: list[set[str]], random: Random) -> None:
    base = "import { aa, zz } from './x';\nuse(aa, zz);\n"
    sides = [base.replace("aa, zz }", f"{', '.join(['aa', *sorted(names), 'zz'])} }}").encode() for names in added]
    every = ", ".join(sorted({"aa", "zz"}.union(*added)))

    result = merge_file(base.encode(), sides, path="a.ts")
    random.shuffle(sides)

    assert result.content.decode() == base.replace("aa, zz }", f"{every} }}")
    assert merge_file(base.encode(), sides, path="a.ts").content == result.content
    assert merge_file(base.encode(), [result.content, *sides], path="a.ts").content == result.content
