"""The tests of one section in one process, or in several where others have nothing to do.

A section starts as one part. When a slot of the run's pool is idle, it takes over half of what is left of the part with
most left, as a process of its own; that goes on until nothing is left that is worth a start. Whatever the parts were,
the section's files are those that one process would have written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.run.outcomes import Usage
from ptx_prefect.workers.crashes import Crash, running_test
from ptx_prefect.workers.endings import signal_name, usage_of
from ptx_prefect.workers.process import Ended, Order, cancel_all
from ptx_prefect.workers.protocol import Job
from ptx_prefect.workers.spare import Spare
from ptx_prefect.workers.stock import Stock

MAX_CRASHES = 10
"""So many tests of a part may end its interpreter before the rest is given up."""
LOOK_S = 0.2
"""How often a section looks whether a slot is idle, and an idle member whether something is left (seconds)."""
LEAST_START_S = 0.3
"""What the start of a process is taken to cost at least (seconds)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Files:
    """What one process of a section writes."""

    junit: Path
    data: Path
    journal: Path
    stock: Path | None = None

    @staticmethod
    def named(folder: Path, name: str, *, is_shared: bool = False) -> Files:
        """Those of a process with this name."""
        stock = folder / f"{name}.stock" if is_shared else None
        return Files(folder / f"{name}.xml", folder / f"{name}.data", folder / f"{name}.jsonl", stock)


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """What a process is to run: what pytest is given, and of that only these node ids (None: all)."""

    tests: tuple[str, ...]
    only: frozenset[str] | None = None


Run = Callable[[Job, Files, Share, Sequence[str]], tuple[Ended, Order]]
"""Runs one process over a share without some node ids."""


class Part:
    """A share of a section's tests: one process, and where a test ends its interpreter another without it."""

    def __init__(self, job: Job, files: Files, share: Share, *, until_s: float, run: Run) -> None:
        self.files = files
        self.crashes: list[Crash] = []
        self.usages: list[Usage] = []
        self.last_crash: Crash | None = None
        self.ended: Ended | None = None
        self.order: Order | None = None
        self._job, self._share, self._until_s, self._do = job, share, until_s, run
        self._given: set[str] = set()
        self._lock = threading.Lock()
        self._stock: Stock | None = None
        self._laid_out_s: float | None = None

    def run(self) -> None:
        """Until its tests have run, or it cannot go on."""
        crash, log = self._once(self._job.log_path), self._job.log_path
        while crash is not None and len(self.crashes) < MAX_CRASHES and time.monotonic() < self._until_s:
            self.crashes.append(crash)
            stem = self.files.junit.stem.removeprefix("junit")
            log = self.files.junit.with_name(f"{stem}{'-' if stem else ''}without-{len(self.crashes)}.log")
            crash = self._once(log)
        self.last_crash = crash

    @property
    def is_broken(self) -> bool:
        """Whether its last process did not come to its end by itself."""
        return self.ended is None or self.ended.by != "exit" or self.last_crash is not None

    def left_s(self) -> float:
        """Seconds of work that others could take over, at the pace so far; 0 where that would not pay."""
        with self._lock:
            if self._stock is None:
                return 0.0
            claimed, left = self._stock.left()
            now_s = time.monotonic()
            if not claimed:
                return 0.0
            if self._laid_out_s is None:
                self._laid_out_s = now_s
            seconds = left * (now_s - self._laid_out_s) / claimed
            # Half of it is taken over, which has to be more than what the start of a process takes.
            return seconds if seconds / 2 > max(LEAST_START_S, self._stock.start_s()) else 0.0

    def give_half(self) -> Share | None:
        """About half of the tests that it has not begun; they are the taker's from now on."""
        with self._lock:
            units = [] if self._stock is None else self._stock.take_half()
            nodeids = frozenset(nodeid for unit in units for nodeid in unit["tests"])
            self._given |= nodeids
        selection = tuple(dict.fromkeys(item for unit in units for item in unit["selection"]))
        return Share(selection, nodeids) if units else None

    def _once(self, log: Path) -> Crash | None:
        """One process; the test that ended it, if one did."""
        files = self.files
        files.journal.unlink(missing_ok=True)
        left_s = max(1.0, self._until_s - time.monotonic())
        job = dataclasses.replace(self._job, log_path=log, deadline_s=min(self._job.deadline_s, left_s))
        without = self._open()
        try:
            self.ended, self.order = self._do(job, files, self._share, without)
        finally:
            self._close()
        self.usages.append(usage_of(self.ended))
        running = running_test(files.journal) if self.ended.by == "exit" and not files.junit.is_file() else None
        if running is None or self.ended.exit_code is None:
            return None
        code = self.ended.exit_code
        return Crash(running, signal_name(-code) if code < 0 else f"exit code {code}")

    def _open(self) -> list[str]:
        """Let others take from the process that starts now; the node ids that it must leave out."""
        with self._lock:
            self._laid_out_s = None
            if self.files.stock is not None:
                self.files.stock.unlink(missing_ok=True)
                self._stock = Stock(str(self.files.stock))
            return [*(one.nodeid for one in self.crashes), *sorted(self._given)]

    def _close(self) -> None:
        with self._lock:
            self._stock = None


class Team:
    """All parts of one section, and who works on them: the section's own slot, and slots that are lent.

    Args:
        first: the part that holds all tests at the start.
        spare: lends slots; None: there is one process.
        make: a part for a share that was taken over; its number counts from 1.
    """

    def __init__(self, section: str, first: Part, *, spare: Spare | None, make: Callable[[int, Share], Part]) -> None:
        self.parts = [first]
        self._section, self._spare, self._make = section, spare, make
        self._directory = first.files.junit.parent.parent
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        self._at_work = 0
        self._helpers: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._is_over = threading.Event()
        self._part_ended = threading.Event()
        self._is_stopped = False

    def run(self) -> list[Part]:
        """Run everything; the parts, the first one first.

        Raises:
            WorkerError, OSError: a process could not be started.
        """
        lookout = threading.Thread(target=self._look_out, daemon=True)
        if self._spare is not None:
            lookout.start()
        try:
            self._work(self.parts[0])
            while self._at_work and not self._errors:
                self._part_ended.wait(LOOK_S)
                self._part_ended.clear()
                self._work(self._next())
        except BaseException as error:
            self._stop(f"interrupted by {type(error).__name__}")
            raise
        finally:
            self._is_over.set()
            for thread in (*([lookout] if self._spare is not None else []), *self._helpers):
                thread.join()
            if self._spare is not None:
                self._spare.leave(self._section)
        if self._errors:
            raise self._errors[0]
        return self.parts

    def _work(self, part: Part | None) -> None:
        """Run parts as long as there are some for this slot."""
        while part is not None and not self._is_stopped:
            with self._lock:
                self._at_work += 1
            try:
                part.run()
            finally:
                with self._lock:
                    self._at_work -= 1
                self._part_ended.set()
            if part.is_broken:
                self._stop(f"another process of {self._section!r} could not go on")
            part = self._next()

    def _next(self) -> Part | None:
        """A part taken over from the one with most left."""
        with self._lock:
            if self._is_over.is_set():
                return None
            giver = max(self.parts, key=lambda part: part.left_s())
            share = giver.give_half() if giver.left_s() > 0 else None
            if share is None:
                return None
            part = self._make(next(self._count), share)
            self.parts.append(part)
            return part

    def _look_out(self) -> None:
        """Ask for idle slots, for as long as the section runs."""
        assert self._spare is not None
        while not self._is_over.wait(LOOK_S):
            left_s = max(part.left_s() for part in tuple(self.parts))
            if self._spare.ask(self._section, left_s=left_s):
                helper = threading.Thread(target=self._help, daemon=True)
                self._helpers.append(helper)
                helper.start()

    def _help(self) -> None:
        """Work on a slot that is lent."""
        assert self._spare is not None
        try:
            self._work(self._next())
        except BaseException as error:  # Tests that were taken over would be lost: the section fails.
            self._errors.append(error)
            self._stop(f"{type(error).__name__}: {error}")
        finally:
            self._spare.give_back()

    def _stop(self, reason: str) -> None:
        """Nothing is taken over any more, and what runs ends: the section cannot succeed."""
        self._is_stopped = True
        self._is_over.set()
        with contextlib.suppress(OSError):
            cancel_all(reason, below=self._directory)


def merged_usage(usages: Sequence[Usage]) -> Usage:
    """What several processes cost together: the sums, and the highest peak."""
    cpu = [usage.cpu_s for usage in usages if usage.cpu_s is not None]
    peaks = [usage.peak_rss_mb for usage in usages if usage.peak_rss_mb is not None]
    return Usage(sum(usage.wall_s for usage in usages), sum(cpu) if cpu else None, max(peaks, default=None))


def payload_of(share: Share, files: Files, without: Sequence[str]) -> Mapping[str, Any]:
    """What a process is told of its share."""
    return {
        "tests": list(share.tests),
        "only": None if share.only is None else sorted(share.only),
        "without": list(without),
        "junit": str(files.junit),
        "journal": str(files.journal),
        "stock": "" if files.stock is None else str(files.stock),
    }


def add_coverage(data: Path, other: Path) -> None:
    """Put what one coverage data file holds into another, which need not be there yet."""
    if not data.is_file():
        other.replace(data)
        return
    from coverage import CoverageData

    both, more = CoverageData(basename=str(data)), CoverageData(basename=str(other))
    for one in (both, more):
        one.read()
    both.update(more)
    both.write()
