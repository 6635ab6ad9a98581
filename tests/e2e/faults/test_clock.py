"""The wall clock jumps by days while a run is on: no deadline, heartbeat or delay of ours goes by it."""

from __future__ import annotations

from collections.abc import Callable

from tests.e2e.faults.campaign import Campaign

JUMPS = """
import random, time
real, dice = time.time, random.Random(3)
time.time = lambda: real() + dice.choice((-86400.0, -30.0, 0.0, 30.0, 86400.0))
"""


def test_sections_live_as_long_as_they_may_and_no_longer(campaign: Callable[[str], Campaign]) -> None:
    task = campaign("981242.5")
    (task.home / "clock").mkdir()
    (task.home / "clock" / "sitecustomize.py").write_text(JUMPS)
    limits = {"timeout_seconds": 30}
    rows = [
        {"name": f"s{n}", "worker": {"kind": "command", "argv": ["sh", "-c", task.script(f"s{n}", 1.5)]}, **limits}
        for n in range(6)
    ]
    late = {"kind": "command", "argv": ["sleep", task.mark], "heartbeat_seconds": 0}
    task.write_spec([*rows, {"name": "late", "worker": late, "timeout_seconds": 2}])

    report, said = task.finish(task.start(path=[task.home / "clock"]))
    again, _ = task.finish(task.start(path=[task.home / "clock"]))

    assert len(report["results"]["completed_sections"]) == 6, said
    (row,) = report["results"]["unfinished_sections"]
    assert row["status"] == "timed_out" and "deadline of 2 s" in row["reason"] and row["attempts"] == 3
    assert again["execution_summary"]["reused_sections"] == 6
    assert set(task.noted("end").values()) == {1}
    assert "Traceback" not in said and task.wait_for_orphans() == []
