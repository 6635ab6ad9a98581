"""Room in memory for the sections of one run: they wait for it, and where all take too much the youngest gives way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ptx_prefect.run.memory import MemoryBook
from ptx_prefect.run.outcomes import Cancelled, Outcome, Skipped

EVICT_EVERY_S = 2.0
"""Between two sections that are stopped to make room: the first one's memory must be free again to be seen."""


class Room:
    """Who may start, and who has to stop, by what sections are expected to take and what they take.

    Args:
        book: what each section is expected to take.
    """

    def __init__(self, book: MemoryBook) -> None:
        self._book = book
        self.limit_mb = book.limit_mb
        self._waited: set[str] = set()
        self._evicted: dict[str, float] = {}
        self._evicted_s = -EVICT_EVERY_S
        self._made = 0

    def why_not(self, name: str, running: Iterable[str]) -> str | None:
        """What a section waits for that cannot start beside ``running``; None: there is room for it."""
        if self._book.is_room(name, running):
            return None
        self._waited.add(name)
        wanted = self._book.expected_mb(name)
        return f"waits for memory: it is expected to take {wanted:.0f} MB of {self.limit_mb:.0f} MB in all"

    def for_more(self, used_mb: float | None, *, running: int, most: int) -> int:
        """How many processes more, up to ``most``, there is memory for, if they take what the running ones do.

        Args:
            used_mb: what those take together; None: not known.
        """
        if not used_mb or not running:
            return most
        return max(0, min(most, int((self.limit_mb - used_mb) / (used_mb / running))))

    def who_gives_way(self, used_mb: float, began_s: Mapping[str, float], now_s: float) -> tuple[str, str] | None:
        """The section to stop, and why: the one that began last, where all together take more than they may.

        It is begun again without having used an attempt, when there is memory for it.

        Args:
            used_mb: what the sections take together.
            began_s: those that run, and since when.
            now_s: the time on the same clock.
        """
        if used_mb <= self.limit_mb or now_s - self._evicted_s < EVICT_EVERY_S:
            return None
        young = [name for name in began_s if name not in self._evicted]
        if len(young) < 2:
            return None
        name = max(young, key=lambda item: began_s[item])
        self._evicted_s = now_s
        self._evicted[name] = used_mb / len(began_s)
        return name, f"stopped to make room: all use {used_mb:.0f} MB of {self.limit_mb:.0f} MB"

    def gave_way(self, name: str, outcome: Outcome) -> bool:
        """Told that a section ended: whether it did because it was stopped to make room."""
        each_mb = self._evicted.pop(name, None)
        if each_mb is not None and isinstance(outcome, Cancelled):
            self._book.overran(name, each_mb)
            self._made += 1
            return True
        if not isinstance(outcome, Skipped):
            self._book.took(name, outcome.usage.peak_rss_mb)
        return False

    @property
    def notes(self) -> tuple[str, ...]:
        """For the report."""
        rows = [f"{len(self._waited)} section(s) waited for memory"] if self._waited else []
        if self._made:
            rows.append(f"{self._made} time(s) a section was stopped and begun again to make room in memory")
        return tuple(rows)
