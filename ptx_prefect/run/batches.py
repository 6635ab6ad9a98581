"""Which ready sections are so small that several of them make one task run. Pure; it learns from what it is told.

A Prefect task run costs about 30 ms of CPU, most of it on the server after the flow has ended. Sections that take less
than that go out together when more of them are ready than workers could take one by one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

TINY_S = 0.03
"""What a task run costs: a section that takes longer is worth its own."""
BATCH_S = 0.25
"""What a batch may take: its sections' dependents wait for all of it."""
MAX_SECTIONS = 500
LEARN_FROM, LEARN_FROM_LAST = 3, 32
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
        self._took: dict[str, deque[float]] = {}

    def took(self, name: str, seconds: float) -> None:
        """A section ended after ``seconds`` of work."""
        family = self._families.get(name)
        if family is not None:
            self._took.setdefault(family, deque(maxlen=LEARN_FROM_LAST)).append(seconds)

    def seconds_of(self, name: str) -> float | None:
        """What the section will take, if it is believed to be tiny; None: it goes out alone.

        A family is judged by the mean of its last members: a slow one among few makes it suspect, but a busy machine
        that held up a single one of many does not.
        """
        family = self._families.get(name)
        took = self._took.get(family, ()) if family is not None else ()
        if len(took) >= LEARN_FROM:
            expected = sum(took) / len(took)
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
