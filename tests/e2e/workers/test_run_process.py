"""One child process: what the caller gets back in the odd cases."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import WorkerError
from ptx_prefect.run.outcomes import Done, Failed
from ptx_prefect.workers.process import Order, cancel_all, run_process
from ptx_prefect.workers.spawners import Spawner


def _order(place: Path, argv: tuple[str, ...], **changes: Any) -> Order:
    fields: dict[str, Any] = {"env": {"PATH": os.environ["PATH"]}, "deadline_s": 30.0, "log_path": place / "log"}
    return Order("one", place, state_dir=place / "state", argv=argv, **{**fields, **changes})


class CancelsFirst(Spawner):
    """A cancel that comes while the spawner is still starting."""

    def adopt(self, connection: socket.socket) -> None:
        super().adopt(connection)
        assert cancel_all("too late", section="one") == 1


def test_a_cancel_before_the_start_keeps_the_child_from_starting(tmp_path: Path) -> None:
    spawner = CancelsFirst()
    ended = run_process(_order(tmp_path, ("touch", "started")), beat=lambda text: None, spawner=spawner)
    spawner.close()

    assert (ended.by, ended.reason) == ("cancelled", "too late")
    assert not (tmp_path / "started").exists()


def test_a_spawner_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    spawner = Spawner(code="raise SystemExit('no luck with {fd}')")

    with pytest.raises(WorkerError, match="no luck"):
        run_process(_order(tmp_path, ("true",)), beat=lambda text: None, spawner=spawner)


def test_a_spawner_with_threads_does_not_serve(tmp_path: Path) -> None:
    code = "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); "
    spawner = Spawner(code=code + "from ptx_prefect.workers.spawner import main; main({fd})")

    with pytest.raises(WorkerError, match="did not come up"):
        run_process(_order(tmp_path, ("true",)), beat=lambda text: None, spawner=spawner)


def test_an_argument_that_no_program_can_have_is_permanent(run_section: Any) -> None:
    outcome = run_section("command", {"argv": ["echo", "a\0b"]})

    assert isinstance(outcome, Failed) and outcome.permanent, outcome


def test_many_children_at_once_from_many_threads(tmp_path: Path) -> None:
    ended: list[Any] = []

    def one(number: int) -> None:
        order = _order(tmp_path, ("sh", "-c", f"echo {number}"), log_path=tmp_path / f"{number}.log")
        ended.append((number, run_process(order, beat=lambda text: None)))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted((number, end.output) for number, end in ended) == [(n, f"{n}\n") for n in range(40)]
    assert list((tmp_path / "state" / "children").iterdir()) == []


def test_nothing_is_left_open_after_many_sections(run_section: Any) -> None:
    run_section("command", {"argv": ["true"]})
    before = len(list(Path("/dev/fd").iterdir())), threading.active_count()
    outcomes = [run_section("command", {"argv": ["true"]}) for _ in range(50)]

    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert (len(list(Path("/dev/fd").iterdir())), threading.active_count()) == before


def test_cpu_of_children_that_have_ended_is_counted(run_section: Any) -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    script = f"python3 -c '{burn}' & python3 -c '{burn}' & wait"
    outcome = run_section("command", {"argv": ["sh", "-c", script]})

    assert isinstance(outcome, Done)
    assert outcome.usage.cpu_s is not None and outcome.usage.cpu_s >= 0.8


def test_memory_is_that_of_the_whole_tree(run_section: Any) -> None:
    hold = "import time; held = b'x' * 80_000_000; time.sleep(1.5)"
    script = f'python3 -c "{hold}" & python3 -c "{hold}" & wait'
    outcome = run_section("command", {"argv": ["sh", "-c", script]})

    assert isinstance(outcome, Done)
    assert outcome.usage.peak_rss_mb is not None and outcome.usage.peak_rss_mb > 150
