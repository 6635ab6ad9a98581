"""Collecting a real suite in a child process, and remembering it until a file changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.collect import bytecode_dir, collect_early, collect_tests


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    root = tmp_path / "suite"
    (root / "pkg").mkdir(parents=True)
    (root / "test_a.py").write_text("import pytest\n@pytest.mark.parametrize('x', [1, 2])\ndef test_one(x): pass\n")
    (root / "pkg" / "test_b.py").write_text(
        "import pytest\n@pytest.fixture(scope='module')\ndef wide(): return 1\ndef test_two(wide): pass\n"
    )
    (root / "test_c.py").write_text("import pytest\npytest.importorskip('no_such_module')\n")
    return root


def test_tests_skipped_files_and_wide_fixtures_are_found(suite: Path, tmp_path: Path) -> None:
    found = collect_tests([], workdir=suite, python=None, state_dir=tmp_path)

    assert {nodeid: tied for nodeid, _, tied in found.tests} == {
        "test_a.py::test_one[1]": False,
        "test_a.py::test_one[2]": False,
        "pkg/test_b.py::test_two": True,
        "test_c.py": False,
    }
    assert all(Path(path).is_file() for _, path, _ in found.tests)


def test_a_file_that_is_skipped_as_tests_and_as_doctests_counts_once(suite: Path, tmp_path: Path) -> None:
    found = collect_tests(
        ["--doctest-modules", "test_c.py", "test_a.py"], workdir=suite, python=None, state_dir=tmp_path
    )

    assert sorted(nodeid for nodeid, *_ in found.tests) == [
        "test_a.py::test_one[1]",
        "test_a.py::test_one[2]",
        "test_c.py",
    ]


def test_a_collection_is_remembered_until_a_file_changes(suite: Path, tmp_path: Path) -> None:
    first = collect_tests([], workdir=suite, python=None, state_dir=tmp_path)
    again = collect_tests([], workdir=suite, python=None, state_dir=tmp_path)
    (suite / "test_a.py").write_text("def test_new(): pass\n")
    changed = collect_tests([], workdir=suite, python=None, state_dir=tmp_path)

    assert (first.is_remembered, again.is_remembered, changed.is_remembered) == (False, True, False)
    assert again.tests == first.tests and "test_a.py::test_new" in {row[0] for row in changed.tests}
    assert first.digest == again.digest != changed.digest


def test_a_module_set_up_ties_its_tests_together(suite: Path, tmp_path: Path) -> None:
    (suite / "test_a.py").write_text("def setup_module(module): pass\ndef test_one(): pass\n")
    (suite / "test_u.py").write_text("def setUpModule(): pass\ndef test_two(): pass\n")
    found = collect_tests(["test_a.py", "test_u.py"], workdir=suite, python=None, state_dir=tmp_path)

    assert [tied for _, _, tied in found.tests] == [True, True]


def test_where_no_bytecode_may_be_written_tests_are_compiled_once_all_the_same(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    collect_tests([], workdir=suite, python=None, state_dir=tmp_path / "state")
    kept = {path.name.split(".")[0] for path in (tmp_path / "state" / "bytecode").rglob("*.pyc")}
    (suite / "test_a.py").write_text("def test_new_name(): pass\n")
    changed = collect_tests([], workdir=suite, python=None, state_dir=tmp_path / "state")

    assert kept >= {"test_a", "test_b", "test_c"}
    assert "test_a.py::test_new_name" in {row[0] for row in changed.tests}
    assert not list(suite.rglob("*.pyc"))


def test_compiled_tests_are_not_kept_of_a_private_workspace(tmp_path: Path) -> None:
    assert bytecode_dir(tmp_path / "state", tmp_path) == str(tmp_path / "state" / "bytecode")
    assert bytecode_dir(tmp_path / "state", tmp_path / "state" / "workspaces" / "1") == ""


def test_what_was_begun_early_is_taken_once(suite: Path, tmp_path: Path) -> None:
    collect_early([], workdir=suite, python=None, state_dir=tmp_path)
    found = collect_tests([], workdir=suite, python=None, state_dir=tmp_path)
    again = collect_tests([], workdir=suite, python=None, state_dir=tmp_path)

    assert not found.is_remembered and again.is_remembered and found.tests == again.tests


def test_what_cannot_be_collected_early_says_why_when_it_is_asked_for(tmp_path: Path) -> None:
    collect_early(["nothing.py"], workdir=tmp_path, python=None, state_dir=tmp_path)

    with pytest.raises(PlanError, match=r"nothing\.py"):
        collect_tests(["nothing.py"], workdir=tmp_path, python=None, state_dir=tmp_path)


def test_what_cannot_be_collected_says_why(suite: Path, tmp_path: Path) -> None:
    (suite / "test_bad.py").write_text("import nothing_like_this\n")

    with pytest.raises(PlanError, match="nothing_like_this"):
        collect_tests([], workdir=suite, python=None, state_dir=tmp_path)
    with pytest.raises(PlanError, match="no test"):
        (suite / "empty").mkdir()
        collect_tests(["empty"], workdir=suite, python=None, state_dir=tmp_path)
    with pytest.raises(PlanError, match="does not exist"):
        collect_tests([], workdir=suite, python="/no/such/python", state_dir=tmp_path)
