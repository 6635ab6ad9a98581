"""Run one child process with everything it starts, within limits, and leave none of it behind.

    ended = run_process(Order(section="a", argv=("make", "test"), ...), beat=print)

The caller's thread waits; the limits are kept by the child's supervisor (:mod:`ptx_prefect.workers.supervisor`), so
they hold even while this process is busy, stopped or gone. :func:`cancel_all` ends every child from another thread.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from ptx_prefect.workers import process_tree
from ptx_prefect.workers.frames import FrameReader, send_frame
from ptx_prefect.workers.registry import Child, children_dir, end_child, forget_child
from ptx_prefect.workers.spawners import Spawner, shared_spawner

GRACE_S = 2.0
"""Between SIGTERM and SIGKILL (seconds)."""
ANSWER_S = 20.0
"""How much longer than allowed a supervisor may take before it is given up (seconds)."""

MIN_DEADLINE_S = 0.1
"""What is left to a child at least, when starting its spawner took all of its time (seconds)."""

EndedBy = Literal["exit", "deadline", "silent", "memory", "cancelled", "trouble"]


@dataclass(frozen=True, slots=True)
class Order:
    """One child. Either ``argv``, or ``entry`` (``module:function`` of ours, called in a fork of the spawner).

    ``env`` is the whole environment; where the spawner ``is_configured`` for its work, it only adds to what is there,
    and the working directory is the spawner's. Times are in seconds; ``heartbeat_s`` and ``memory_limit_mb`` None: no
    limit. ``hidden`` maps secrets to what the log says instead.
    """

    section: str
    cwd: Path
    env: Mapping[str, str]
    log_path: Path
    state_dir: Path
    deadline_s: float
    argv: tuple[str, ...] = ()
    entry: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    heartbeat_s: float | None = None
    memory_limit_mb: float | None = None
    grace_s: float = GRACE_S
    is_configured: bool = False
    hidden: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended. ``status`` is as of ``os.waitpid``; ``output`` is its last four kilobytes.

    ``start_errno`` is set where the program could not be started at all. ``result`` is what an entry wrote.
    """

    by: EndedBy
    reason: str = ""
    status: int | None = None
    wall_s: float = 0.0
    cpu_s: float | None = None
    peak_mb: float | None = None
    output: str = ""
    result: str = ""
    start_errno: int | None = None

    @property
    def exit_code(self) -> int | None:
        """As a shell counts; negative: the signal that killed it; None: it never ended by itself."""
        return None if self.status is None else os.waitstatus_to_exitcode(self.status)


def run_process(order: Order, *, beat: Callable[[str], None], spawner: Spawner | None = None) -> Ended:
    """Run the child to its end, within its limits; afterwards nothing of it runs any more.

    Raises:
        WorkerError: no supervisor can be started on this machine.
    """
    called = time.monotonic()
    children_dir(order.state_dir)
    ours, theirs = socket.socketpair()
    marker = secrets.token_hex(16)
    live = _Live(order.section, ours, order.log_path)
    with ours, _registered(live):
        with theirs:
            (spawner or shared_spawner()).adopt(theirs)
        began = time.monotonic()
        left_s = max(MIN_DEADLINE_S, order.deadline_s - (began - called))
        try:
            if not live.begin({**_message_of(order, marker), "deadline_s": left_s}):
                return Ended("cancelled", live.reason or "")
            last = _listen(ours, beat, until=began + left_s + order.grace_s + ANSWER_S)
        except BaseException as error:
            live.cancel(f"interrupted by {type(error).__name__}")
            _listen(ours, lambda _: None, until=time.monotonic() + order.grace_s + ANSWER_S)
            raise
    if last is None:
        return _without_supervisor(order, marker, wall_s=time.monotonic() - began)
    return _ended_from(last)


def cancel_all(reason: str, *, section: str | None = None, below: Path | None = None) -> int:
    """End every child of this process now (or one section's, or those that log ``below`` a directory); for any thread.

    Returns how many were told. Their :func:`run_process` returns with ``by="cancelled"``.
    """
    told = 0
    for live in list(_live):
        is_there = below is None or live.log_path.is_relative_to(below)
        if is_there and (section is None or live.section == section):
            live.cancel(reason)
            told += 1
    return told


class _Live:
    """A running child as :func:`cancel_all` sees it."""

    def __init__(self, section: str, connection: socket.socket, log_path: Path) -> None:
        self.section = section
        self.log_path = log_path
        self.reason: str | None = None
        self._connection = connection
        self._has_begun = False
        self._lock = threading.RLock()

    def begin(self, message: Mapping[str, Any]) -> bool:
        """Send the order, unless the child is cancelled already. A supervisor that is gone is found when listening."""
        with self._lock:
            self._has_begun = self.reason is None
            if self._has_begun:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    send_frame(self._connection, message)
            return self._has_begun

    def cancel(self, reason: str) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self.reason is None and self._has_begun:
                send_frame(self._connection, {"cancel": reason})
            self.reason = self.reason or reason


_live: set[_Live] = set()


@contextlib.contextmanager
def _registered(live: _Live) -> Any:
    _live.add(live)
    try:
        yield
    finally:
        _live.discard(live)


def _message_of(order: Order, marker: str) -> dict[str, Any]:
    beat_file = children_dir(order.state_dir) / f"{marker}.beat"
    return {
        "section": order.section,
        "argv": list(order.argv),
        "entry": order.entry,
        "payload": dict(order.payload),
        "cwd": str(order.cwd),
        "env": {**order.env, process_tree.MARKER: marker, "PTX_BEAT_FILE": str(beat_file)},
        "deadline_s": order.deadline_s,
        "heartbeat_s": order.heartbeat_s,
        "memory_limit_mb": order.memory_limit_mb,
        "grace_s": order.grace_s,
        "is_configured": order.is_configured,
        "log_path": str(order.log_path),
        "hidden": dict(order.hidden),
        "state_dir": str(order.state_dir),
        "marker": marker,
        "owner": os.getpid(),
        "owner_started": process_tree.started(os.getpid()),
    }


def _listen(connection: socket.socket, beat: Callable[[str], None], *, until: float) -> dict[str, Any] | None:
    """The supervisor's last word; None where it died without one, or does not answer."""
    reader = FrameReader()
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            data = connection.recv(1 << 16)
        except (TimeoutError, ConnectionResetError):
            return None
        if not data:
            return None
        for message in reader.feed(data):
            if "ended" in message:
                return message
            beat(str(message.get("beat", "")))
    return None


def _ended_from(message: Mapping[str, Any]) -> Ended:
    result = str(message.get("result", ""))
    start_errno = None
    if result.startswith('{"start": ') and message.get("status") == 127 << 8:
        start_errno, result = int(result[10:-1]), ""
    notes = [str(message.get("reason") or ""), str(message.get("trouble") or "")]
    if message.get("is_clean") is False:
        notes.append("some of its processes survived SIGKILL; the next run will try to end them")
    return Ended(
        by=cast(EndedBy, message["ended"]),
        reason="; ".join(note for note in notes if note),
        status=message.get("status"),
        wall_s=float(message.get("wall_s", 0.0)),
        cpu_s=message.get("cpu_s"),
        peak_mb=message.get("peak_mb"),
        output=str(message.get("output", "")),
        result=result,
        start_errno=start_errno,
    )


def _without_supervisor(order: Order, marker: str, *, wall_s: float) -> Ended:
    """Somebody killed the supervisor: end what it may have left, and say so."""
    directory = children_dir(order.state_dir)
    child = Child(marker, order.section, process_tree.place(), os.getpid(), None, 0, None)
    bearers = process_tree.bearers([marker]).get(marker, [])
    end_child(child, bearers=tuple(bearers), grace_s=0)
    forget_child(directory, marker)
    return Ended("trouble", "its supervisor was killed (out of memory?)", wall_s=wall_s)
