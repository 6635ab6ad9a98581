"""The process that candidates are forked from: standard library loaded, walls raised, nothing of ours in memory.

For each job it forks a keeper; the keeper reads the job, forks the candidate's process, ends it when its time is up
and reports how it went. So no job is ever in the memory of another job's processes.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import Any

from ptx_prefect.vote.inside import runner, walls
from ptx_prefect.vote.inside.processes import descendants, tree_kb, tree_tasks

# What candidates' preludes import, and what they use most.
_PRELOADED = """
    abc bisect calendar cmath collections collections.abc contextlib copy csv dataclasses datetime decimal enum
    fractions functools hashlib heapq html inspect io itertools json math numbers operator queue random re
    statistics string struct textwrap threading time traceback types typing unicodedata uuid array base64 binascii
    zlib
"""
_LENGTH = struct.Struct("!Q")
_LOOK_S = 0.25
"""How often a candidate's processes are looked at; most have ended by then."""


def main() -> None:
    """Serve jobs that arrive on file descriptor 0 until it closes."""
    control = socket.socket(fileno=0)
    config = json.loads(receive(control)[0])
    sys.path[:] = config["path"]
    for name in _PRELOADED.split():
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    stand = walls.raise_walls(config["root"], config["readable"], namespaces=config["namespaces"])
    send(control, {"missing": stand.missing, "pids": stand.pids, "files": stand.files, "net": stand.net})
    gc.collect()
    gc.freeze()
    while control.recv(1, socket.MSG_PEEK):
        keeper = os.fork()
        if keeper == 0:
            try:
                _keep(control, stand, config["readable"])
            except BaseException:
                os._exit(1)
            os._exit(0)
        if os.waitpid(keeper, 0)[1]:
            return  # the control stream may be broken: our parent starts anew


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """One message and the descriptors that came with it.

    Raises:
        EOFError: the other side is gone.
    """
    head, fds = b"", array.array("i")
    while len(head) < _LENGTH.size:
        data, ancillary, _, _ = control.recvmsg(_LENGTH.size - len(head), socket.CMSG_SPACE(4))
        if not data:
            raise EOFError
        head += data
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    (size,) = _LENGTH.unpack(head)
    parts = []
    while size:
        part = control.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts), list(fds)


def send(control: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    """Send one message, with descriptors."""
    data = json.dumps(message).encode()
    head = _LENGTH.pack(len(data))
    if fds:
        control.sendmsg([head], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
    else:
        control.sendall(head)
    control.sendall(data)


def _keep(control: socket.socket, stand: walls.Walls, readable: list[str]) -> None:
    while True:
        data, fds = receive(control)
        job = json.loads(data)
        if "kill" not in job:  # a kill that came too late for the job before
            break
    (pipe,) = fds
    walls.seclude(stand)
    started = time.monotonic()
    limits = {**job["limits"], "processes": walls.kernel_limit_on(job["limits"]["processes"], stand)}
    pid = os.fork()
    if pid == 0:
        _candidate({**job, "limits": limits}, pipe, stand, readable, control.fileno())
    os.close(pipe)
    killed = _watch(control, pid, started + job["wall_s"], stand, job["limits"])
    _, status, usage = os.wait4(pid, 0)
    if not stand.pids and stand.processes is not None:
        _sweep(stand.processes)
    send(
        control,
        {
            "done": job["id"],
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
            "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0,
            "killed": killed,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "peak_kb": usage.ru_maxrss,
            "wall_s": time.monotonic() - started,
        },
    )


def _candidate(job: dict[str, Any], pipe: int, stand: walls.Walls, readable: list[str], control: int) -> None:
    try:
        null = os.open("/dev/null", os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        os.dup2(pipe, 3)
        os.closerange(4, 4096)
        walls.lock_in(stand, job["scratch"], readable, job["limits"])
        runner.run_job(job, 3)
    finally:
        os._exit(0)


def _watch(control: socket.socket, pid: int, deadline: float, stand: walls.Walls, limits: dict[str, int]) -> str:
    """Wait for the candidate's end; bring it about when its time is up, its processes hold too much or are too many,
    our parent asks or is gone. Gives what it was killed for."""
    proc = stand.processes
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(control, select.POLLIN | select.POLLHUP)
    killed = ""
    events: dict[int, int] = {}
    while not events and not killed:
        left_s = deadline - time.monotonic()
        events = dict(poll.poll(max(0, int(1000 * (left_s if proc is None else min(_LOOK_S, left_s))))))
        if control.fileno() in events and ended not in events:
            killed = "asked"
        elif not events and time.monotonic() >= deadline:
            killed = "wall"
        elif not events and proc is not None:
            if tree_kb(pid, proc) > limits["memory_mb"] << 10:
                killed = "memory"
            elif not stand.counted and tree_tasks(pid, proc) > limits["processes"]:
                killed = "processes"
    if killed:
        os.kill(pid, signal.SIGKILL)
    os.close(ended)
    return killed


def _sweep(proc: int) -> None:
    """End what a candidate left behind, where there is no namespace that dies with it.

    First everything is stopped, until nothing new appears: what is stopped cannot fork.
    """
    stopped: set[int] = set()
    while new := descendants(os.getpid(), proc) - stopped:
        _signal(new, signal.SIGSTOP)
        stopped |= new
    _signal(stopped, signal.SIGKILL)
    while True:
        try:
            os.waitpid(-1, 0)  # orphans come to us, see `kernel.adopt_orphans`
        except ChildProcessError:
            return
        _signal(descendants(os.getpid(), proc), signal.SIGKILL)


def _signal(processes: set[int], number: int) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
