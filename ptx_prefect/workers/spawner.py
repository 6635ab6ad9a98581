"""A small process that starts supervisors: single-threaded, so that it may fork, which the run itself may not.

A run has threads (a thread pool, Prefect's own). Forking there can deadlock, a parent-death signal set there fires
when the *thread* ends, and a plain ``Popen`` loses sight of whatever its child puts into a session of its own. So a
run keeps one spawner; each section costs it a fork (about a millisecond) that becomes the section's supervisor, and
the supervisor forks the work. See :mod:`ptx_prefect.workers.supervisor`.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
import types
from collections.abc import Callable

from ptx_prefect.workers.supervisor import Work, supervise

PARENT_CHECK_S = 2.0
"""A fork of the run may hold our socket open beyond the run's end: so its number is looked at too, this often."""


def main(descriptor: int) -> None:
    """Serve until the run goes away; in the work's own process: do the work."""
    work = serve(socket.socket(fileno=descriptor))
    sys.modules["__main__"] = types.ModuleType("__main__")  # What a section starts must not find us in its place.
    module, _, name = work.entry.partition(":")
    entry: Callable[[Work], int] = getattr(importlib.import_module(module), name)
    sys.exit(entry(work))


def serve(control: socket.socket) -> Work:
    """Fork a supervisor for each connection that arrives. Returns in the work's process only."""
    parent = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Supervisors report over their own connection; nobody waits.
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the run's to handle: it tells the supervisors.
    gc.collect()
    gc.freeze()
    while True:
        if not select.select([control], [], [], PARENT_CHECK_S)[0]:
            if os.getppid() != parent:
                os._exit(0)
            continue
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            return supervise(socket.socket(fileno=descriptors[0]))
        for descriptor in descriptors:
            os.close(descriptor)
