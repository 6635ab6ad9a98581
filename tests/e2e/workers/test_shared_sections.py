"""A section that goes on in several processes gives what one process gives, and runs no test twice."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import pytest

from ptx_prefect.run.outcomes import Cancelled, Failed, TimedOut
from ptx_prefect.workers.process import cancel_all
from ptx_prefect.workers.spare import Spare, close_spare, open_spare
from ptx_prefect.workers.test_totals import read_cases

LOG = """\
import os, pathlib, time, pytest, lib
@pytest.fixture(autouse=True)
def log(request):
    with open("ran.txt", "a") as stream:
        stream.write(f"{request.node.nodeid} {os.getpid()} {os.environ.get('PTX_SECTION')}\\n")
"""
FREE = """
class TestSome:
    @classmethod
    def setup_class(cls):
        cls.pid = os.getpid()
    @pytest.mark.parametrize("n", range(6))
    def test_in_class(self, n):
        time.sleep(0.12)
        assert self.pid == os.getpid() and lib.at(n) == n
@pytest.mark.parametrize("n", range(6))
def test_alone(n): time.sleep(0.12); assert lib.at(n) == n
"""
BOUND = """
@pytest.fixture(scope="module")
def held():
    yield os.getpid()
    pathlib.Path("torn-down.txt").open("a").write("x")
def test_first(held): time.sleep(0.2)
def test_second(held): assert held == os.getpid(); time.sleep(0.2)
"""
SET_UP = """
def setup_module(module): module.pid = os.getpid()
def test_first(): time.sleep(0.2)
def test_second(): assert pid == os.getpid(); time.sleep(0.2)
"""
FAILS = """
def test_fails(): assert 0
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): assert lib.at(7) == 0
"""


@pytest.fixture
def suite(workdir: Path) -> Path:
    (workdir / "tests").mkdir()
    (workdir / "lib.py").write_text("def at(n):\n    if n == 7:\n        return 8\n    return n\n")
    (workdir / "tests" / "test_z.py").write_text(LOG + FAILS)
    for n in range(3):
        (workdir / "tests" / f"test_{n}.py").write_text(LOG + FREE)
        (workdir / "tests" / f"test_bound_{n}.py").write_text(LOG + BOUND)
        (workdir / "tests" / f"test_set_up_{n}.py").write_text(LOG + SET_UP)
    return workdir


@pytest.fixture
def spare() -> Iterator[Spare]:
    lent = open_spare()
    lent.offer(2)
    yield lent
    close_spare(lent)


@pytest.mark.parametrize("warm", [True, False])
def test_reports_are_those_of_one_process_and_every_test_runs_once(
    suite: Path, run_section: Any, spare: Spare, tmp_path: Path, warm: bool
) -> None:
    serial = [sys.executable, "-m", "coverage", "run", f"--data-file={tmp_path / 'serial.data'}", "--source=lib"]
    subprocess.run(
        [*serial, "-m", "pytest", "-q", f"--junitxml={tmp_path / 'serial.xml'}", "tests"], cwd=suite, check=False
    )
    for left in ("ran.txt", "torn-down.txt"):
        (suite / left).unlink()
    config = {"tests": _files(suite), "rootdir": str(suite), "coverage": True, "source": ["lib"], "warm": warm}
    outcome = run_section("pytest", config, spare=spare.name)

    assert isinstance(outcome, Failed) and outcome.kind == "tests_failed", outcome
    assert isinstance(outcome.value, dict) and outcome.value["parts"] > 1
    assert spare.lent == 0
    assert _rows(Path(outcome.value["junit"])) == _rows(tmp_path / "serial.xml")
    assert outcome.value["totals"]["failed"] == 1 and outcome.value["totals"]["tests"] == 51
    assert _lines(Path(outcome.value["coverage"])) == _lines(tmp_path / "serial.data")
    ran = _ran(suite)
    assert len(ran) == 50 and set(Counter(nodeid for nodeid, _, _ in ran).values()) == {
        1
    }  # the skipped one logs nothing
    assert len({pid for _, pid, _ in ran}) == len({section for _, _, section in ran}) == outcome.value["parts"]
    for n in range(3):  # fixtures wider than a class, setup_module among them, are set up once
        for kind in ("bound", "set_up"):
            assert len({pid for nodeid, pid, _ in ran if f"test_{kind}_{n}" in nodeid}) == 1
        assert len({pid for nodeid, pid, _ in ran if f"test_{n}.py::TestSome" in nodeid}) == 1
    assert (suite / "torn-down.txt").read_text() == "xxx"
    assert outcome.usage.wall_s > max(case.seconds for case in read_cases(Path(outcome.value["junit"])))


def test_without_an_idle_slot_there_is_one_process(suite: Path, run_section: Any, spare: Spare) -> None:
    spare.offer(0)
    outcome = run_section("pytest", {"tests": _files(suite), "rootdir": str(suite)}, spare=spare.name)

    assert isinstance(outcome, Failed) and isinstance(outcome.value, dict) and outcome.value["parts"] == 1
    assert len({pid for _, pid, _ in _ran(suite)}) == 1


def test_a_test_that_ends_its_interpreter_costs_only_itself(suite: Path, run_section: Any, spare: Spare) -> None:
    for n in range(3):
        text = LOG + "def test_before(): time.sleep(0.2)\ndef test_dies(): os._exit(3)\ndef test_after(): pass\n"
        (suite / "tests" / f"test_{n}_dies.py").write_text(text)
    outcome = run_section("pytest", {"tests": _files(suite), "rootdir": str(suite)}, spare=spare.name)

    assert isinstance(outcome, Failed) and isinstance(outcome.value, dict), outcome
    assert outcome.value["parts"] > 1
    assert sorted(outcome.value["crashed"]) == [f"tests.test_{n}_dies::test_dies" for n in range(3)]
    totals = outcome.value["totals"]
    assert (totals["tests"], totals["errors"], totals["failed"]) == (60, 3, 1)
    names = [case.name for case in read_cases(Path(outcome.value["junit"]))]
    assert len(names) == len(set(names)) == 60


def test_the_deadline_and_a_hanging_test_end_all_of_its_processes(
    suite: Path, run_section: Any, spare: Spare, pids_in: Any
) -> None:
    hangs = "def test_hangs():\n    open('pids', 'a').write(f'{os.getpid()} ')\n    time.sleep(60)\n"
    for n in range(3):
        (suite / "tests" / f"test_{n}_hangs.py").write_text(LOG + hangs)
    config = {"tests": _files(suite), "rootdir": str(suite)}
    outcome = run_section("pytest", config, spare=spare.name, deadline_s=8.0)

    assert isinstance(outcome, TimedOut) and "test_hangs" in outcome.during, outcome
    assert spare.lent == 0 and pids_in("pids") == []


def test_cancelling_ends_all_of_its_processes(suite: Path, run_section: Any, spare: Spare, pids_in: Any) -> None:
    import threading
    import time

    hangs = "def test_hangs():\n    open('pids', 'a').write(f'{os.getpid()} ')\n    time.sleep(60)\n"
    for n in range(2):
        (suite / "tests" / f"test_{n}_hangs.py").write_text(LOG + hangs)

    def cancel() -> None:
        while not (suite / "pids").exists() or len((suite / "pids").read_text().split()) < 2:
            time.sleep(0.1)
        cancel_all("enough", section="one")

    threading.Thread(target=cancel, daemon=True).start()
    outcome = run_section("pytest", {"tests": _files(suite), "rootdir": str(suite)}, spare=spare.name)

    assert isinstance(outcome, Cancelled) and outcome.reason == "enough", outcome
    assert spare.lent == 0 and pids_in("pids") == []


def test_tests_that_a_plugin_shuffles_are_not_torn_apart(suite: Path, run_section: Any, spare: Spare) -> None:
    shuffle = "import random\ndef pytest_collection_modifyitems(items): random.Random(3).shuffle(items)\n"
    (suite / "tests" / "conftest.py").write_text(shuffle)
    outcome = run_section("pytest", {"tests": _files(suite), "rootdir": str(suite)}, spare=spare.name)

    assert isinstance(outcome, Failed) and isinstance(outcome.value, dict), outcome
    assert outcome.value["totals"]["tests"] == 51 and outcome.value["totals"]["failed"] == 1
    assert set(Counter(nodeid for nodeid, _, _ in _ran(suite)).values()) == {1}


LOOPS = """\
import pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    items = list(session.items)
    for item, following in zip(items, [*items[1:], None]):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
    return True
"""


def test_a_loop_of_the_suites_own_runs_nothing_twice(suite: Path, run_section: Any, spare: Spare) -> None:
    (suite / "tests" / "conftest.py").write_text(LOOPS)
    config = {"tests": _files(suite), "rootdir": str(suite)}
    outcome = run_section("pytest", config, spare=spare.name)

    assert isinstance(outcome, Failed) and isinstance(outcome.value, dict), outcome
    assert outcome.value["parts"] > 1 and outcome.value["totals"]["tests"] == 51
    assert set(Counter(nodeid for nodeid, _, _ in _ran(suite)).values()) == {1}


def test_tests_stay_with_their_section_where_a_helper_cannot_start(suite: Path, run_section: Any, spare: Spare) -> None:
    refuses = "import os\nif 'part' in os.environ.get('PTX_SECTION', ''): raise RuntimeError('no second one')\n"
    (suite / "tests" / "conftest.py").write_text(refuses)
    config = {"tests": _files(suite), "rootdir": str(suite), "args": ["tests"], "warm": False}
    outcome = run_section("pytest", config, spare=spare.name)

    assert isinstance(outcome, Failed) and "no second one" in outcome.reason, outcome


def _files(suite: Path) -> list[str]:
    return sorted(str(path) for path in (suite / "tests").glob("test_*.py"))


def _ran(suite: Path) -> list[tuple[str, str, str]]:
    rows = [line.split() for line in (suite / "ran.txt").read_text().splitlines()]
    return [(nodeid, pid, section) for nodeid, pid, section in rows]


def _rows(junit: Path) -> list[tuple[str, str]]:
    return sorted((case.name, case.outcome) for case in read_cases(junit))


def _lines(data_file: Path) -> dict[str, list[int]]:
    data = coverage.CoverageData(str(data_file))
    data.read()
    return {name: sorted(data.lines(name) or ()) for name in sorted(data.measured_files())}
