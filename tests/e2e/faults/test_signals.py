"""Killed at any instant: nothing finished is paid for twice, nothing is lost, nothing is left running."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable

import pytest

from tests.e2e.faults.campaign import SECTIONS, Campaign

INSTANTS = int(os.environ.get("PTX_FAULT_INSTANTS", "3"))
SEED = int(os.environ.get("PTX_FAULT_SEED", "5"))
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


@pytest.mark.timeout(3600)
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(campaign: Callable[[str], Campaign]) -> None:
    dice = random.Random(SEED)
    for begin in range(0, INSTANTS, len(SIGNALS)):
        task = campaign(f"9{SEED}{begin:03}7.25")
        task.write_publishing_spec()
        for number in SIGNALS[: INSTANTS - begin]:
            said = task.disturb(number, dice)
            assert "Traceback" not in said
            if number is not signal.SIGKILL and said:
                assert said.count("what was finished is kept") <= 1

        before, finished = task.noted("start"), task.stored()
        report, said = task.finish(task.start())

        assert report.get("status") == "success", said
        task.check(before, finished)
        assert report["execution_summary"]["reused_sections"] == len(finished)
        assert len(report["results"]["completed_sections"]) == SECTIONS
        assert len(list((task.home / "published").glob("s*.txt"))) == SECTIONS
