"""Sections that hang, ignore being asked to end, or eat memory take nothing but themselves down."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.e2e.faults.campaign import Campaign

HOG = "import time; kept = [bytearray(2**22) for _ in range(100)]; time.sleep(60)"


def command(name: str, *argv: str, **more: object) -> dict[str, object]:
    worker = {"kind": "command", "argv": list(argv), **more.pop("worker", {})}  # type: ignore[dict-item]  # plain JSON
    return {"name": name, "worker": worker, **more}


def test_each_ends_with_its_own_verdict_and_the_rest_is_done(campaign: Callable[[str], Campaign]) -> None:
    task = campaign("981237.5")
    task.write_spec(
        [
            command(
                "deaf",
                "sh",
                "-c",
                f"trap '' TERM INT HUP; sleep {task.mark} & sleep {task.mark}; true",
                timeout_seconds=1,
            ),
            command("hog", sys.executable, "-c", HOG, worker={"memory_mb": 150}),
            *(command(f"good{index}", "sh", "-c", f"echo start good{index} >> {task.home}/ran") for index in range(8)),
        ]
    )

    report, said = task.finish(task.start())

    statuses = {row["name"]: row for row in report["results"]["unfinished_sections"]}
    assert statuses["deaf"]["status"] == "timed_out" and statuses["deaf"]["attempts"] == 3
    assert statuses["hog"]["status"] == "over_memory" and "the limit is 150 MB" in statuses["hog"]["reason"]
    assert len(report["results"]["completed_sections"]) == 8
    assert report["status"] == "partial" and "Traceback" not in said
    assert task.wait_for_orphans() == []
