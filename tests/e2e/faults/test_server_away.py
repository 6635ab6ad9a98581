"""The Prefect server goes away in the middle and comes back: no work is lost and nothing is left running."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.e2e.faults.campaign import SECTIONS, Campaign
from tests.e2e.faults.conftest import Server


def test_what_was_finished_when_the_server_went_away_is_kept(
    campaign: Callable[[str], Campaign], server: Server
) -> None:
    task = campaign("981240.5")
    task.write_publishing_spec(seconds=0.6)
    process = task.start()
    while process.poll() is None and sum(task.noted("end").values()) < 6:
        time.sleep(0.05)
    server.stop()
    time.sleep(2)
    server.start()
    first, said = task.finish(process)
    before, finished = task.noted("start"), task.stored()

    again, more = task.finish(task.start())

    assert len(finished) >= 6
    assert again.get("status") == "success", (first.get("status"), said, more)
    assert again["execution_summary"]["reused_sections"] == len(finished)
    task.check(before, finished)
    assert len(list((task.home / "published").glob("s*.txt"))) == SECTIONS
