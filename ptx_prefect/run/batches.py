"""Which ready sections are so small that several of them make one task run. Pure; it learns from what it is told.

A Prefect task run costs about 30 ms of CPU, most of it on the server after the flow has ended. Sections that take less
than that go out together when more of them are ready than workers could take one by one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

TINY_S = 0.03
"""What a task run costs: a section that takes longer is worth its own."""
BATCH_S = 0.25
"""What a batch may take: its sections' dependents wait for all of it."""
MAX_SECTIONS = 500
LEARN_FROM = 3
"""Sections of one family that must have been quick before an unknown one is believed to be."""


class Batches:
    """Sizes of batches in one run.

    Args:
        families: section to what stands for all that do the same work (a function, say). A section without a family
            is believed to be small only where ``known`` says so.
        known: seconds that a section took before, or that its author gave.
    """

    def __init__(self, families: Mapping[str, str], known: Mapping[str, float]) -> None:
        self._families = families
        self._known = known
        self._longest: dict[str, float] = {}
        self._seen: dict[str, int] = {}

    def took(self, name: str, seconds: float) -> None:
        """A section ended after ``seconds`` of work."""
        family = self._families.get(name)
        if family is not None:
            self._seen[family] = self._seen.get(family, 0) + 1
            self._longest[family] = max(self._longest.get(family, 0.0), seconds)

    def seconds_of(self, name: str) -> float | None:
        """What the section will take, if it is believed to be tiny; None: it goes out alone.

        One slow member makes its whole family suspect, whatever the others took.
        """
        family = self._families.get(name)
        if family is not None and self._seen.get(family, 0) >= LEARN_FROM:
            expected = self._longest[family]
        elif name in self._known:
            expected = self._known[name]
        else:
            return None
        return expected if expected < TINY_S else None

    def size(self, first: str, *, ready: int, free: int, workers: int) -> int:
        """How many sections should go out with ``first``, itself included.

        Args:
            ready: sections that could start now, beside ``first``.
            free: workers that could take one now, the one for ``first`` included.
            workers: how many run at once: none of them is left without its share.
        """
        seconds = self.seconds_of(first)
        if seconds is None or ready < free:
            return 1
        share = math.ceil((ready + 1) / max(1, workers))
        return max(1, min(share, MAX_SECTIONS, int(BATCH_S / max(seconds, 1e-4))))
