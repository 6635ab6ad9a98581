"""How many CPUs this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """CPUs that this process is allowed on, where the system says so (Linux); else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
