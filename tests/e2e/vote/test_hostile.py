"""Hostile candidates neither win, nor crash us, nor leave anything behind."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ptx_prefect.vote import Candidate, Limits, Sandbox, VoteSettings, vote
from ptx_prefect.vote.page import rationale_page
from tests.e2e.vote.hostile import HOSTILE

HONEST = Candidate("honest", "def f(x):\n    total = 0\n    for _ in range(2):\n        total += x\n    return total")
TESTS = ["assert f(3) == 6", "assert f(5) == 10"]
QUICK = VoteSettings(limits=Limits(call_cpu_s=0.2, call_wall_s=1.5, load_cpu_s=0.5, total_cpu_s=1), more_inputs=5)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A port of this machine that somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield server.getsockname()[1]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_candidate_never_wins(
    name: str, sandbox: Sandbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTX_TEST_SECRET", "secret")
    modules = set(sys.modules)
    others = {one.pid for one in psutil.Process().children(recursive=True)}
    here = sorted(Path().iterdir())
    hostile = Candidate("hostile", HOSTILE[name].replace("PORT", str(port)))
    decision = vote([hostile, HONEST], entry_point="f", tests=TESTS, inputs=["f(0)"], settings=QUICK, sandbox=sandbox)

    rationale_page(decision.rationale).encode()

    assert decision.winner == "honest", decision.gate
    assert decision.gated_out == ("hostile",)
    assert sorted(Path().iterdir()) == here
    assert not {one for one in set(sys.modules) - modules if one == "candidate"}
    assert not _left_behind(others)


def _left_behind(others: set[int]) -> list[psutil.Process]:
    """Our descendants other than zygotes and those that were there, once those on their way out are gone."""
    for _ in range(200):
        left = [one for one in psutil.Process().children(recursive=True) if one.pid not in others]
        left = [one for one in left if not _is_zygote(one)]
        if not left:
            break
        time.sleep(0.02)
    return left


def _is_zygote(process: psutil.Process) -> bool:
    try:
        return "inside.zygote" in " ".join(process.cmdline())
    except psutil.Error:
        return True  # Gone in this moment.


def test_nothing_is_left_when_the_sandbox_closes() -> None:
    before = {one.pid for one in psutil.Process().children(recursive=True)}
    names = ("daemon left behind", "threads left behind", "fork bomb", "huge file")
    with Sandbox() as sandbox:
        vote([HONEST], entry_point="f", tests=TESTS, settings=QUICK, sandbox=sandbox)
        zygote = next(one.pid for one in psutil.Process().children() if one.pid not in before)
        field = [*(Candidate(name, HOSTILE[name]) for name in names), HONEST]
        vote(field, entry_point="f", tests=TESTS, settings=QUICK, sandbox=sandbox)
    everybody = psutil.process_iter(["uids", "ppid"])
    left = [one for one in everybody if one.info["uids"] and one.info["uids"].real == 1_900_000_000 + zygote]

    assert not left
    assert {one.pid for one in psutil.Process().children(recursive=True)} <= before
    assert not Path(os.__file__).with_name("ptx_was_here").exists()


def test_a_whole_field_of_hostile_candidates_and_one_honest_one(sandbox: Sandbox) -> None:
    names = [name for name in HOSTILE if name not in ("opens a connection", "sleeps")][:4]
    field = [Candidate(name, HOSTILE[name]) for name in names]
    decision = vote([*field, HONEST], entry_point="f", tests=TESTS, settings=QUICK, sandbox=sandbox)

    assert decision.winner == "honest"


@pytest.mark.parametrize(
    "name",
    [
        "endless loop",
        "fork bomb",
        "daemon left behind",
        "threads left behind",
        "kills everybody",
        "huge file",
        "writes elsewhere",
        "reads the test file",
        "opens a connection",
        "os._exit",
        "stops its parent",
        "hooks its parent by ptrace",
        "reads processes",
        "symbolic link",
        "shared memory",
        "files in memory",
        "socket of its own",
    ],
)
def test_a_kernel_without_namespaces_still_holds(name: str, port: int) -> None:
    """Landlock, limits and a sweep; what they leave open is told."""
    others = {one.pid for one in psutil.Process().children(recursive=True)}
    hostile = Candidate("hostile", HOSTILE[name].replace("PORT", str(port)))
    with Sandbox(namespaces=False) as sandbox:
        decision = vote([hostile, HONEST], entry_point="f", tests=TESTS, settings=QUICK, sandbox=sandbox)

        assert decision.winner == "honest"
        assert decision.gated_out == ("hostile",)
        assert any("namespaces" in one for one in sandbox.missing)
    assert not _left_behind(others)


def test_without_tests_errors_and_silence_do_not_add_up(sandbox: Sandbox) -> None:
    """Three that fail in the same way lose against one that answers."""
    failing = [Candidate(f"fails {n}", f"def f(x):\n    raise ValueError({n})") for n in range(3)]
    silent = [Candidate(f"silent {n}", f"def f(x):\n    y = {n}") for n in range(3)]
    decision = vote(
        [*failing, *silent, HONEST], entry_point="f", inputs=["f(1)", "f(2)"], settings=QUICK, sandbox=sandbox
    )

    assert decision.winner == "honest"


def test_processes_together_have_a_limit_on_memory(sandbox: Sandbox) -> None:
    """Each holds less than one process may; the kernel counts no more than that."""
    source = (
        "import os, time\ndef f(x):\n    for _ in range(6):\n        if os.fork() == 0:\n"
        "            held = b'x' * (100 << 20)\n            time.sleep(30)\n    time.sleep(30)"
    )
    began = time.monotonic()
    job = {"mode": "calls", "source": source, "prelude": "", "entry_point": "f", "calls": ["f(1)"], "start": 0}
    reply = sandbox.run(job, Limits(memory_mb=400, call_wall_s=20))

    assert reply.killed == "memory"
    assert time.monotonic() - began < 20


def test_libraries_below_the_directory_for_temporary_files_are_there(tmp_path: Path) -> None:
    """A virtual environment in /tmp, as CI likes to make one; there is scratch space all the same."""
    tmp_path.chmod(0o755)  # candidates are another user
    (tmp_path / "below_tmp.py").write_text("ANSWER = 42\n")
    source = (
        "import tempfile\n\nimport below_tmp\n\n\ndef f():\n    with tempfile.TemporaryFile() as file:\n"
        "        file.write(b'kept')\n        file.seek(0)\n        return [below_tmp.ANSWER, file.read().decode()]\n"
    )

    with Sandbox([str(tmp_path)]) as sandbox:
        seen = sandbox.observe(source, ["f()"], entry_point="f")

    assert seen.loads, seen.problem
    assert [output.kind for output in seen.outputs] == ["value"] and "42" in str(seen.outputs[0])
