"""Whether there is memory for one more section, from what sections took before. Pure; it learns as it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class MemoryBook:
    """What each section is expected to take. All in MB.

    Args:
        limit_mb: of all sections together.
        known: section to what it took in earlier runs; the others are believed to be like those of this run.
    """

    def __init__(self, limit_mb: float, known: Mapping[str, float]) -> None:
        self.limit_mb = limit_mb
        self._known = dict(known)
        self._peaks_mb = 0.0
        self._count = 0
        self._least_mb = 0.0

    def took(self, name: str, peak_mb: float | None) -> None:
        """A section ended; None: not measured."""
        if peak_mb is None:
            return
        if name not in self._known:
            self._peaks_mb += peak_mb
            self._count += 1
        self._known[name] = peak_mb

    def overran(self, name: str, each_mb: float) -> None:
        """The sections that run take ``each_mb`` on average, and too much together; ``name`` had to make room."""
        self._known[name] = max(self._known.get(name, 0.0), each_mb)
        self._least_mb = max(self._least_mb, each_mb)

    def expected_mb(self, name: str) -> float:
        """The best guess for a section."""
        if name in self._known:
            return self._known[name]
        mean = self._peaks_mb / self._count if self._count else 0.0
        return max(mean, self._least_mb)

    def is_room(self, name: str, running: Iterable[str]) -> bool:
        """Whether ``name`` may start beside ``running``. Alone it always may: its own limit holds it."""
        beside = [self.expected_mb(other) for other in running]
        return not beside or sum(beside) + self.expected_mb(name) <= self.limit_mb
