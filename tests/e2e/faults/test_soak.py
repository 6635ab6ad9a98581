"""A long run does not grow: neither memory, nor threads, nor open files, from its first third to its end."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import psutil

from tests.e2e.faults.campaign import Campaign

SECTIONS = int(os.environ.get("PTX_SOAK_SECTIONS", "150"))
SECONDS = float(os.environ.get("PTX_SOAK_SECONDS_EACH", "0.2"))
Sample = tuple[int, float, int, int]
"""Sections ended, memory in MB, threads, open files."""


def samples_of(task: Campaign) -> list[Sample]:
    """Run the task; look at its process from time to time."""
    process = task.start()
    watched = psutil.Process(process.pid)
    seen: list[Sample] = []
    while process.poll() is None and (ended := sum(task.noted("end").values())) < SECTIONS:
        with watched.oneshot():
            seen.append((ended, watched.memory_info().rss / 2**20, watched.num_threads(), watched.num_fds()))
        time.sleep(0.2)
    report, said = task.finish(process)
    assert report.get("status") == "success", said
    return seen


def test_memory_threads_and_files_do_not_grow(campaign: Callable[[str], Campaign]) -> None:
    task = campaign("981241.5")
    note = f"echo end {{}} >> {task.home}/ran"
    task.write_spec(
        [
            {"name": f"s{n}", "worker": {"kind": "command", "argv": ["sh", "-c", f"sleep {SECONDS}; {note.format(n)}"]}}
            for n in range(SECTIONS)
        ],
        parallelism_hint=10,
    )

    seen = samples_of(task)

    early = [row for row in seen if SECTIONS / 6 < row[0] <= SECTIONS / 2]
    late = [row for row in seen if row[0] > SECTIONS * 5 / 6]
    medians = [
        (statistics.median(row[at] for row in early), statistics.median(row[at] for row in late)) for at in (1, 2, 3)
    ]
    print("early and late: MB {}, threads {}, files {}".format(*medians))
    (mb, mb_late), (threads, threads_late), (files, files_late) = medians
    # Records of what ended are kept for the report: some kilobytes each.
    assert mb_late - mb < 10 + 0.02 * SECTIONS
    assert threads_late - threads <= 4
    assert files_late - files <= 12
    assert task.wait_for_orphans() == []
