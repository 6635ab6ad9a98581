"""Equal work is done by one run at a time, and a run that is gone holds nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptx_prefect.engine.claims import Claims

HOLD = """
import sys, time
from pathlib import Path
from ptx_prefect.engine.claims import Claims
print(Claims(Path(sys.argv[1])).take("key"), flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the claim."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.wait()


def test_two_runs_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    first, second = Claims(tmp_path), Claims(tmp_path)
    assert first.take("key") and first.take("key")
    assert not second.take("key") and second.take("another")
    first.release("key")

    assert second.take("key")
    second.release_all()


def test_what_another_process_holds_is_free_when_that_is_killed(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    claims = Claims(tmp_path)
    assert not claims.take("key")
    other.kill()
    other.wait()

    assert claims.take("key")
    claims.release_all()


@pytest.mark.parametrize("text", ["", "?", "{}", '{"place": "elsewhere", "owner": 1, "started": "0"}'])
def test_what_names_no_process_of_this_machine_holds_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "key").write_text(text)
    claims = Claims(tmp_path)

    assert claims.take("key")
    claims.release_all()
    assert [path.name for path in (tmp_path / "claims").iterdir()] == [".lock"]


def test_runs_that_were_killed_leave_nothing_behind(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    (left,) = (tmp_path / "claims").glob(".owner-*")
    claims = Claims(tmp_path)
    assert claims.take("another")

    assert not left.exists()
    claims.release_all()
    assert [path.name for path in (tmp_path / "claims").iterdir()] == ["key"]
    assert Claims(tmp_path).take("key")


def test_where_no_claim_can_be_written_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("a file in the way")

    assert Claims(tmp_path).take("key")
