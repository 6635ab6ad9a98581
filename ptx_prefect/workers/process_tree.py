"""A process and everything below it: who belongs to it, what it costs, how it is ended.

Reads ``/proc`` where there is one (a sample of a small tree takes well below a millisecond) and psutil elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

MARKER = "PTX_CHILD"
"""Environment variable that every process of a section inherits; its value cannot be guessed."""

_HAS_PROC = sys.platform.startswith("linux") and Path("/proc/self/stat").exists()
_HAS_CHILDREN = _HAS_PROC and Path(f"/proc/self/task/{os.getpid()}/children").exists()
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


def started(pid: int) -> str | None:
    """What tells a process from a later one with the same number; None where there is no such process.

    On Linux the start time in ticks since boot, which a step of the clock does not change.
    """
    if not _HAS_PROC:
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
        except psutil.Error:
            return None
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def place() -> str:
    """Names this host since its boot, and its process namespace: process numbers mean nothing elsewhere."""
    return f"{host()}/{_text('/proc/sys/kernel/random/boot_id')}"


def host() -> str:
    """Names this host and process namespace, whatever its boot."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{socket.gethostname()}/{namespace}"


def descendants(pid: int) -> list[int]:
    """Everything below ``pid``, nearest first, zombies included."""
    if not _HAS_CHILDREN:  # one look at all processes for the whole tree
        try:
            return [below.pid for below in psutil.Process(pid).children(recursive=True)]
        except psutil.Error:
            return []
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = _children(waiting.pop(0))
        found += below
        waiting += below
    return found


def bearers(markers: Iterable[str], *, but: Iterable[int] = ()) -> dict[str, list[int]]:
    """Processes by the marker they bear, wherever in the tree they are.

    Two kinds of marks: an environment variable, which the kernel shows as it was when the program started; and the
    beat file held open, for forks that started no program of their own.
    """
    wanted = {f"{MARKER}={marker}".encode(): marker for marker in markers}
    found: dict[str, list[int]] = {}
    excluded = {os.getpid(), *but}
    for pid in psutil.pids() if wanted else ():
        if pid in excluded:
            continue
        marks = {wanted[entry] for entry in _environment(pid) if entry in wanted}
        marks |= {marker for marker in _beat_files(pid) if f"{MARKER}={marker}".encode() in wanted}
        for marker in marks:
            found.setdefault(marker, []).append(pid)
    return found


def session_of(leader: int) -> list[int]:
    """Every process in the session that ``leader`` made, whether or not it still lives."""
    found = []
    for pid in psutil.pids():
        try:
            if pid > 1 and os.getsid(pid) == leader:
                found.append(pid)
        except OSError:
            continue
    return found


def usage(pids: Iterable[int]) -> tuple[float, float]:
    """CPU seconds (with those of children already waited for) and resident memory in MB, both summed."""
    cpu_s = memory_mb = 0.0
    for pid in pids:
        fields = _stat(pid) if _HAS_PROC else None
        if fields is not None:
            cpu_s += sum(int(field) for field in fields[11:15]) / _TICKS_PER_S
            memory_mb += int(fields[21]) * _PAGE_MB
        elif not _HAS_PROC:
            try:
                process = psutil.Process(pid)
                cpu_s += sum(process.cpu_times()[:4])
                memory_mb += process.memory_info().rss / 2**20
            except psutil.Error:
                continue
    return cpu_s, memory_mb


def proportional_mb(pids: Iterable[int]) -> float | None:
    """Memory in MB with every shared page counted once in all; None where the kernel does not say."""
    total_kb = 0
    for pid in pids:
        lines = _text(f"/proc/{pid}/smaps_rollup").splitlines()
        found = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
        if not found and started(pid) is not None:
            return None
        total_kb += sum(found)
    return total_kb / 1024


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each process that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - names only, several times a second
    except OSError:
        return found
    for task in tasks:
        found += [int(child) for child in _text(f"/proc/{pid}/task/{task}/children").split()]
    return found


def _stat(pid: int) -> list[str] | None:
    """Fields of ``/proc/PID/stat`` from the third (state) on; the name before them may hold anything."""
    text = _text(f"/proc/{pid}/stat")
    return text[text.rfind(")") + 2 :].split() if text else None


def _environment(pid: int) -> list[bytes]:
    if _HAS_PROC:
        try:
            return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return []
    try:
        return [f"{key}={value}".encode() for key, value in psutil.Process(pid).environ().items()]
    except psutil.Error:
        return []


def _beat_files(pid: int) -> list[str]:
    """Markers by the beat files that a process holds open."""
    found: list[str] = []
    if not _HAS_PROC:
        try:
            return [Path(file.path).stem for file in psutil.Process(pid).open_files() if file.path.endswith(".beat")]
        except (psutil.Error, OSError):
            return found
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - names only, of every process
    except OSError:
        return found
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")  # noqa: PTH115 - as above
            if ".beat" in target:
                found.append(target.removesuffix(" (deleted)").rpartition("/")[2].removesuffix(".beat"))
    return found


def _text(path: str) -> str:
    try:
        with open(path, "rb") as stream:  # noqa: PTH123 - the hot path of sampling
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
