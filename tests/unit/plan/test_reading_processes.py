from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references import children, read_references


def _large(root: Path) -> Path:
    body = "from mod0 import f0\n" + "".join(f"def f{n}(x):\n    return f0(x)\n" for n in range(4000))
    for n in range(8):
        (root / f"mod{n}.py").write_text(body)
    return root


@pytest.mark.parametrize("forks", [True, False])
def test_several_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:
    root = _large(tmp_path)
    monkeypatch.setattr(children, "_runs_alone", lambda: forks)
    started: list[int] = []
    start = children.Child.__init__

    def start_and_note(self: children.Child, *arguments: Any) -> None:
        start(self, *arguments)
        started.append(self._pid)

    monkeypatch.setattr(children.Child, "__init__", start_and_note)

    assert read_references(root, jobs=3).edges == read_references(root, jobs=1).edges
    assert len(started) == 2, "as many files as three processes are worth"
    assert not any(Path("/proc", str(pid)).exists() for pid in started)  # none is left, not even as a zombie


@pytest.mark.parametrize("forks", [True, False])
def test_a_reading_process_that_dies_ends_the_reading_with_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: bool
) -> None:
    root = _large(tmp_path)
    monkeypatch.setattr(children, "_runs_alone", lambda: forks)
    start = children.Child.__init__

    def start_and_kill(self: children.Child, *arguments: Any) -> None:
        start(self, *arguments)
        self.kill()

    monkeypatch.setattr(children.Child, "__init__", start_and_kill)

    with pytest.raises(PlanError, match="ended with exit code -9"):
        read_references(root, jobs=2)


def test_a_fork_is_made_only_where_no_thread_runs() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not children._runs_alone()
    finally:
        done.set()
        thread.join()
