"""Whatever instant the machine stops at, the target holds nothing of the new tree or all of it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.tree import publish as publish_module
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of
from ptx_prefect.tree.commits import Part
from ptx_prefect.tree.publish import Target, publish, rollback
from ptx_prefect.tree.records import records_in
from ptx_prefect.tree.workspace import open_workspace

STEPS = ("write_record", "bring_to", "exchange", "move_branch", "write_commits", "_sync_folder", "_remove")
COUNT = 30


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
    return subprocess.check_output(["git", *identity, *args], cwd=directory, text=True)


def send(place: Path, kind: str, name: str, *, run: str, text: str) -> None:
    """Publish thirty files that all hold ``text``."""
    base = Base.of_revision(place / "repo", "HEAD")
    rows = [FileChange(f"f{n:02d}", digest_of(b"base"), text.encode()) for n in range(COUNT)]
    merged = Changeset(tuple(rows))
    target = Target(kind, name)  # type: ignore[arg-type]  # one of the three, from the command line
    publish(base, merged, [Part(text, merged)], target, run_id=run, state_dir=place / "state", now_s=len(run))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "repo").mkdir()
    for number in range(COUNT):
        (tmp_path / "repo" / f"f{number:02d}").write_text("base")
    git(tmp_path / "repo", "init", "-q")
    git(tmp_path / "repo", "add", "-A")
    git(tmp_path / "repo", "commit", "-qm", "base")
    return tmp_path


def crash(place: Path, kind: str, name: str, moment: int) -> bool:
    """True when a child that publishes was killed at that moment, False when it was done before."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _kill_at(moment)
            send(place, kind, name, run="crashing", text="new")
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL)
    return os.WIFSIGNALED(status)


def _kill_at(moment: int) -> None:
    """Let this process die before or after the ``moment``-th of the steps that matter."""
    passed = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            if passed == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1
            result = function(*args, **kwargs)
            if passed == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            passed += 1
            return result

        return call

    for step in STEPS:
        setattr(publish_module, step, counted(getattr(publish_module, step)))
    Path.rename = counted(Path.rename)  # type: ignore[method-assign]  # this process dies with it


def directory_state(place: Path) -> set[str]:
    out = place / "out"
    return {path.read_text() for path in out.iterdir()} if out.exists() else set()


def branch_state(place: Path) -> set[str]:
    if not git(place / "repo", "branch", "--list", "out"):
        return set()
    names = git(place / "repo", "ls-tree", "--name-only", "out").split()
    return {git(place / "repo", "show", f"out:{name}") for name in names}


@pytest.mark.parametrize(("kind", "state"), [("directory", directory_state), ("branch", branch_state)])
@pytest.mark.parametrize("former", [False, True])
def test_kill_at_every_step(place: Path, kind: str, state: Callable[[Path], set[str]], former: bool) -> None:
    name = str(place / "out") if kind == "directory" else "out"
    before: set[str] = set()
    if former:
        send(place, kind, name, run="former", text="old")
        before = {"old"}
    moment, seen = 0, []
    while crash(place, kind, name, moment):
        now = state(place)
        assert now in (before, {"new"}), f"half a tree at moment {moment}"
        seen.append(now)

        # Whatever was left is understood: it can be undone, and the next run publishes over it.
        if now == {"new"}:
            rollback("crashing", state_dir=place / "state")
            assert state(place) == before
        send(place, kind, name, run="later", text="later")
        assert state(place) == {"later"}
        rollback("later", state_dir=place / "state")
        assert state(place) == before
        for row in records_in(place / "state"):
            if row.run_id != "former":
                next((place / "state" / "published").glob(f"{row.run_id}-*.json")).unlink()
        moment += 1

    assert before in seen
    assert {"new"} in seen
    left = [path.name for path in place.iterdir() if "ptx-" in path.name and "crashing" not in path.name]
    assert left == []


def test_a_full_disk_leaves_nothing_and_says_so(place: Path) -> None:
    """A limit on file size stands in for the full disk: the write fails in the middle in the same way."""
    script = (
        "import resource, sys; from pathlib import Path; from tests.e2e.tree.test_publish_crash import send;"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000));"
        "send(Path(sys.argv[1]), 'directory', sys.argv[2], run='big', text='x' * 300_000)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", script, str(place), str(place / "out")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "TreeError: cannot publish to" in done.stderr
    assert "File too large; nothing was published" in done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["repo", "state"]


def test_a_workspace_on_a_full_disk_says_so(place: Path) -> None:
    (place / "repo" / "large").write_bytes(bytes(300_000))
    base = Base.of_directory(place / "repo")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with (
            pytest.raises(TreeError, match=r"cannot make a workspace for 'big'.*File too large"),
            open_workspace(base, [], root=place / "w", name="big"),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)

    with open_workspace(base, [], root=place / "w", name="again") as workspace:
        assert workspace.collect() == Changeset()
