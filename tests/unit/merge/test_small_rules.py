"""Small parts of a merge, each by itself: layout of imports, orders, names of modules, reports of tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.merge.module_names import module_names, package_of, twin_of
from ptx_prefect.merge.python.import_text import statement_text, style_of
from ptx_prefect.merge.steps import rest_after
from ptx_prefect.merge.test_reports import combine_coverage, coverage_config_of, merge_junit
from ptx_prefect.merge.versions import Version, settle
from ptx_prefect.merge.weave import weave
from ptx_prefect.tree import Base, Changeset
from ptx_prefect.tree.changeset import EXECUTABLE, REGULAR, FileChange, digest_of

LONG = [(f"name_{letter}" * 3, f"name_{letter}" * 3) for letter in "abcde"]


@pytest.mark.parametrize(
    ("old", "module", "names", "text"),
    [
        ("import a\n", None, [("a", "a"), ("b.c", "d")], "import a, b.c as d\n"),
        ("from m import a\n", "m", [("a", "a"), ("b", "c")], "from m import a, b as c\n"),
        ("from m import (a)\n", "m", [("a", "a"), ("b", "b")], "from m import (a, b)\n"),
        ("from m import (\n    a,\n)\n", "m", [("a", "a"), ("b", "b")], "from m import (\n    a,\n    b,\n)\n"),
        ("from m import (\n    a,\n    b\n)\n", "m", [("a", "a")], "from m import (\n    a\n)\n"),
        ("from m import (\n    a, b,\n    c)\n", "m", [("a", "a"), ("b", "b")], "from m import (\n    a, b)\n"),
    ],
)
def test_an_import_keeps_the_layout_that_it_has(
    old: str, module: str | None, names: list[tuple[str, str]], text: str
) -> None:
    assert statement_text(old, "", module, names, style_of([old])) == text


def test_what_is_too_long_wraps_as_the_block_does() -> None:
    backslashes = "from m import a, \\\n    b\n"
    brackets = "from m import (\n    a,\n    b,\n)\n"

    assert ", \\\n    " in statement_text(backslashes, "", "m", LONG, style_of([backslashes]))
    assert ", \\\n    " in statement_text("from n import a\n", "", "n", LONG, style_of([backslashes]))
    wrapped = statement_text("from n import a\n", "", "n", LONG, style_of([brackets]))
    assert wrapped.startswith("from n import (\n    name_a") and wrapped.endswith(",\n)\n")
    assert wrapped.count("\n") == len(LONG) + 2


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "order"),
    [
        ("ab", "ab", "acb", "acb"),
        ("ab", "ba", "ab", "ba"),
        ("ab", "ab", "ba", "ba"),
        ("ab", "ba", "ba", "ba"),
        ("abc", "bac", "acb", None),
        ("ab", "axb", "ayb", "axyb"),
        ("ab", "abx", "ba", "bxa"),
    ],
)
def test_an_order_that_both_agree_on(base: str, ours: str, theirs: str, order: str | None) -> None:
    found = weave(tuple(base), tuple(ours), tuple(theirs), kept=set(ours) | set(theirs))

    assert (None if found is None else "".join(found)) == order


def test_names_that_a_file_may_be_imported_by() -> None:
    paths = {"src/a/__init__.py", "src/a/b.py", "src/a/c/__init__.py"}

    assert module_names("src/a/b.py", paths)[0] == "a.b"
    assert module_names("src/a/c/__init__.py", paths)[0] == "a.c"
    assert "own.b" in module_names("b.py", {"b.py", "__init__.py"}, "own")
    assert module_names("__init__.py", {"__init__.py"})
    assert package_of("/home/own", {"__init__.py", "b.py"}) == "own"
    assert package_of("/home/own", {"__init__.py", "own.py"}) is None
    assert package_of("/home/not a name", {"__init__.py"}) is None
    assert (twin_of("a/b.py"), twin_of("a/b/__init__.py")) == ("a/b/__init__.py", "a/b.py")


def test_versions_are_shown_as_text_where_they_are() -> None:
    assert Version(b"a\xff").shown() == "a\ufffd"
    assert Version(None).shown() == ""
    assert Version(b"a\0b").shown().startswith("<3 bytes, sha256 ")


def test_a_file_that_both_added_with_different_modes_is_a_conflict_of_modes() -> None:
    sides = [("one", Version(b"a", EXECUTABLE)), ("two", Version(b"a", REGULAR))]
    settled = settle("a", Version(None), sides)

    assert [(row.place, row.sections) for row in settled.conflicts] == [("file mode", ("one", "two"))]
    assert settled.version.mode == EXECUTABLE
    alone = settle("a", Version(b"a", REGULAR), sides[:1])
    assert not alone.conflicts and alone.version.mode == EXECUTABLE


def test_what_steps_made_and_the_merge_does_not_have_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("base\n")
    base = Base.of_directory(tmp_path)
    old = digest_of(b"base\n")
    step = Changeset((FileChange("kept", old, b"changed\n"), FileChange("new", None, b"new\n")))

    rest = rest_after(base, [("one", step)], Changeset())

    assert [(row.path, row.content) for row in rest.changes] == [("kept", b"base\n"), ("new", None)]
    assert rest_after(base, [("one", step)], step).changes == ()


JUNIT = '<testsuite name="s" tests="{n}">{cases}</testsuite>'


def test_reports_of_sections_become_one_in_either_form(tmp_path: Path) -> None:
    """With and without the element around the suites."""
    case = '<testcase classname="c" name="t{n}" time="0.5"/>'
    (tmp_path / "1.xml").write_text(JUNIT.format(n=1, cases=case.format(n=1)))
    (tmp_path / "2.xml").write_text(f"<testsuites>{JUNIT.format(n=1, cases=case.format(n=2))}</testsuites>")
    totals = merge_junit([tmp_path / "1.xml", tmp_path / "2.xml"], tmp_path / "out" / "all.xml")

    assert totals.passed == 2
    written = (tmp_path / "out" / "all.xml").read_text()
    assert written.count("<testcase") == 2 and 'tests="2"' in written


@pytest.mark.parametrize(
    ("name", "text", "is_it"),
    [
        (".coveragerc", "", True),
        ("setup.cfg", "[coverage:run]\n", True),
        ("setup.cfg", "[metadata]\n", False),
        ("pyproject.toml", "[tool.coverage.run]\n", True),
        ("pyproject.toml", "[tool.other]\n", False),
    ],
)
def test_the_configuration_that_coverage_would_read(name: str, text: str, is_it: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)

    assert coverage_config_of(tmp_path) == (tmp_path / name if is_it else None)


def test_coverage_of_sections_is_added_up_with_a_report_for_other_programs(tmp_path: Path) -> None:
    coverage = pytest.importorskip("coverage")
    source = tmp_path / "m.py"
    source.write_text("def f(a):\n    if a:\n        return 1\n    return 2\n")
    for number, lines in enumerate(([1, 2, 3], [1, 2, 4])):
        data = coverage.CoverageData(basename=str(tmp_path / f"data.{number}"))
        data.add_lines({str(source): lines})
        data.write()
    files = [tmp_path / "data.0", tmp_path / "data.1"]
    totals = combine_coverage(files, tmp_path / "all", xml=tmp_path / "all.xml")

    assert (totals.lines_covered, totals.lines_total, totals.percent) == (4, 4, 100.0)
    assert 'line-rate="1"' in (tmp_path / "all.xml").read_text()
    assert all(path.exists() for path in files), "a section's own data stay"
