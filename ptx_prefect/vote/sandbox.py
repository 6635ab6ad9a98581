"""Runs candidates: a fresh, walled-in process for each, whose answers are read as values and never believed."""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import os
import queue
import select
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptx_prefect.errors import VoteError
from ptx_prefect.run.cores import usable_cores
from ptx_prefect.vote.inside import zygote
from ptx_prefect.vote.inside.runner import EXPIRED_EXIT
from ptx_prefect.vote.replies import LOST, TIMEOUT, Observed, Reply, frames_in, given_up
from ptx_prefect.vote.values import Output

# Registers bare packages, so that the child loads `inside` without the rest of us.
_BOOT = """
import sys, types
package = sys.argv[1]
for name, path in (("ptx_prefect", package), ("ptx_prefect.vote", package + "/vote")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from ptx_prefect.vote.inside.zygote import main
main()
"""
_START_TIMEOUT_S = 60.0
_GRACE_S = 5.0
_MAX_OUTPUT = 32_000_000
_WORTH_ANOTHER = 3
"""Candidates from which one more zygote pays: it takes about as long to start as two to run."""
_MAX_CREW = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What a candidate may use.

    Attributes:
        call_cpu_s, call_wall_s: for one call; CPU time decides, wall time ends what sleeps.
        expired_cpu_s, expired_wall_s: for one call after another one of the same program has expired: it mostly hangs
            again.
        load_cpu_s: to run its module.
        total_cpu_s: for all calls together; the kernel ends the process.
        max_timeouts: after so many calls over the limit the rest counts as over the limit.
        memory_mb: address space; ``file_mb``: largest file; ``processes``, ``files``: counts.
    """

    call_cpu_s: float = 1.0
    call_wall_s: float = 10.0
    expired_cpu_s: float = 0.1
    expired_wall_s: float = 2.0
    load_cpu_s: float = 5.0
    total_cpu_s: float = 15.0
    max_timeouts: int = 2
    memory_mb: int = 1024
    file_mb: int = 16
    processes: int = 16
    files: int = 64


class Sandbox:
    """A zygote process and the way to it. Safe to share between threads: one candidate runs at a time.

    `observe_all` takes further ones of its kind to hand, two for each core: three programs that hang share two cores.

    Args:
        import_paths: directories, besides the standard library and site-packages, that candidates may import from.
        namespaces: False leaves the walls to Landlock and limits, as on a kernel that grants no namespaces.
    """

    def __init__(self, import_paths: Sequence[str] = (), *, namespaces: bool = True) -> None:
        self._namespaces = namespaces
        self._import_paths = tuple(import_paths)
        self._paths = [*library_paths(), *import_paths]
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0
        self._jobs = 0
        self._others: list[Sandbox] = []
        self.missing: tuple[str, ...] = ()

    def observe_all(
        self,
        sources: Sequence[str],
        calls: Sequence[str],
        *,
        entry_point: str,
        prelude: str = "",
        limits: Limits | None = None,
    ) -> list[Observed]:
        """`observe` for many candidates, several at a time, in the order given.

        Their limits are of CPU time, and only wall time tells that others run beside.
        """
        idle: queue.SimpleQueue[Sandbox] = queue.SimpleQueue()
        for one in self._crew(len(sources) // _WORTH_ANOTHER):
            idle.put(one)

        def observe(source: str) -> Observed:
            one = idle.get()
            try:
                return one.observe(source, calls, entry_point=entry_point, prelude=prelude, limits=limits)
            finally:
                idle.put(one)

        with ThreadPoolExecutor(max(1, idle.qsize())) as pool:
            return list(pool.map(observe, sources))

    def _crew(self, wanted: int) -> list[Sandbox]:
        """This one and others like it."""
        with self._lock:
            size = min(wanted, 2 * usable_cores(), _MAX_CREW) - 1
            while len(self._others) < size:
                self._others.append(Sandbox(self._import_paths, namespaces=self._namespaces))
            return [self, *self._others[: max(0, size)]]

    def observe(
        self, source: str, calls: Sequence[str], *, entry_point: str, prelude: str = "", limits: Limits | None = None
    ) -> Observed:
        """Load a candidate and make the calls.

        A process that dies loses its present call only: the next one goes on behind it.
        """
        limits = limits or Limits()
        job = {"mode": "calls", "source": source, "prelude": prelude, "entry_point": entry_point, "calls": list(calls)}
        outputs: list[Output] = []
        cpu_s, deaths, expired = 0.0, 0, 0
        missing: tuple[str, ...] = ()
        while len(outputs) < len(calls) or not cpu_s:
            late = sum(output.kind == "timeout" for output in outputs)
            reply = self.run({**job, "start": len(outputs), "expired": late}, limits)
            cpu_s += reply.cpu_s or 1e-6
            missing = missing or reply.missing
            if not reply.intact or not reply.is_in_order(len(outputs)):
                return Observed(False, (LOST,) * len(calls), "wrote to the pipe that its answers are read from", cpu_s)
            if reply.problem is not None and not outputs:
                return Observed(False, (LOST,) * len(calls), reply.problem, cpu_s)
            outputs += reply.outputs[: len(calls) - len(outputs)]
            expired = sum(output.kind == "timeout" for output in outputs)
            if len(outputs) < len(calls) and not (reply.finished and expired):
                deaths += 1
                outputs.append(TIMEOUT if reply.out_of_time else LOST)
            if (
                reply.killed not in ("", "time")
                or deaths > limits.max_timeouts
                or expired + deaths >= limits.max_timeouts
            ):
                outputs += [given_up(outputs)] * (len(calls) - len(outputs))
        return Observed(True, tuple(outputs), "", cpu_s, missing)

    def run(self, job: dict[str, Any], limits: Limits) -> Reply:
        """One job in one fresh process.

        Raises:
            VoteError: the sandbox cannot be started.
        """
        total_s = math.ceil(limits.total_cpu_s)
        wall_s = limits.call_wall_s * (limits.max_timeouts + 1) + 2 * total_s
        full = {
            "load_cpu_s": limits.load_cpu_s,
            "load_wall_s": limits.call_wall_s,
            "call_cpu_s": limits.call_cpu_s,
            "call_wall_s": limits.call_wall_s,
            "expired_cpu_s": min(limits.expired_cpu_s, limits.call_cpu_s),
            "expired_wall_s": min(limits.expired_wall_s, limits.call_wall_s),
            "max_timeouts": limits.max_timeouts,
            "wall_s": wall_s,
            "limits": {
                "cpu_s": total_s,
                "memory_mb": limits.memory_mb,
                "file_mb": limits.file_mb,
                "processes": limits.processes,
                "files": limits.files,
            },
            "setup": "",
            "expired": 0,
            **job,
        }
        with self._lock:
            for attempt in (0, 1):
                self._start()
                try:
                    return self._exchange(full, wall_s)
                except (OSError, EOFError, ValueError) as error:
                    self.close()
                    if attempt:
                        raise VoteError(
                            f"the sandbox died twice on one candidate ({error!r}); is memory short?"
                        ) from error
                except BaseException:
                    self.close()
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the zygotes and with them everything that they started."""
        with self._lock:
            while self._others:
                self._others.pop().close()
            process, control = self._process, self._control
            self._process = self._control = None
            if control is not None:
                control.close()
            if process is not None and self._owner == os.getpid():
                try:
                    process.wait(_GRACE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return
        if why := why_not_here():
            raise VoteError(why)
        self._process = self._control = None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        package = str(Path(__file__).resolve().parent.parent)
        command = [sys.executable, "-s", "-S", "-B", "-P", "-c", _BOOT, package]
        with theirs, tempfile.TemporaryDirectory(prefix="ptx-vote-") as root:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"PYTHONHASHSEED": "0"},
                cwd="/",
                start_new_session=True,
            )
            self._owner = os.getpid()
            self._control = ours
            ours.settimeout(_START_TIMEOUT_S)
            theirs.close()
            try:
                zygote.send(
                    ours, {"root": root, "path": self._paths, "readable": self._paths, "namespaces": self._namespaces}
                )
                ready = json.loads(zygote.receive(ours)[0])
            except (OSError, EOFError) as error:
                self.close()
                raise VoteError(f"the sandbox does not start ({error!r}): {' '.join(command[:1])}") from error
        ours.settimeout(None)
        self.missing = tuple(ready["missing"])

    def _exchange(self, job: dict[str, Any], wall_s: float) -> Reply:
        assert self._control is not None
        self._jobs += 1
        ours, theirs = os.pipe()
        try:
            with self._scratch() as scratch:
                try:
                    zygote.send(self._control, {**job, "id": self._jobs, "scratch": scratch}, (theirs,))
                finally:
                    os.close(theirs)
                data, status = self._collect(ours, time.monotonic() + wall_s + _START_TIMEOUT_S)
        finally:
            os.close(ours)
        frames, intact = frames_in(data)
        killed = "time" if status["exit"] == EXPIRED_EXIT else status["killed"]
        return Reply(frames, killed, status["signal"], status["cpu_s"], status["peak_kb"], intact)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[str]:
        """A directory to write in, for candidates that have no file system of their own."""
        if not self.missing:
            yield "/tmp"
            return
        with tempfile.TemporaryDirectory(prefix="ptx-vote-") as path:
            Path(path).chmod(0o777)
            yield path

    def _collect(self, pipe: int, deadline: float) -> tuple[bytes, dict[str, Any]]:
        """Read what streams in until the keeper reports the end."""
        assert self._control is not None
        parts: list[bytes] = []
        size, asked = 0, False
        poll = select.poll()
        poll.register(pipe, select.POLLIN | select.POLLHUP)
        poll.register(self._control, select.POLLIN | select.POLLHUP)
        while True:
            ready = dict(poll.poll(max(0, int(1000 * (deadline - time.monotonic())))))
            if not ready:
                raise EOFError("no answer")
            if pipe in ready:
                part = os.read(pipe, 1 << 16)
                if not part:
                    poll.unregister(pipe)
                elif size < _MAX_OUTPUT:
                    parts.append(part)
                    size += len(part)
            if size >= _MAX_OUTPUT and not asked:
                asked = True
                zygote.send(self._control, {"kill": self._jobs})
            if self._control.fileno() in ready:
                status: dict[str, Any] = json.loads(zygote.receive(self._control)[0])
                # Whoever could write is gone: what is in the pipe is all there is.
                os.set_blocking(pipe, False)
                return b"".join([*parts, _rest(pipe, _MAX_OUTPUT - size)]), status


def _rest(pipe: int, size: int) -> bytes:
    parts = []
    with contextlib.suppress(BlockingIOError):
        while size > 0 and (part := os.read(pipe, 1 << 16)):
            parts.append(part)
            size -= len(part)
    return b"".join(parts)


def why_not_here(platform: str = sys.platform) -> str:
    """Why no candidate can run on this system, and what to do; empty where it can."""
    if platform.startswith("linux"):
        return ""
    return (
        f"candidates are programs that nobody has read, and their walls need Linux, this is {platform!r}: "
        "hold the vote in a container (any image with Python 3.11 or newer) or on a Linux machine"
    )


def library_paths() -> list[str]:
    """Where candidates may import from: the standard library and what is installed."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = [sysconfig.get_path(name) for name in names]
    paths += [entry for entry in sys.path if entry.endswith("lib-dynload")]
    base = str(Path(sys.base_prefix, "lib"))
    return list(dict.fromkeys(str(path) for path in [*paths, base] if Path(path).is_dir()))


_shared: dict[int, Sandbox] = {}
_shared_lock = threading.Lock()


def shared_sandbox() -> Sandbox:
    """This process's sandbox: started at first use, ended with the process."""
    with _shared_lock:
        pid = os.getpid()
        if pid not in _shared:
            _shared[pid] = Sandbox()
            atexit.register(_shared[pid].close)
        return _shared[pid]


def _forget_shared() -> None:
    """A fork starts a sandbox of its own; another thread may have held the lock when it was forked."""
    global _shared_lock
    _shared.clear()
    _shared_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_shared)
