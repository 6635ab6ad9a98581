"""The sectioning flow as a Python caller meets it, on real commands and real suites."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import coverage
import pytest

from ptx_prefect import RunError, SpecError, execute, sectioning

PRINTED_REPORT = Path(__file__).parents[1] / "cases" / "specification" / "report.json"


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


def task(*components: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {
        "task_id": "t",
        "mode": "sectioning",
        "main_task": {"description": "d", "components": list(components)},
        **keys,
    }


def shell(name: str, text: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "worker": {"kind": "command", "argv": ["sh", "-c", text]}, **keys}


def keys_of(value: Any) -> Iterator[str]:
    for key, inner in value.items():
        yield key
        if isinstance(inner, dict):
            yield from keys_of(inner)


def test_sections_run_in_order_and_the_report_has_every_key_of_the_specification(workdir: Path) -> None:
    report = sectioning(
        task(
            shell("a", "echo a >> order"),
            shell("b", "sleep 0.2; echo b >> order", depends_on=["a"]),
            shell("c", "echo c >> order", depends_on=["b"]),
        )
    )

    assert (workdir / "order").read_text().split() == ["a", "b", "c"]
    assert report["status"] == "success"
    assert set(keys_of(json.loads(PRINTED_REPORT.read_text()))) <= set(keys_of(report))
    assert [row["name"] for row in report["results"]["completed_sections"]] == ["a", "b", "c"]
    assert report["execution_summary"]["sync_points"] == 3
    assert json.loads((workdir / "ptx-output" / "t" / "report.json").read_text()) == report


def test_a_second_run_reuses_and_a_fresh_one_does_not(workdir: Path) -> None:
    spec = task(shell("a", "echo x >> count"), shell("b", "echo x >> count", depends_on=["a"]))

    sectioning(spec)
    again = sectioning(spec)
    reused = (workdir / "count").read_text().count("x")
    sectioning(spec, fresh=True)

    assert reused == 2 and (workdir / "count").read_text().count("x") == 4
    assert again["execution_summary"]["reused_sections"] == 2


def test_a_changed_section_runs_again_with_what_hangs_on_it(workdir: Path) -> None:
    sectioning(task(shell("a", "true"), shell("b", "true", depends_on=["a"]), shell("c", "true")))

    report = sectioning(task(shell("a", "true; true"), shell("b", "true", depends_on=["a"]), shell("c", "true")))

    assert {row["name"]: row["reused"] for row in report["results"]["completed_sections"]} == {
        "a": False,
        "b": False,
        "c": True,
    }


def test_what_a_section_returned_stands_in_the_report_unless_it_is_large(workdir: Path) -> None:
    report = sectioning(task(shell("small", "echo hi"), shell("large", "seq 5000")))

    values = {row["name"]: row["value"] for row in report["results"]["completed_sections"]}
    assert values["small"] == {"exit_code": 0, "output": "hi\n"}
    assert values["large"] is None or len(json.dumps(values["large"])) < 5000


def test_a_section_whose_declared_file_is_gone_runs_again(workdir: Path) -> None:
    spec = task(shell("a", "echo made > out.txt; echo x >> count", writes=["out.txt"]), shell("b", "echo y >> count"))
    sectioning(spec)
    (workdir / "out.txt").unlink()

    report = sectioning(spec)

    assert (workdir / "out.txt").read_text() == "made\n"
    assert {row["name"]: row["reused"] for row in report["results"]["completed_sections"]} == {"a": False, "b": True}
    assert sectioning(spec)["execution_summary"]["reused_sections"] == 2


def test_declared_reads_decide_what_is_reused(workdir: Path) -> None:
    (workdir / "data.txt").write_text("1")
    spec = task(shell("a", "cat data.txt", reads=["data.txt"]), shell("b", "true", reads=["other/*"]))
    sectioning(spec)
    (workdir / "data.txt").write_text("2")

    report = sectioning(spec)

    assert {row["name"]: row["reused"] for row in report["results"]["completed_sections"]} == {"a": False, "b": True}


def test_a_failure_skips_its_dependents_lets_the_others_finish_and_fails_the_flow(workdir: Path) -> None:
    spec = task(
        shell("bad", "echo x >> tries; exit 3"),
        shell("after", "true", depends_on=["bad"]),
        shell("other", "sleep 0.1"),
    )

    with pytest.raises(RunError, match="partial") as caught:
        execute(spec)

    report: Any = caught.value.report
    assert (workdir / "tries").read_text().count("x") == 3
    assert [row["name"] for row in report["results"]["completed_sections"]] == ["other"]
    statuses = {row["name"]: row["status"] for row in report["results"]["unfinished_sections"]}
    assert statuses == {"bad": "failed", "after": "skipped"}
    assert any("'bad'" in step for step in report["next_steps"])
    bars = [bar for bar in report["performance_metrics"]["timeline"] if bar["section"] == "bad"]
    assert [(bar["attempt"], bar["status"]) for bar in bars] == [(1, "failed"), (2, "failed"), (3, "failed")]
    assert report["execution_summary"]["workers_used"] == report["execution_summary"]["parallel_executions"]


def test_a_deadline_holds_and_kills_the_children(workdir: Path) -> None:
    spec = task(shell("slow", "sleep 60 & sleep 60; wait", timeout_seconds=0.5))

    with pytest.raises(RunError) as caught:
        sectioning(spec)

    report: Any = caught.value.report
    assert report["results"]["unfinished_sections"][0]["status"] == "timed_out"


def test_mistakes_come_before_anything_runs(workdir: Path) -> None:
    spec = task(
        shell("a", "touch ran"),
        {"name": "b", "worker": {"kind": "comand"}},
        {"name": "c", "worker": {"kind": "command", "argv": ["no-such-program-anywhere"]}},
    )

    with pytest.raises(SpecError) as caught:
        sectioning(spec)

    text = str(caught.value)
    assert "'command'" in text and "no-such-program-anywhere" in text and not (workdir / "ran").exists()


def test_results_of_prerequisites_reach_a_callable(workdir: Path) -> None:
    (workdir / "steps.py").write_text("def one(): return {'n': 1}\ndef two(inputs): return inputs['one']['n'] + 1\n")
    report = sectioning(
        task(
            {"name": "one", "worker": {"kind": "callable", "target": "steps:one"}},
            {"name": "two", "worker": {"kind": "callable", "target": "steps:two"}, "depends_on": ["one"]},
        )
    )

    assert report["status"] == "success"


SUITE = {
    "pkg/__init__.py": "",
    "pkg/code.py": "def f(x):\n    if x:\n        return 1\n    return 2\n\n\ndef g():\n    return 3\n",
    "tests/test_one.py": "from pkg.code import f\ndef test_a(): assert f(1) == 1\ndef test_b(): assert f(0) == 2\n",
    "tests/test_two.py": "import pytest\nfrom pkg.code import g\n"
    "@pytest.mark.parametrize('x', range(5))\ndef test_c(x): assert g() == 3\n"
    "@pytest.mark.xfail\ndef test_d(): assert 0\n@pytest.mark.skip\ndef test_e(): pass\n",
    "tests/test_three.py": "import pytest\npytest.importorskip('no_such_module')\n",
}


def suite_in(root: Path) -> None:
    for name, text in SUITE.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)


def outcomes_in(junit: Path) -> dict[str, list[tuple[str, str | None]]]:
    rows = ElementTree.parse(junit).getroot().iter("testcase")
    return {
        f"{row.get('classname')}::{row.get('name')}": next(
            (child.tag + str(child.get("type")) for child in row), "passed"
        )
        for row in rows
    }


def test_a_suite_in_sections_equals_one_serial_run(workdir: Path) -> None:
    suite_in(workdir)
    serial = [sys.executable, "-m", "coverage", "run", "--data-file=serial.data", "--source=pkg", "-m", "pytest"]
    subprocess.run([*serial, "-q", "--junitxml=serial.xml", "tests"], check=True, env={"PYTHONPATH": "."}, cwd=workdir)
    spec = task(parallelism_hint=2)
    spec["main_task"] = {
        "description": "d",
        "level": "test",
        "suite": {"args": ["tests"], "coverage": True, "source": ["pkg"]},
    }

    report = sectioning(spec)

    tests = report["results"]["tests"]
    assert (tests["passed"], tests["xfailed"], tests["skipped"]) == (7, 1, 2)
    assert outcomes_in(Path(tests["junit"])) == outcomes_in(workdir / "serial.xml")
    assert covered_lines(Path(tests["coverage"])) == covered_lines(workdir / "serial.data")


def covered_lines(path: Path) -> dict[str, list[int]]:
    data = coverage.CoverageData(str(path))
    data.read()
    return {name: sorted(data.lines(name) or ()) for name in data.measured_files()}


def test_failing_tests_fail_the_run_and_are_named(workdir: Path) -> None:
    suite_in(workdir)
    (workdir / "tests" / "test_bad.py").write_text("def test_broken(): assert 1 == 2\n")
    spec = task(parallelism_hint=2)
    spec["main_task"] = {"description": "d", "level": "test", "suite": {"args": ["tests"]}}

    with pytest.raises(RunError) as caught:
        sectioning(spec)

    report: Any = caught.value.report
    assert report["results"]["tests"]["failed"] == 1 and report["results"]["tests"]["passed"] == 7
    assert any("test_broken" in step for step in report["next_steps"])


def test_a_hint_of_one_runs_one_at_a_time(workdir: Path) -> None:
    spec = task(*(shell(name, "sleep 0.2") for name in ("a", "b", "c")))
    report = sectioning({**spec, "parallelism_hint": 1})

    assert report["execution_summary"]["parallel_executions"] == 1
    assert report["execution_summary"]["workers_used"] == 1
