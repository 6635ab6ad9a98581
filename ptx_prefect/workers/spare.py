"""Slots of a run's pool that nothing waits for: lent to sections that could go on in more processes than one."""

from __future__ import annotations

import secrets
import threading


class Spare:
    """What the flow's thread offers, and the sections that run as threads of the same process ask for.

    Where several ask, the one with most left gets it.
    """

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._free = 0
        self._lent = 0
        self._left_s: dict[str, float] = {}

    @property
    def lent(self) -> int:
        """How many slots are in use."""
        return self._lent

    def offer(self, free: int) -> None:
        """So many slots are free now, beside those lent."""
        with self._lock:
            self._free = max(0, free)

    def ask(self, section: str, *, left_s: float) -> bool:
        """Whether the section has a slot more. ``left_s``: seconds of its work that another process could take over."""
        with self._lock:
            self._left_s[section] = left_s
            if not self._free or left_s <= 0 or left_s < max(self._left_s.values()):
                return False
            self._free -= 1
            self._lent += 1
            self._left_s[section] = left_s / 2
            return True

    def give_back(self) -> None:
        """A slot is not needed any more. It is offered again by the flow's thread, if nothing waits by then."""
        with self._lock:
            self._lent -= 1

    def leave(self, section: str) -> None:
        """The section has ended."""
        with self._lock:
            self._left_s.pop(section, None)


_open: dict[str, Spare] = {}


def open_spare() -> Spare:
    """One for a run of this process; requests carry its name."""
    spare = Spare()
    _open[spare.name] = spare
    return spare


def close_spare(spare: Spare) -> None:
    """The run has ended."""
    _open.pop(spare.name, None)


def spare_named(name: str) -> Spare | None:
    """The one with this name; None where the section runs elsewhere than its flow."""
    return _open.get(name)
