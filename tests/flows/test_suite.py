"""A test suite as a run: what a person is told where something is missing or breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect import sectioning
from ptx_prefect.errors import RunError


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "suite"
    (place / "tests").mkdir(parents=True)
    monkeypatch.chdir(place)
    return place


def suite(**keys: Any) -> dict[str, Any]:
    main = {"description": "d", "level": "test", "suite": {"args": ["tests"], **keys}}
    return {"task_id": "t", "mode": "sectioning", "main_task": main, "parallelism_hint": 1}


def test_a_missing_coverage_result_is_a_note_and_loses_nothing(workdir: Path) -> None:
    (workdir / "tests" / "test_a.py").write_text("def test_one(): pass\n")

    report = sectioning(suite(coverage=True, source=["no_such_package"]))

    assert report["status"] == "success" and report["results"]["tests"]["passed"] == 1
    assert "coverage" not in report["results"]["tests"]
    assert any("no coverage result" in note and "no_such_package" in note for note in report["notes"])


def test_a_second_run_of_an_unchanged_suite_runs_nothing_though_durations_are_known_by_now(workdir: Path) -> None:
    for number in range(6):
        naps = "".join(f"def test_{n}(): time.sleep({0.1 * number})\n" for n in range(2))
        (workdir / "tests" / f"test_{number}.py").write_text("import time\n" + naps)
    spec = {**suite(), "parallelism_hint": 2}
    first = sectioning(spec)

    again = sectioning(spec)

    assert again["execution_summary"]["reused_sections"] == first["execution_summary"]["total_subtasks"] > 1
    assert again["results"]["tests"]["passed"] == 12
    assert any("cut as before" in note for note in again["notes"])
    assert not any("cut as before" in note for note in sectioning(spec, fresh=True)["notes"])


def test_an_idle_worker_takes_over_tests_of_the_last_section_and_the_next_run_reuses_it(workdir: Path) -> None:
    (workdir / "tests" / "test_slow.py").write_text("".join(f"def test_{n}(): time.sleep(0.2)\n" for n in range(40)))
    quick = "class TestQuick:\n" + "".join(f"    def test_{n}(self): pass\n" for n in range(40))
    (workdir / "tests" / "test_quick.py").write_text(quick)
    for path in (workdir / "tests").iterdir():
        log = "with open('ran.txt', 'a') as stream: stream.write(request.node.nodeid + '\\n')"
        header = f"import pytest, time\n@pytest.fixture(autouse=True)\ndef log(request):\n    {log}\n"
        path.write_text(header + path.read_text())
    spec = {**suite(), "parallelism_hint": 2}
    first = sectioning(spec)
    ran = (workdir / "ran.txt").read_text().splitlines()
    (workdir / "ran.txt").unlink()  # It is no input of the tests.
    again = sectioning(spec)

    assert first["status"] == "success" and first["results"]["tests"]["passed"] == 80
    assert len(ran) == len(set(ran)) == 80
    assert any("idle workers took over tests of" in note for note in first["notes"])
    assert not any("idle workers" in note for note in again["notes"])
    assert again["execution_summary"]["reused_sections"] == first["execution_summary"]["total_subtasks"]
    assert not (workdir / "ran.txt").exists()


SPOILT = """\
import os
def pytest_collection_modifyitems(items):
    if os.environ.get("PTX_SECTION"):
        del items[1:]
def pytest_sessionfinish(session):
    session.config.hook.pytest_runtest_logfinish(nodeid="tests/test_a.py::test_same", location=("a", 1, "b"))
"""


def test_sections_that_run_fewer_tests_or_those_of_others_are_no_success(workdir: Path) -> None:
    (workdir / "tests" / "conftest.py").write_text(SPOILT)
    for name in "ab":
        (workdir / "tests" / f"test_{name}.py").write_text("".join(f"def test_{n}(): pass\n" for n in range(40)))

    with pytest.raises(RunError) as caught:
        sectioning({**suite(), "parallelism_hint": 2})

    report: Any = caught.value.report
    assert report["status"] == "failed"
    steps = " ".join(report["next_steps"])
    assert "reports 1 of its" in steps and "'tests/test_a.py::test_same'" in steps and "All tests passed" not in steps
