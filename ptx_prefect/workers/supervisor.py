"""The process above one section's work: starts it, watches it, ends all of it, and says how it went.

One supervisor a section, forked from the spawner. It is the subreaper of everything below it (Linux), so a daemon
that forked twice into a session of its own is still found, still counted and still ended with its section. When the
run goes away (its end of the connection closes, for whatever reason, SIGKILL included) the supervisor ends the work
at once. When the supervisor itself is killed, the work gets SIGKILL by the parent-death signal, and what it had
started in turn is found by the marker in its environment (:mod:`ptx_prefect.workers.registry`).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from ptx_prefect.workers import process_tree
from ptx_prefect.workers.frames import FrameReader, receive_frame, send_frame
from ptx_prefect.workers.output_log import OutputLog
from ptx_prefect.workers.registry import Child, children_dir, forget_child, write_child

SAMPLE_FIRST_S, SAMPLE_LAST_S, SAMPLE_NEAR_LIMIT_S = 0.05, 0.5, 0.1
KILL_LIMIT_S = 10.0
"""A process that survives SIGKILL for so long sits in the kernel (a dead disk); the next run will try again."""
DRAIN_S = 1.0
"""How long to read what is still on its way when all writers have ended (seconds)."""
GONE = "the run went away"
SILENT_CPU_SHARE = 0.002
"""A tree that used less of its heartbeat interval than this only polls: it counts as silent."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(frozen=True, slots=True)
class Work:
    """What the work's own process is to do: an entry of ours (``module:function``) and its plain data."""

    entry: str
    payload: Mapping[str, Any]
    result: BinaryIO


def supervise(connection: socket.socket) -> Work:
    """Take one order from ``connection`` and see it through. Returns in the work's process only."""
    try:
        os.setsid()
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        order = receive_frame(connection)
        if order is None:
            os._exit(0)
        supervisor = _Supervisor(connection, order)
        work = supervisor.start()
    except BaseException as error:
        _say_and_leave(connection, error)
    if work is not None:
        return work
    try:
        supervisor.watch()
    except BaseException as error:
        supervisor.end_all(grace_s=0)
        _say_and_leave(connection, error)
    os._exit(0)


def _say_and_leave(connection: socket.socket, error: BaseException) -> NoReturn:
    with contextlib.suppress(Exception):
        send_frame(connection, {"ended": "trouble", "reason": f"{type(error).__name__}: {error}"})
    os._exit(1)


class _Supervisor:
    """State of one supervision; ``order`` is as :func:`ptx_prefect.workers.process.run_process` sends it."""

    def __init__(self, connection: socket.socket, order: Mapping[str, Any]) -> None:
        self.connection = connection
        self.order = order
        self.log = OutputLog(Path(order["log_path"]), hidden=order.get("hidden") or {})
        self.directory = children_dir(Path(order["state_dir"]))
        self.marker = str(order["marker"])
        self.beat_file = self.directory / f"{self.marker}.beat"
        self.result: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this process
        self.output, self._output_end = os.pipe()
        self.wakeup, self._wakeup_end = os.pipe()
        self.work_pid = 0
        self.status: int | None = None
        self.began = time.monotonic()
        self.exited_at: float | None = None
        self.peak_mb = self.last_cpu_s = 0.0
        self.own_mb = _peak_mb(resource.getrusage(resource.RUSAGE_SELF))
        self.last_sign = self.last_told = self.began
        self.cpu_at_sign = 0.0
        self.seen_output = 0
        self.seen_beat = 0

    def start(self) -> Work | None:
        """Register, fork, register again with the work's number."""
        owner, owner_started = self.order["owner"], self.order["owner_started"]
        me = os.getpid()
        child = Child(
            self.marker, self.order["section"], process_tree.place(), owner, owner_started, me, process_tree.started(me)
        )
        write_child(self.directory, child)
        self.began = self.last_sign = time.monotonic()
        self.work_pid = os.fork()
        if self.work_pid == 0:
            return _become_work(self, me)
        os.close(self._output_end)
        known = replace(child, child=self.work_pid, child_started=process_tree.started(self.work_pid))
        with contextlib.suppress(OSError):  # A disk that is full by now: the first entry will do.
            write_child(self.directory, known)
        for descriptor in (self.output, self.wakeup, self._wakeup_end):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wakeup_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: self._finish("cancelled", "the supervisor got SIGTERM"))
        return None

    def watch(self) -> None:
        """Until the work ends or has to be ended."""
        reader = FrameReader()
        sample_s, next_sample = SAMPLE_FIRST_S, self.began + SAMPLE_FIRST_S
        sources: list[socket.socket | int] = [self.connection, self.output, self.wakeup]
        while True:
            now = time.monotonic()
            until = min(next_sample, self.began + self.order["deadline_s"])
            ready = select.select(sources, [], [], max(0.0, until - now))[0]
            if self.output in ready and not self._read_output():
                sources.remove(self.output)
            if self.wakeup in ready:
                os.read(self.wakeup, 4096)
            self._reap()
            if self.connection in ready and (reason := self._read_orders(reader)) is not None:
                return self._finish("cancelled", reason)
            if self.status is not None:
                return self._finish("exit", "")
            now = time.monotonic()
            if now - self.began >= self.order["deadline_s"]:
                return self._finish("deadline", "")
            if now >= next_sample:
                if (verdict := self._sample(now)) is not None:
                    return self._finish(*verdict)
                limit = self.order["memory_limit_mb"]
                near = limit is not None and self.peak_mb > limit / 2
                sample_s = SAMPLE_NEAR_LIMIT_S if near else min(sample_s * 1.5, SAMPLE_LAST_S)
                next_sample = time.monotonic() + sample_s

    def end_all(self, *, grace_s: float) -> bool:
        """End everything below: SIGTERM, ``grace_s`` seconds, SIGKILL until nothing is left. Says whether that held."""
        began = time.monotonic()
        asked: set[int] = set()
        while True:
            self._reap()
            self._read_output()
            alive = self._below()
            if not alive:
                return True
            elapsed = time.monotonic() - began
            if elapsed > grace_s + KILL_LIMIT_S:
                return False
            if elapsed >= grace_s:
                process_tree.send(alive, signal.SIGKILL)
            else:
                process_tree.send([pid for pid in alive if pid not in asked], signal.SIGTERM)
                process_tree.send([pid for pid in alive if pid not in asked], signal.SIGCONT)
                asked.update(alive)
            select.select([self.wakeup, self.output], [], [], 0.02)
            with contextlib.suppress(BlockingIOError):
                os.read(self.wakeup, 4096)

    def hand_over(self) -> None:
        """In the work's process: what is the supervisor's goes, and output goes to the supervisor.

        Not only 1 and 2: a configured pytest has put copies of them aside, to write its own lines to. All of them
        are known by the file that a spawner starts with as its output.
        """
        placeholder = os.fstat(1)
        for descriptor in _descriptors():
            with contextlib.suppress(OSError):
                if descriptor in (1, 2) or os.path.samestat(os.fstat(descriptor), placeholder):
                    os.dup2(self._output_end, descriptor, inheritable=descriptor in (1, 2))
        self.connection.close()
        self.log.close()
        for descriptor in (self.output, self._output_end, self.wakeup, self._wakeup_end):
            os.close(descriptor)
        # Held open by every fork of the work: what it starts by exec is known by its environment instead.
        beat = os.open(self.beat_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # macOS hides the environment of its own programs (`sh`, `sleep`) from others: there the file goes along.
        os.set_inheritable(beat, sys.platform == "darwin")

    def _below(self) -> list[int]:
        found = [pid for pid in process_tree.descendants(os.getpid()) if process_tree.started(pid) is not None]
        if not sys.platform.startswith("linux"):  # No subreaper there: strays are known by their marker only.
            strays = process_tree.bearers([self.marker]).get(self.marker, [])
            found = list(dict.fromkeys([*found, *strays]))
        return found

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.work_pid:
                    self.status, self.exited_at = status, time.monotonic()

    def _read_output(self) -> bool:
        """Whether more can come. At most a few megabytes at once, so that a flood does not keep us from watching."""
        for _ in range(64):
            try:
                data = os.read(self.output, 1 << 16)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.log.write(data)
        return True

    def _read_orders(self, reader: FrameReader) -> str | None:
        """Why to stop, if so: the run says it, or the run is gone."""
        try:
            data = self.connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            return GONE
        for message in reader.feed(data):
            if "cancel" in message:
                return str(message["cancel"])
        return None

    def _sample(self, now: float) -> tuple[str, str] | None:
        """Look at memory and signs of life; a reason to stop, if there is one."""
        below = process_tree.descendants(os.getpid())
        live_cpu_s, memory_mb = process_tree.usage(below)
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.last_cpu_s = max(self.last_cpu_s, live_cpu_s + own.ru_utime + own.ru_stime)
        limit_mb = self.order["memory_limit_mb"]
        if limit_mb is not None and memory_mb > limit_mb:
            # Forked processes share pages, and a plain sum counts them twice: be just before being hard.
            memory_mb = process_tree.proportional_mb(below) or memory_mb
        self.peak_mb = max(self.peak_mb, memory_mb)
        if limit_mb is not None and memory_mb > limit_mb:
            return "memory", ""
        if process_tree.started(self.order["owner"]) != self.order["owner_started"]:
            return "cancelled", GONE
        self._look_for_signs(now)
        heartbeat_s = self.order["heartbeat_s"]
        if heartbeat_s is not None and now - self.last_sign >= heartbeat_s:
            return "silent", ""
        return None

    def _look_for_signs(self, now: float) -> None:
        told: str | None = None
        if self.log.total != self.seen_output:
            self.seen_output, told = self.log.total, self.log.last_line()
        try:
            stat = self.beat_file.stat()
            modified = stat.st_mtime_ns + stat.st_size if stat.st_size else 0
        except OSError:
            modified = 0
        if modified != self.seen_beat:
            self.seen_beat, told = modified, _last_line(self.beat_file)
        enough = max(0.01, SILENT_CPU_SHARE * (self.order["heartbeat_s"] or 0.0))
        if told is not None or self.last_cpu_s - self.cpu_at_sign >= enough:
            self.last_sign, self.cpu_at_sign = now, self.last_cpu_s
        if told and now - self.last_told >= 1.0:
            self.last_told = now
            # A run that does not listen must not keep us from watching.
            if select.select([], [self.connection], [], 0)[1]:
                with contextlib.suppress(OSError):
                    send_frame(self.connection, {"beat": told})

    def _finish(self, ended: str, reason: str) -> None:
        # Where the work is done, or nobody waits for it any more, what still runs gets a short notice.
        is_short = ended == "exit" or reason == GONE
        is_clean = self.end_all(grace_s=min(self.order["grace_s"], 0.5) if is_short else self.order["grace_s"])
        self._reap()  # What ended last still waits to be counted.
        limit = time.monotonic() + DRAIN_S
        while self._read_output() and time.monotonic() < limit:
            select.select([self.output], [], [], 0.02)
        self.log.close()
        own = resource.getrusage(resource.RUSAGE_CHILDREN)
        # The kernel lets a child begin with its parent's peak: up to ours, it says nothing about the work.
        reaped_mb = _peak_mb(own)
        peak_mb = max(self.peak_mb, reaped_mb if reaped_mb > self.own_mb or not self.peak_mb else 0.0)
        if is_clean:
            with contextlib.suppress(OSError):
                forget_child(self.directory, self.marker)
        self.result.seek(0)
        end = {
            "ended": ended,
            "reason": reason,
            "status": self.status,
            "wall_s": (self.exited_at or time.monotonic()) - self.began,
            "cpu_s": own.ru_utime + own.ru_stime,
            "peak_mb": peak_mb,
            "output": self.log.recent(),
            "trouble": self.log.trouble,
            "is_clean": is_clean,
            "result": self.result.read().decode("utf-8", "replace"),
        }
        with contextlib.suppress(OSError):
            send_frame(self.connection, end)
        os._exit(0)


def _become_work(supervisor: _Supervisor, parent: int) -> Work | None:
    """In the work's process: its own session, its own descriptors, the asked-for place; then exec or return."""
    order, result = supervisor.order, supervisor.result
    os.setsid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with contextlib.suppress(OSError):  # Under memory pressure the kernel shall take the work, not the run.
        Path("/proc/self/oom_score_adj").write_text("500")
    supervisor.hand_over()
    try:
        if order["is_configured"]:
            os.environ.update(order["env"])
            return Work(order["entry"], order["payload"], result)
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        if order["argv"]:
            for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.execvpe(order["argv"][0], order["argv"], order["env"])
    except (OSError, ValueError) as error:  # ValueError: a zero byte in an argument or variable.
        code = error.errno if isinstance(error, OSError) and error.errno else errno.EINVAL
        result.write(f'{{"start": {code}}}'.encode())
        result.flush()
        os._exit(127)
    return Work(order["entry"], order["payload"], result)


def _peak_mb(usage: resource.struct_rusage) -> float:
    """Linux counts kilobytes, macOS bytes."""
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def _descriptors() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(name) for name in os.listdir("/dev/fd")]  # noqa: PTH208 - names only
    return [0, 1, 2]


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - 400))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[:200] if lines else ""


_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, value, 0, 0, 0)
