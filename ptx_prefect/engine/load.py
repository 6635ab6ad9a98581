"""What the machine is doing, as the pool wants to know it; a container's limits count as the machine's."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from ptx_prefect.run.cores import usable_cores
from ptx_prefect.run.pool import AdaptivePool, Load, PoolChange, PoolLimits
from ptx_prefect.workers import process_tree
from ptx_prefect.workers.spawners import spawner_pids

EVERY_S = 0.5
"""Between two samples; one takes about a millisecond for each running process."""

_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_MEMORY_USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


class Sampler:
    """Samples of load, at most one every half second. CPU is the share of the time since the last sample.

    Args:
        limit_mb: near it memory is looked at more closely.
    """

    def __init__(self, limit_mb: float) -> None:
        self._limit_mb = limit_mb
        self._cores = cores()
        self._quota = self._cores < (os.cpu_count() or 1)
        self._last_s = time.monotonic()
        self._last_cpu_s = _container_cpu_s()
        psutil.cpu_percent(None)

    def sample(self) -> Load | None:
        """The load now; None while the last sample is too fresh."""
        now_s = time.monotonic()
        if now_s - self._last_s < EVERY_S:
            return None
        # What the spawners started: a Prefect server that this run brought along is no section.
        pids = [pid for spawner in spawner_pids() for pid in process_tree.descendants(spawner)]
        _, used_mb = process_tree.usage(pids)
        if used_mb > 0.8 * self._limit_mb:  # Forks share pages, and a plain sum counts them twice.
            used_mb = process_tree.proportional_mb(pids) or used_mb
        free_mb, total_mb = _memory_mb()
        cpu = self._cpu(now_s - self._last_s)
        self._last_s = now_s
        return Load(cpu=cpu, used_mb=used_mb, free_mb=free_mb, total_mb=total_mb)

    def _cpu(self, span_s: float) -> float:
        busy = psutil.cpu_percent(None) / 100
        used_s = _container_cpu_s()
        if self._quota and used_s is not None and self._last_cpu_s is not None:
            busy = (used_s - self._last_cpu_s) / (span_s * self._cores)
        self._last_cpu_s = used_s
        return min(1.0, max(0.0, busy))


class MeasuredPool:
    """An :class:`AdaptivePool` that looks at the clock and, unless not ``is_measured``, the machine by itself."""

    def __init__(
        self, limits: PoolLimits, *, on_change: Callable[[PoolChange], object], is_measured: bool = True
    ) -> None:
        self.adaptive = AdaptivePool(limits, on_change=on_change)
        self._sampler = Sampler(limits.max_memory_mb) if is_measured else None
        self._began_s = time.monotonic()
        self._load: Load | None = None

    def used_mb(self) -> float | None:
        """What all sections together used at the last sample."""
        return self._load.used_mb if self._load else None

    def limit(self, *, ready: int, running: int) -> int:
        """How many sections may run now."""
        now_s = time.monotonic() - self._began_s
        load = self._sampler.sample() if self._sampler else None
        self._load = load or self._load
        return self.adaptive.limit(ready=ready, running=running, now_s=now_s, load=load)

    def succeeded(self) -> None:
        """A section was done."""
        self.adaptive.succeeded()

    def refused(self, provider: str, *, started_s: float, now_s: float, running: int) -> None:
        """A section's provider asked to wait."""
        self.adaptive.refused(provider, started_s=started_s, now_s=now_s, running=running)


def cores() -> float:
    """CPUs that this process may use: its affinity and its container's quota count."""
    count = float(usable_cores())
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            count = min(count, int(quota) / int(period))
    with contextlib.suppress(OSError, ValueError):
        quota_us = int(Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").read_text())
        if quota_us > 0:
            count = min(count, quota_us / int(Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us").read_text()))
    return max(count, 0.1)


def memory_limit_mb(wanted_mb: float) -> float:
    """``wanted_mb``, or what the machine or the container has of it, less a tenth for everybody else."""
    return min(wanted_mb, 0.9 * _memory_mb()[1])


def _container_cpu_s() -> float | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path("/sys/fs/cgroup/cpu.stat").read_text().split()[1]) / 1e6
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/sys/fs/cgroup/cpuacct/cpuacct.usage").read_text()) / 1e9
    return None


def _memory_mb() -> tuple[float, float]:
    """Free and all memory in MB, of the machine or of the container, whichever is tighter."""
    memory = psutil.virtual_memory()
    free, total = float(memory.available), float(memory.total)
    for limit_file, used_file in zip(_MEMORY_LIMITS, _MEMORY_USED, strict=True):
        with contextlib.suppress(OSError, ValueError):
            limit = int(Path(limit_file).read_text())
            if limit < total:
                total = float(limit)
                # Cached files count as used there, but are given up when memory is wanted.
                free = min(free, limit - int(Path(used_file).read_text()) + _cached(limit_file))
    return free / 2**20, total / 2**20


def _cached(limit_file: str) -> int:
    rows = (line.split() for line in (Path(limit_file).parent / "memory.stat").read_text().splitlines())
    return next((int(row[1]) for row in rows if row[0] in ("inactive_file", "total_inactive_file")), 0)
