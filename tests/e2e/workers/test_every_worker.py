"""What holds for every worker that runs a child process, whatever the child is."""

from __future__ import annotations

import json
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.run.outcomes import Cancelled, Done, Failed, OverMemory, TimedOut
from ptx_prefect.workers import process_tree
from ptx_prefect.workers.known import KNOWN
from ptx_prefect.workers.process import cancel_all

Prepare = Callable[[Path, str], tuple[str, dict[str, Any]]]


def _as_callable(workdir: Path, body: str) -> tuple[str, dict[str, Any]]:
    (workdir / "section_code.py").write_text("def run():\n" + textwrap.indent(body, "    "))
    return "callable", {"target": "section_code:run"}


def _as_command(workdir: Path, body: str) -> tuple[str, dict[str, Any]]:
    (workdir / "section_code.py").write_text(body)
    return "command", {"argv": ["python3", "section_code.py"]}


def _as_pytest(workdir: Path, body: str) -> tuple[str, dict[str, Any]]:
    (workdir / "test_section_code.py").write_text("def test_run():\n" + textwrap.indent(body, "    "))
    options = ["-s", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:xdist", "-p", "no:timeout"]
    return "pytest", {"tests": ["test_section_code.py"], "args": options}


WORKERS = {"callable": _as_callable, "command": _as_command, "pytest": _as_pytest}


@pytest.fixture(params=sorted(WORKERS))
def prepare(request: pytest.FixtureRequest) -> Prepare:
    return WORKERS[request.param]


STUBBORN = """\
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("pids", "a").write(f"{os.getpid()}\\n")
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("pids", "a").write(f"{os.getpid()}\\n")
        time.sleep(600)
    os._exit(0)
open("ready", "w").close()
time.sleep(600)
"""
HOG = """\
import time
held = [bytearray(b"x" * 1_000_000) for _ in range(300)]
time.sleep(600)
"""


def test_success_is_done_with_what_it_cost(prepare: Prepare, run_section: Any, workdir: Path, state_dir: Path) -> None:
    outcome = run_section(*prepare(workdir, "print('héllo \\u2603')\n"))

    assert isinstance(outcome, Done), outcome
    assert outcome.usage.wall_s > 0 and outcome.usage.cpu_s is not None and outcome.usage.cpu_s > 0
    assert outcome.usage.peak_rss_mb is not None and outcome.usage.peak_rss_mb > 1
    assert "héllo ☃" in (state_dir / "logs" / "one.log").read_text(encoding="utf-8")
    json.dumps(outcome.value)


def test_failure_says_why(prepare: Prepare, run_section: Any, workdir: Path) -> None:
    outcome = run_section(*prepare(workdir, "raise ValueError('the moon is down')\n"))

    assert isinstance(outcome, Failed), outcome
    assert "the moon is down" in outcome.reason


def test_crash_names_the_signal(prepare: Prepare, run_section: Any, workdir: Path) -> None:
    outcome = run_section(*prepare(workdir, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"))

    # A suite tries the test that ended its interpreter again by itself, and names it: then it is a failed test.
    is_suite = prepare is _as_pytest
    assert isinstance(outcome, Failed) and outcome.kind == ("tests_failed" if is_suite else "crashed"), outcome
    assert outcome.permanent == is_suite and "SIGKILL" in outcome.reason, outcome


def test_deadline_ends_a_child_that_ignores_sigterm_and_its_daemon(
    prepare: Prepare, run_section: Any, workdir: Path, pids_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptx_prefect.workers.endings.GRACE_S", 0.2)
    outcome = run_section(*prepare(workdir, STUBBORN), deadline_s=1.5)

    assert isinstance(outcome, TimedOut) and outcome.why == "deadline", outcome
    assert len((workdir / "pids").read_text().split()) == 2
    assert pids_in("pids") == []


def test_a_silent_child_is_ended(prepare: Prepare, run_section: Any, workdir: Path) -> None:
    outcome = run_section(*prepare(workdir, "import time\ntime.sleep(600)\n"), deadline_s=60, heartbeat_s=1.0)

    assert isinstance(outcome, TimedOut) and outcome.why == "silent", outcome


def test_a_child_that_works_without_a_word_is_not_silent(prepare: Prepare, run_section: Any, workdir: Path) -> None:
    body = "import time\nend = time.monotonic() + 1.5\nwhile time.monotonic() < end:\n    pass\n"
    outcome = run_section(*prepare(workdir, body), heartbeat_s=1.0)

    assert isinstance(outcome, Done), outcome


def test_over_memory_is_not_called_failed(prepare: Prepare, run_section: Any, workdir: Path) -> None:
    outcome = run_section(*prepare(workdir, HOG), memory_limit_mb=150)

    assert isinstance(outcome, OverMemory), outcome
    assert outcome.limit_mb == 150 and outcome.peak_mb > 150


def test_a_flood_of_binary_output_is_kept_at_both_ends(
    prepare: Prepare, run_section: Any, workdir: Path, state_dir: Path
) -> None:
    body = (
        "import os\nos.write(1, b'BEGIN\\xff\\x00\\n')\n"
        "for _ in range(200):\n    os.write(1, b'\\xfe' * 65536)\nos.write(1, b'END\\n')\n"
    )
    outcome = run_section(*prepare(workdir, body))
    log = (state_dir / "logs" / "one.log").read_bytes()

    assert isinstance(outcome, Done), outcome
    assert b"BEGIN\xff\x00" in log[:2000] and b"END" in log[-2000:] and b"bytes left out" in log
    assert len(log) < 3_000_000


def test_cancel_ends_the_tree_at_once(
    prepare: Prepare, run_section: Any, workdir: Path, pids_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ptx_prefect.workers.endings.GRACE_S", 0.2)

    def cancel_when_ready() -> None:
        limit = time.monotonic() + 30
        while not (workdir / "ready").exists() and time.monotonic() < limit:
            time.sleep(0.02)
        cancel_all("Ctrl-C", section="one")

    canceller = threading.Thread(target=cancel_when_ready)
    canceller.start()
    outcome = run_section(*prepare(workdir, STUBBORN))
    canceller.join()

    assert outcome == Cancelled("Ctrl-C", outcome.usage), outcome
    assert pids_in("pids") == []


def test_what_a_finished_section_left_running_is_ended(
    prepare: Prepare, run_section: Any, workdir: Path, pids_in: Any, state_dir: Path
) -> None:
    body = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    open('pids', 'a').write(f'{os.getpid()}\\n')\n"
        "    open('ready', 'w').close()\n    time.sleep(600)\n    os._exit(0)\n"
        "while not os.path.exists('ready'):\n    time.sleep(0.01)\n"
    )
    outcome = run_section(*prepare(workdir, body))

    assert isinstance(outcome, Done), outcome
    assert (workdir / "pids").exists() and pids_in("pids") == []
    assert list((state_dir / "children").iterdir()) == []


def test_no_secret_of_ours_reaches_a_command(run_section: Any, monkeypatch: pytest.MonkeyPatch, workdir: Path) -> None:
    monkeypatch.setenv("SOME_API_KEY", "s3cret")
    monkeypatch.setenv("NAMED", "yes")
    outcome = run_section("command", {"argv": ["env"], "env": ["NAME?"], "set_env": {"ADDED": "1"}})

    assert isinstance(outcome, Done)
    assert isinstance(outcome.value, dict)
    seen = outcome.value["output"].splitlines()
    assert "s3cret" not in outcome.value["output"]
    assert "NAMED=yes" in seen and "ADDED=1" in seen
    assert any(line.startswith(f"{process_tree.MARKER}=") for line in seen)


def test_every_kind_that_runs_children_is_in_this_suite() -> None:
    assert set(WORKERS) <= set(KNOWN)
