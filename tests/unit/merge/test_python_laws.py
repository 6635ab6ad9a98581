"""Laws of the Python merge over real files: order does not matter, merging again changes nothing, no edit is lost."""

from __future__ import annotations

import ast
import bisect
import fnmatch
import inspect
import itertools
import textwrap

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptx_prefect.merge import merge_file

SOURCES = [inspect.getsource(module) for module in (bisect, fnmatch, textwrap)]


@st.composite
def edited(draw: st.DrawFn) -> tuple[str, list[str], set[str]]:
    """A real file, two to six sides that each edit definitions of their own, and the names that they added."""
    base = draw(st.sampled_from(SOURCES))
    functions = [node for node in ast.parse(base).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    count = draw(st.integers(2, min(6, len(functions))))
    chosen = draw(st.permutations(functions))[:count]
    lines = base.splitlines(keepends=True)
    sides, added = [], set()
    for number, node in enumerate(chosen):
        name = f"added_{number}"
        side = list(lines)
        if draw(st.booleans()):
            end = node.end_lineno or node.lineno
            side[end:end] = [f"\n\ndef {name}(value):\n    return value + {number}\n"]
        else:
            side.append(f"\n\nclass {name}:\n    size = {number}\n")
        if draw(st.booleans()):
            first = next((at for at, line in enumerate(side) if line.startswith(("import ", "def "))), 0)
            side.insert(first, f"import module_{number}\n")
            added.add(f"module_{number}")
        sides.append("".join(side))
        added.add(name)
    return base, sides, added


@given(edited(), st.randoms(use_true_random=False))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_sides_in_any_order_give_the_same_bytes_with_every_addition(case, random) -> None:  # type: ignore[no-untyped-def]
    base, sides, added = case
    contents = [side.encode() for side in sides]
    merged = merge_file(base.encode(), contents, path="m.py")
    random.shuffle(contents)

    again = merge_file(base.encode(), contents, path="m.py")
    assert again.is_clean == merged.is_clean
    assert all(name in merged.content.decode() for name in added)
    if merged.is_clean:
        assert again.content == merged.content
        ast.parse(merged.content)
        assert merge_file(base.encode(), [*contents, merged.content], path="m.py").content == merged.content
        assert merge_file(merged.content, [merged.content] * 2, path="m.py").content == merged.content


def test_a_merge_that_is_merged_again_changes_nothing_where_blank_lines_can_be_cut_in_several_ways() -> None:
    base = inspect.getsource(bisect).replace("\n\n\ndef bisect_left", "\n\ndef bisect_left")  # as in Python 3.14
    one = base.replace("def insort_right", "import lib_1\ndef insort_right", 1)
    one = one.replace("\n\n\ndef bisect_right", "\n\n\ndef added_1(value):\n    return value + 1\n\n\ndef bisect_right")
    two = base.replace("def insort_right", "import lib_2\ndef insort_right", 1) + "\n\nclass added_2:\n    size = 2\n"
    three = base.replace("\n\ndef bisect_left", "\n\n\ndef added_3(value):\n    return value + 3\n\ndef bisect_left")
    sides = [side.encode() for side in (one, two, three)]

    merged = merge_file(base.encode(), sides, path="m.py")

    assert merged.is_clean
    for order in itertools.permutations([*sides, merged.content]):
        assert merge_file(base.encode(), order, path="m.py").content == merged.content


def test_a_merge_of_some_sides_is_merged_with_one_of_more_of_them() -> None:
    base = "import os\n\n\nclass A:\n    def a(self):\n        return os.sep\n\nclass B:\n    b = os.sep\n"
    sides = [
        base.replace("import os\n", f"import os\nimport lib_{name}\n")
        .replace("sep\n\nclass", f"sep\n\n    def {name}(self):\n        return lib_{name}\n\nclass")
        .encode()
        for name in "cdef"
    ]
    most, whole = (merge_file(base.encode(), sides[:count], path="m.py") for count in (3, 4))

    again = merge_file(base.encode(), [most.content, *sides, whole.content], path="m.py")

    assert most.is_clean
    assert whole.is_clean
    assert again.is_clean
    assert again.content == whole.content


def test_six_sides_that_append_add_imports_and_methods_merge_without_a_conflict() -> None:
    base = "import os\n\n__all__ = [\n    'a',\n]\n\n\nclass A:\n    def a(self):\n        return os.sep\n"
    sides = []
    for name in "bcdefg":
        side = base.replace("import os\n", f"import os\nimport lib_{name}\n")
        side += f"\n    def {name}(self):\n        return lib_{name}\n"
        sides.append(side.encode())

    merged = merge_file(base.encode(), sides, path="m.py")

    assert merged.is_clean
    assert [merged.content.count(f"    def {name}(".encode()) for name in "abcdefg"] == [1] * 7
    assert [merged.content.count(f"import lib_{name}\n".encode()) for name in "bcdefg"] == [1] * 6
    assert all(
        merge_file(base.encode(), order, path="m.py").content == merged.content
        for order in (sides[::-1], sides[3:] + sides[:3])
    )


def test_bad_input_gives_a_result_and_loses_nothing() -> None:
    good = b"def f():\n    return 1\n\n\ndef g():\n    return 2\n"
    deep = b"x = " + b"(" * 500 + b"1" + b")" * 500 + b"\n"
    long = b"".join(b"v%d = %d\n" % (number, number) for number in range(8_000))
    for base, ours, theirs, words in (
        (
            good,
            good.replace(b"return 1", b"return ("),
            good.replace(b"return 2", b"return 3"),
            (b"return (", b"return 3"),
        ),
        (
            good,
            good.replace(b"return 1", b"return '\xff'"),
            good.replace(b"return 2", b"return 3"),
            (b"\xff", b"return 3"),
        ),
        (
            deep + good,
            deep + good.replace(b"1\n\n", b"4\n\n"),
            deep + good.replace(b"2", b"3"),
            (b"return 4", b"return 3"),
        ),
        (
            long,
            long.replace(b"v7 = 7\n", b"v7 = 8\n"),
            long.replace(b"v7999 = 7999", b"v7999 = 0"),
            (b"v7 = 8", b"v7999 = 0"),
        ),
        (b"", good, good.replace(b"return 1", b"return 5"), (b"return 1", b"return 5")),
        (good, b"", good.replace(b"return 1", b"return 5"), (b"return 5",)),
    ):
        merged = merge_file(base, (ours, theirs), path="m.py")
        assert all(word in merged.content for word in words)


def test_a_syntax_error_on_one_side_falls_back_to_lines_and_says_so() -> None:
    base = b"import a\nimport b\n\nx = 1\n"

    merged = merge_file(
        base, (base.replace(b"x = 1", b"x = ("), base.replace(b"import b\n", b"import b\nimport c\n")), path="m.py"
    )

    assert merged.content == b"import a\nimport b\nimport c\n\nx = (\n"
    assert any("does not parse" in note.reason for note in (*merged.conflicts, *merged.resolutions))


def test_annotations_that_differ_are_a_type_conflict_with_a_union_proposed() -> None:
    base = b"def load(store, number):\n    return store[number]\n"

    merged = merge_file(
        base, (base.replace(b"number)", b"number: int)"), base.replace(b"number)", b"number: str)")), path="m.py"
    )

    (conflict,) = merged.conflicts
    assert conflict.kind == "type"
    assert conflict.proposal == "def load(store, number: int | str):"
    assert b"int | str" not in merged.content


def test_an_import_clash_below_other_changed_imports_repeats_no_line() -> None:
    base = "# who\n\nimport a\nimport b\n\nfrom x import one\nfrom y import two\n\nprint(one, two)\n"
    ours = base.replace("import b\n", "import b\nimport c\n").replace("import two", "import three, two")
    theirs = base.replace("# who\n", "# who, when\n").replace("import two", "import four, two")

    merged = merge_file(base.encode(), (ours.encode(), theirs.encode()), path="m.py")

    assert merged.is_clean
    assert merged.content.decode() == (
        "# who, when\n\nimport a\nimport b\nimport c\n\n"
        "from x import one\nfrom y import four, three, two\n\nprint(one, two)\n"
    )
