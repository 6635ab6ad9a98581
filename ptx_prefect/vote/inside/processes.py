"""A candidate and all that it started, seen from outside through a descriptor of /proc."""

from __future__ import annotations

import os

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def descendants(root: int, proc: int) -> set[int]:
    """The processes that a process started, and theirs."""
    parents: dict[int, int] = {}
    for name in os.listdir(proc):
        if name.isdigit():
            fields = _read(f"{name}/stat", proc).rpartition(")")[2].split()
            if len(fields) > 1:
                parents[int(name)] = int(fields[1])
    found: set[int] = set()
    new = {root}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new} - found
        found |= new
    return found


def tree_kb(root: int, proc: int) -> int:
    """Kilobytes that a process and its descendants hold; 0 while it has none, for the kernel limits each one alone."""
    others = descendants(root, proc)
    return sum(_proportional_kb(one, proc) for one in {root, *others}) if others else 0


def tree_tasks(root: int, proc: int) -> int:
    """Processes and threads of a process and its descendants."""
    return sum(_threads(str(one), proc) for one in {root, *descendants(root, proc)})


def tasks_of_user(uid: int, proc: int) -> int:
    """All processes and threads of a user: what the kernel holds against the limit on processes."""
    found = 0
    for name in os.listdir(proc):
        if name.isdigit():
            try:
                is_theirs = os.stat(name, dir_fd=proc).st_uid == uid
            except OSError:
                continue
            found += _threads(name, proc) if is_theirs else 0
    return found


def _threads(name: str, proc: int) -> int:
    fields = _read(f"{name}/stat", proc).rpartition(")")[2].split()
    return int(fields[17]) if len(fields) > 17 and fields[0] not in "ZX" else 0


def _proportional_kb(pid: int, proc: int) -> int:
    """What it holds alone and its share of what it holds with others; where that is not told, all that is resident."""
    for line in _read(f"{pid}/smaps_rollup", proc).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    resident = _read(f"{pid}/statm", proc).split()[1:2]
    return int(resident[0]) * _PAGE_KB if resident else 0


def _read(path: str, proc: int) -> str:
    try:
        file = os.open(path, os.O_RDONLY, dir_fd=proc)
    except OSError:
        return ""
    try:
        return os.read(file, 1 << 16).decode("ascii", "replace")
    except OSError:
        return ""
    finally:
        os.close(file)
