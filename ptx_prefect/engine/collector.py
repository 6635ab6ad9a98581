"""The garbage collector while sections run: thousands of them leave much behind, and next to nothing in cycles."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (5_000, 20, 50)
"""Python's own (700, 10, 10) look through all that 5,000 sections left ten times: a seventh of the client's time."""
_lock = threading.Lock()
_runs = 0
_before = gc.get_threshold()


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Inside the block the collector passes over what is loaded already, mostly Prefect's classes, and runs seldom.

    Runs of one process share it: what was set before comes back when the last of them ends.
    """
    global _runs, _before
    with _lock:
        if not _runs:
            _before = gc.get_threshold()
            gc.freeze()
            gc.set_threshold(*THRESHOLDS)
        _runs += 1
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if not _runs:
                gc.set_threshold(*_before)
                gc.unfreeze()
