"""A small process that starts supervisors: single-threaded, so that it may fork, which the run itself may not.

A run has threads (a thread pool, Prefect's own). Forking there can deadlock, a parent-death signal set there fires
when the *thread* ends, and a plain ``Popen`` loses sight of whatever its child puts into a session of its own. So a
run keeps one spawner; each section costs it a fork (about a millisecond) that becomes the section's supervisor, and
the supervisor forks the work. See :mod:`ptx_prefect.workers.supervisor`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable

from ptx_prefect.workers.call_target import main as _call_main  # noqa: F401 - loaded once here, not in every fork
from ptx_prefect.workers.frames import RECEIPT, send_frame
from ptx_prefect.workers.supervisor import Work, supervise

PARENT_CHECK_S = 2.0
"""A fork of the run may hold our socket open beyond the run's end: so its number is looked at too, this often."""

IDLE_S = 0.1
_COMMON = ("json", "logging", "datetime", "subprocess", "urllib.request")
"""What functions import most, loaded while nothing is asked for: each fork has it then. `urllib.request` alone takes as
long as the start of a section."""


def main(descriptor: int) -> None:
    """Serve until the run goes away; in the work's own process: do the work."""
    work = serve(socket.socket(fileno=descriptor))
    sys.modules["__main__"] = types.ModuleType("__main__")  # What a section starts must not find us in its place.
    module, _, name = work.entry.partition(":")
    entry: Callable[[Work], int] = getattr(importlib.import_module(module), name)
    sys.exit(entry(work))


def serve(control: socket.socket) -> Work:
    """Fork a supervisor for each connection that arrives. Returns in the work's process only.

    The first message says what this process has loaded, so that the run can tell when it has gone stale.
    """
    parent = os.getppid()
    if _has_threads():
        os._exit(1)  # Something that was imported started one: forking is not safe here.
    send_frame(control, {"loaded": _loaded_files()})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Supervisors report over their own connection; nobody waits.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to handle: it tells the supervisors.
    gc.collect()
    gc.freeze()  # A collection in a fork would copy every page that it looks at.
    waiting = select.poll()  # select() would refuse descriptors above 1023, and ours has the number the run gave it.
    waiting.register(control, select.POLLIN)
    is_idle = False
    while True:
        if not waiting.poll(1000 * (PARENT_CHECK_S if is_idle else IDLE_S)):
            if os.getppid() != parent:
                os._exit(0)
            if not is_idle:
                is_idle = True
                _load_common()
            continue
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            os._exit(0)
        control.sendall(RECEIPT)
        if os.fork() == 0:
            control.close()
            return supervise(socket.socket(fileno=descriptors[0]))
        for descriptor in descriptors:
            os.close(descriptor)


def _load_common() -> None:
    for name in _COMMON:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _has_threads() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) > 1  # noqa: PTH208 - a count
    except OSError:
        return threading.active_count() > 1


def _loaded_files() -> dict[str, list[int]]:
    """Size and time of every source file behind a loaded module."""
    found = {}
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str):
            with contextlib.suppress(OSError):
                stat = os.stat(path)  # noqa: PTH116 - hundreds of them
                found[path] = [stat.st_mtime_ns, stat.st_size]
    return found
