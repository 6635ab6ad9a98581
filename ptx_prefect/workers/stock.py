"""What is left of a test process's tests: run by it in order, from the end taken over by whoever has nothing to do.

Stands alone (standard library): it is loaded into the suite's interpreter too, which need not be ours.

The tests form units that are never torn apart: a file, or a class or function of a file whose fixtures allow it. A
file holds two numbers: how many units the process has claimed, and where its part ends. Both change only under a lock,
so a unit is claimed by the process or taken from it, never both, also while the process is in the middle of a test.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any


class Stock:
    """The units of one process. ``path`` is there once its tests are collected, and names of them stand beside it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._laid_out: dict[str, Any] | None = None

    def lay_out(self, units: Sequence[dict[str, Any]], *, claimed: int, start_s: float) -> None:
        """Offer units: ``{"tests": node ids, "selection": what pytest is given to collect them}``, in order.

        Args:
            start_s: what it took the process to come so far (seconds).
        """
        with open(self.path + ".json", "w", encoding="utf-8") as stream:  # noqa: PTH123 - any interpreter
            json.dump({"start_s": start_s, "units": list(units)}, stream)
        with open(self.path + ".new", "w", encoding="ascii") as stream:  # noqa: PTH123
            stream.write(f"{claimed} {len(units)}")
        os.replace(self.path + ".new", self.path)  # noqa: PTH105

    def claim(self, count: int) -> bool:
        """Have the first ``count`` units be the process's own; False: the last of them is another's by now."""
        with self._locked() as numbers:
            if numbers[1] < count:
                return False
            numbers[0] = max(numbers[0], count)
            return True

    def left(self) -> tuple[int, int]:
        """How many tests are claimed, and how many could be taken. Nothing can be where nothing is laid out."""
        try:
            with self._locked() as numbers:
                claimed, end = numbers
        except (OSError, ValueError):
            return 0, 0
        sizes = [len(unit["tests"]) for unit in self.units()]
        return sum(sizes[:claimed]), sum(sizes[claimed:end])

    def take_half(self) -> list[dict[str, Any]]:
        """Units from the end with about half of the tests that are not claimed; at least one unit, if there is any."""
        try:
            with self._locked() as numbers:
                claimed, end = numbers
                sizes = [len(unit["tests"]) for unit in self.units()]
                wanted, start = sum(sizes[claimed:end]) / 2, end
                while start > claimed and (start == end or sum(sizes[start - 1 : end]) <= wanted):
                    start -= 1
                numbers[1] = start
        except (OSError, ValueError):
            return []
        return self.units()[start:end]

    def close(self) -> None:
        """Nothing can be taken any more."""
        with contextlib.suppress(OSError), self._locked() as numbers:
            numbers[0] = numbers[1]

    def units(self) -> list[dict[str, Any]]:
        """All that were laid out."""
        found: list[dict[str, Any]] = self._read()["units"]
        return found

    def start_s(self) -> float:
        """What it took the process to lay them out (seconds)."""
        return float(self._read()["start_s"])

    def _read(self) -> dict[str, Any]:
        if self._laid_out is None:
            with open(self.path + ".json", encoding="utf-8") as stream:  # noqa: PTH123
                self._laid_out = json.load(stream)
        assert self._laid_out is not None
        return self._laid_out

    @contextlib.contextmanager
    def _locked(self) -> Iterator[list[int]]:
        with open(self.path, "r+", encoding="ascii") as stream:  # noqa: PTH123
            fcntl.flock(stream, fcntl.LOCK_EX)
            before = stream.read()
            numbers = [int(word) for word in before.split()]
            yield numbers
            after = f"{numbers[0]} {numbers[1]}"
            if after != before:
                stream.seek(0)
                stream.write(after)
                stream.truncate()
                stream.flush()
