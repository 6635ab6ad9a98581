"""A suite run in sections and put together gives what one serial run gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import coverage
import pytest

from ptx_prefect.errors import MergeError
from ptx_prefect.merge.test_reports import combine_coverage, coverage_config_of, merge_junit
from ptx_prefect.run.outcomes import Done, Failed, TimedOut, headline_of
from ptx_prefect.workers.test_totals import read_cases, totals_of

PACKAGE = """\
import sys

def sign(x):
    if x > 0:
        return 1
    elif x < 0:
        return -1
    return 0

def never():  # pragma: skip-me
    return 1

def unused():
    return [x for x in range(3)]
"""
TEST_A = """\
import pytest, pkg

@pytest.mark.parametrize("value", ["ü", "a/b", "x::y", "[z]", "new\\nline"])
def test_each(value):
    assert value and pkg.sign(1) == 1

@pytest.mark.xfail
def test_expected():
    assert pkg.sign(0)

@pytest.mark.xfail
def test_unexpected():
    assert not pkg.sign(0)

class TestGroup:
    def test_method(self, flag):
        assert flag == "set"
    @pytest.mark.skip(reason="not now")
    def test_skipped(self):
        pass
"""
TEST_B = """\
import pytest, pkg

@pytest.fixture
def broken():
    raise RuntimeError("no fixture")

@pytest.fixture
def breaks_after():
    yield
    raise RuntimeError("no teardown")

def test_negative():
    assert pkg.sign(-1) == -1

def test_fails():
    assert pkg.sign(1) == 2

def test_errs(broken):
    pass

def test_passes_then_errs(breaks_after):
    pass

def test_fails_then_errs(breaks_after):
    assert 0
"""
CONFTEST = """\
import pytest
def pytest_addoption(parser):
    parser.addoption("--flag", default="unset")
@pytest.fixture
def flag(request):
    return request.config.getoption("--flag")
"""
CONFIG = """\
[tool.pytest.ini_options]
testpaths = ["tests"]
[tool.coverage.run]
branch = true
dynamic_context = "test_function"
[tool.coverage.report]
exclude_also = ["skip-me"]
"""
_BROKEN = ("fails", "errs", "passes_then_errs", "fails_then_errs")
SECTIONS = (
    ["tests/test_a.py"],
    ["tests/test_b.py::test_negative", "tests/deep"],
    [f"tests/test_b.py::test_{name}" for name in _BROKEN],
)
ARGS = ["--flag", "set", "tests"]


@pytest.fixture
def suite(workdir: Path) -> Path:
    files = {
        "pkg/__init__.py": PACKAGE,
        "pkg/never_imported.py": "x = 1\n",
        "tests/conftest.py": CONFTEST,
        "tests/test_a.py": TEST_A,
        "tests/test_b.py": TEST_B,
        "tests/deep/test_c.py": "import pytest\npytest.skip('all of it', allow_module_level=True)\n",
        "pyproject.toml": CONFIG,
    }
    for name, text in files.items():
        (workdir / name).parent.mkdir(parents=True, exist_ok=True)
        (workdir / name).write_text(text, encoding="utf-8")
    return workdir


@pytest.mark.parametrize("warm", [True, False])
def test_outcomes_and_coverage_equal_those_of_one_serial_run(
    suite: Path, tmp_path: Path, run_section: Any, warm: bool
) -> None:
    _serially(suite, tmp_path)
    config = {"args": ARGS, "coverage": True, "source": ["pkg"], "warm": warm}
    outcomes = [
        run_section("pytest", {**config, "tests": tests}, section=f"s{n}", log_path=tmp_path / f"s{n}.log")
        for n, tests in enumerate(SECTIONS)
    ]
    values = [outcome.value for outcome in outcomes]
    totals = merge_junit([Path(value["junit"]) for value in values], tmp_path / "all.xml")
    covered = combine_coverage(
        [Path(value["coverage"]) for value in values],
        tmp_path / "all.data",
        source=[str(suite / "pkg")],
        config_file=coverage_config_of(suite),
    )

    assert [type(outcome) for outcome in outcomes] == [Done, Done, Failed]
    assert _rows(tmp_path / "all.xml") == _rows(tmp_path / "serial.xml")
    assert totals == totals_of(read_cases(tmp_path / "all.xml"))
    assert (totals.passed, totals.failed, totals.errors, totals.skipped, totals.xfailed) == (8, 2, 2, 2, 1)
    assert _lines(tmp_path / "all.data") == _lines(tmp_path / "serial.data")
    report = json.loads((tmp_path / "serial.json").read_text())
    assert covered.percent == round(report["totals"]["percent_covered"], 4)
    assert covered.branches_total == report["totals"]["num_branches"] > 0
    assert covered.files == len(report["files"])


@pytest.mark.parametrize("warm", [True, False])
def test_outcomes_without_coverage_too(suite: Path, tmp_path: Path, run_section: Any, warm: bool) -> None:
    _serially(suite, tmp_path)
    for n, tests in enumerate(SECTIONS):
        run_section("pytest", {"args": ARGS, "tests": tests, "warm": warm}, log_path=tmp_path / f"s{n}.log")
    merge_junit([tmp_path / f"s{n}.files" / "junit.xml" for n in range(3)], tmp_path / "all.xml")

    assert _rows(tmp_path / "all.xml") == _rows(tmp_path / "serial.xml")


@pytest.mark.parametrize("warm", [True, False])
def test_a_suite_that_asks_for_parallel_data_files_has_one_all_the_same(
    suite: Path, tmp_path: Path, run_section: Any, warm: bool
) -> None:
    (suite / "pyproject.toml").write_text(CONFIG.replace("branch = true", "parallel = true"))
    config = {"args": ARGS, "coverage": True, "source": ["pkg"], "warm": warm}
    outcome = run_section("pytest", {**config, "tests": ["tests/test_a.py"]})

    assert isinstance(outcome, Done) and isinstance(outcome.value, dict), outcome
    covered = combine_coverage([Path(outcome.value["coverage"])], tmp_path / "all.data", source=["pkg"])
    assert covered.lines_covered > 0
    assert not list(suite.glob(".coverage*"))


@pytest.mark.parametrize("warm", [True, False])
def test_coverage_without_a_source_holds_the_suite_and_nothing_of_ours(
    suite: Path, run_section: Any, warm: bool
) -> None:
    outcome = run_section("pytest", {"args": ARGS, "coverage": True, "tests": ["tests/test_a.py"], "warm": warm})

    measured = {Path(name) for name in _lines(Path(outcome.value["coverage"]))}
    assert suite / "pkg" / "__init__.py" in measured
    assert not [path for path in measured if suite not in path.parents]


def test_failed_tests_are_permanent_and_keep_their_reports(suite: Path, run_section: Any) -> None:
    outcome = run_section("pytest", {"args": ["--flag", "set"], "tests": ["tests/test_b.py"]})

    assert isinstance(outcome, Failed) and outcome.permanent and outcome.kind == "tests_failed"
    assert isinstance(outcome.value, dict)
    assert outcome.value["totals"]["failed"] == 2 and outcome.value["totals"]["errors"] == 2
    assert Path(outcome.value["junit"]).is_file()
    assert "tests.test_b::test_fails" in outcome.reason


@pytest.mark.parametrize("warm", [True, False])
def test_a_section_that_takes_too_long_names_the_test_that_was_running(
    suite: Path, run_section: Any, warm: bool
) -> None:
    text = "import time\ndef test_quick(): pass\ndef test_endless(): time.sleep(60)\n"
    (suite / "tests" / "test_slow.py").write_text(text)
    config = {"tests": ["tests/test_slow.py"], "rootdir": str(suite), "warm": warm}
    outcome = run_section("pytest", config, deadline_s=6.0)

    assert isinstance(outcome, TimedOut) and outcome.during == "tests/test_slow.py::test_endless"
    assert "test_endless was running" in headline_of(outcome)


CRASHING = """\
import os, pathlib, signal
def test_before(): pass
def test_leaves(): os._exit(0)
def test_dies(): os.kill(os.getpid(), signal.SIGSEGV)
def test_dies_once():
    seen = pathlib.Path("seen")
    if not seen.exists():
        seen.touch()
        os._exit(3)
def test_after(): pass
"""


@pytest.mark.parametrize("warm", [True, False])
def test_a_test_that_ends_its_interpreter_is_named_and_the_others_count(
    suite: Path, run_section: Any, warm: bool
) -> None:
    (suite / "tests" / "test_crash.py").write_text(CRASHING)
    outcome = run_section("pytest", {"tests": ["tests/test_crash.py"], "rootdir": str(suite), "warm": warm})

    assert isinstance(outcome, Failed) and outcome.permanent and outcome.kind == "tests_failed", outcome
    assert isinstance(outcome.value, dict)
    assert outcome.value["crashed"] == ["tests.test_crash::test_leaves", "tests.test_crash::test_dies"]
    totals = outcome.value["totals"]
    assert (totals["passed"], totals["errors"], totals["tests"]) == (3, 2, 5)
    rows = {case.name.rpartition("::")[2]: case.message for case in read_cases(Path(outcome.value["junit"]))}
    assert "exit code 0" in rows["test_leaves"] and "SIGSEGV" in rows["test_dies"]
    assert any("test_dies_once" in note and "exit code 3" in note for note in outcome.value["notes"])


@pytest.mark.parametrize("warm", [True, False])
def test_compiled_tests_that_are_kept_explain_their_failures_as_ever(
    suite: Path, run_section: Any, state_dir: Path, monkeypatch: pytest.MonkeyPatch, warm: bool
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (suite / "tests" / "test_sum.py").write_text(
        "import sys\ndef test_sum():\n    import json.tool\n    assert sys.dont_write_bytecode and 1 + 1 == 3\n"
    )
    config = {"tests": ["tests/test_sum.py"], "args": ["tests"], "warm": warm}
    outcomes = [run_section("pytest", config) for _ in range(2)]

    assert all(isinstance(one, Failed) and "2 == 3" in one.reason.replace("(1 + 1)", "2") for one in outcomes), outcomes
    assert {path.name.split(".")[0] for path in (state_dir / "bytecode").rglob("*.pyc")} >= {"conftest", "test_sum"}
    assert not list(suite.rglob("*.pyc"))


def test_options_that_spread_or_stop_a_suite_are_off_in_its_sections(suite: Path, run_section: Any) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    (suite / "pyproject.toml").write_text(CONFIG.replace("testpaths", 'addopts = "-n 2 -x --lf"\ntestpaths'))
    outcome = run_section("pytest", {"args": ARGS, "tests": ["tests/test_b.py"]})

    assert isinstance(outcome, Failed) and isinstance(outcome.value, dict), outcome
    assert outcome.value["totals"]["tests"] == 5
    assert [note.split(":")[1].strip() for note in outcome.value["notes"]] == ["-n", "-x, --maxfail", "--last-failed"]


def test_thousands_of_node_ids_are_no_trouble(suite: Path, run_section: Any) -> None:
    text = "import pytest\n@pytest.mark.parametrize('n', range(3000))\ndef test_n(n): pass\n"
    (suite / "tests" / "test_many.py").write_text(text)
    ids = [f"tests/test_many.py::test_n[{n}]" for n in range(0, 3000, 2)]
    outcome = run_section("pytest", {"tests": ids})

    assert isinstance(outcome, Done), outcome
    assert isinstance(outcome.value, dict) and outcome.value["totals"]["passed"] == len(ids)


def test_a_change_to_a_loaded_file_is_seen(suite: Path, run_section: Any) -> None:
    config = {"args": ["tests"], "tests": ["tests/test_a.py::TestGroup"]}
    (suite / "tests" / "conftest.py").write_text(CONFTEST.replace("unset", "set"))
    before = run_section("pytest", config)
    (suite / "tests" / "conftest.py").write_text(CONFTEST.replace("unset", "other"))
    after = run_section("pytest", config)

    assert (type(before), type(after)) == (Done, Failed)


def test_a_broken_conftest_is_told_and_not_tried_again(suite: Path, run_section: Any) -> None:
    (suite / "tests" / "conftest.py").write_text("import no_such_module_here\n")
    outcome = run_section("pytest", {"args": ["tests"], "tests": ["tests/test_a.py"]})

    assert isinstance(outcome, Failed) and outcome.permanent and outcome.kind == "usage", outcome
    assert "no_such_module_here" in outcome.reason


def test_a_test_that_cannot_be_collected_is_told(suite: Path, run_section: Any) -> None:
    (suite / "tests" / "test_bad.py").write_text("def broken(:\n")
    outcome = run_section("pytest", {"tests": ["tests/test_bad.py"]})

    assert isinstance(outcome, Failed) and outcome.permanent and outcome.kind == "interrupted", outcome
    assert "SyntaxError" in outcome.reason or "invalid syntax" in outcome.reason


def test_a_filter_that_leaves_no_test_is_no_failure(suite: Path, run_section: Any) -> None:
    outcome = run_section("pytest", {"args": ["-k", "nothing_is_called_so"], "tests": ["tests/test_b.py"]})

    assert isinstance(outcome, Done)
    assert isinstance(outcome.value, dict) and outcome.value["totals"]["tests"] == 0


def test_the_suite_may_have_an_interpreter_of_its_own(suite: Path, run_section: Any) -> None:
    outcome = run_section("pytest", {"tests": ["tests/test_a.py::test_each"], "python": sys.executable})

    assert isinstance(outcome, Done), outcome


def test_an_unreadable_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.xml").write_text("<testsuites><testsuite>")

    with pytest.raises(MergeError, match=r"cut\.xml"):
        merge_junit([tmp_path / "cut.xml"], tmp_path / "all.xml")
    good = tmp_path / "good.data"
    coverage.CoverageData(str(good)).add_lines({"/x.py": [1]})
    (tmp_path / "cut.data").write_bytes(b"SQLite format 3\0 not really")
    with pytest.raises(MergeError, match="cannot combine"):
        combine_coverage([good, tmp_path / "cut.data"], tmp_path / "all.data")
    with pytest.raises(MergeError, match="no coverage data"):
        combine_coverage([], tmp_path / "all.data")


def _serially(suite: Path, place: Path) -> None:
    run = [sys.executable, "-m", "coverage", "run", f"--data-file={place / 'serial.data'}", "--source=pkg"]
    run += ["-m", "pytest", "-q", f"--junitxml={place / 'serial.xml'}", "-p", "no:cacheprovider", *ARGS]
    subprocess.run(run, cwd=suite, capture_output=True, check=False)
    report = [sys.executable, "-m", "coverage", "json", f"--data-file={place / 'serial.data'}"]
    subprocess.run([*report, "-o", str(place / "serial.json")], cwd=suite, capture_output=True, check=True)


def _rows(junit: Path) -> list[tuple[str, str, str]]:
    return sorted((case.name, case.outcome, case.message.split(chr(10))[0]) for case in read_cases(junit))


def _lines(data_file: Path) -> dict[str, Any]:
    data = coverage.CoverageData(str(data_file))
    data.read()
    return {
        name: (
            sorted(data.lines(name) or ()),
            sorted(data.arcs(name) or ()),
            {line: sorted(contexts) for line, contexts in data.contexts_by_lineno(name).items()},
        )
        for name in sorted(data.measured_files())
    }
