"""The run's side of spawner processes: started when first needed, shared by its threads, replaced when they die."""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import ptx_prefect
from ptx_prefect.errors import WorkerError
from ptx_prefect.workers.frames import RECEIPT, receive_frame

SERVE_AT_ONCE = "from ptx_prefect.workers.spawner import main; main({fd})"
START_LIMIT_S = 60.0


class Spawner:
    """A spawner process. It is started again when it died, or when a file that it has loaded changed.

    Args:
        code: what it runs, with ``{fd}`` for its descriptor; default: serve at once.
        env: its environment; default: this process's.
        cwd: where it starts.
        start_limit_s: how long it may take until it serves (seconds).
        retry_s: after a failed start, how long not to try another (seconds).
    """

    def __init__(
        self,
        *,
        code: str = SERVE_AT_ONCE,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        start_limit_s: float = START_LIMIT_S,
        retry_s: float = 0.0,
    ) -> None:
        self._code = code
        self._env = env
        self._cwd = cwd
        self._start_limit_s = start_limit_s
        self._retry_s = retry_s
        self._failed: tuple[float, str] | None = None
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._owner = 0
        self._loaded: Mapping[str, list[int]] = {}

    def adopt(self, connection: socket.socket) -> None:
        """Have a supervisor started at the other end of ``connection``.

        Raises:
            WorkerError: it cannot be started.
        """
        with self._lock:
            for _ in range(2):
                try:
                    control = self._connected()
                    socket.send_fds(control, [b"+"], [connection.fileno()])
                    control.settimeout(self._start_limit_s)
                    if control.recv(1) != RECEIPT:
                        raise ConnectionError("it ended")
                    control.settimeout(None)
                    return
                except OSError as error:
                    trouble = error
                    self._drop()
        raise WorkerError(f"cannot start a supervisor for child processes: {trouble}") from trouble

    def warm_up(self) -> None:
        """Start the process before it is needed; one that cannot be started is found out when it is needed."""
        with self._lock, contextlib.suppress(WorkerError, OSError):
            self._connected()

    @property
    def pid(self) -> int | None:
        """Its process; None while there is none."""
        process = self._process
        return process.pid if process is not None and self._owner == os.getpid() else None

    def close(self) -> None:
        """Let the spawner end. Its supervisors go on with their work."""
        with self._lock:
            self._drop()

    def _connected(self) -> socket.socket:
        if self._control is not None and self._process is not None and self._owner == os.getpid():
            if self._process.poll() is None and not self._is_stale():
                return self._control
            self._drop()
        return self._start()

    def _is_stale(self) -> bool:
        for path, known in self._loaded.items():
            try:
                stat = os.stat(path)  # noqa: PTH116 - hundreds of them, before each section
            except OSError:
                return True
            if [stat.st_mtime_ns, stat.st_size] != known:
                return True
        return False

    def _start(self) -> socket.socket:
        if self._failed is not None and time.monotonic() - self._failed[0] < self._retry_s:
            raise WorkerError(self._failed[1])
        ours, theirs = socket.socketpair()
        home = str(Path(ptx_prefect.__file__).resolve().parent.parent)
        # The entry of "-c" in sys.path is the working directory, which may hold a "json.py" of the user's.
        code = f"import sys; sys.path[: not sys.flags.safe_path] = [{home!r}]; "
        code += self._code.replace("{fd}", str(theirs.fileno()))
        with theirs, tempfile.TemporaryFile() as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=self._environment(),
                cwd=self._cwd,
            )
            theirs.close()
            self._control, self._owner = ours, os.getpid()
            ours.settimeout(self._start_limit_s)
            try:
                first = receive_frame(ours)
            except OSError:
                first = None
            if first is None:
                self._drop(by_force=True)
                output.seek(0)
                said = output.read().decode("utf-8", "replace").strip().splitlines()[-15:]
                self._failed = time.monotonic(), "\n".join(["the process that starts children did not come up", *said])
                raise WorkerError(self._failed[1])
        ours.settimeout(None)
        self._loaded = first["loaded"]
        return ours

    def _environment(self) -> dict[str, str]:
        env = dict(os.environ if self._env is None else self._env)
        if sys.platform == "darwin":  # else what Apple's libraries do in a fork of a program that forks may abort it
            env.setdefault("OBJC_DISABLE_INITIALIZE_FORK_SAFETY", "YES")
        return env

    def _drop(self, *, by_force: bool = False) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None and self._owner == os.getpid():
            if by_force:
                self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        self._control = self._process = None


KEPT = 8
"""Spawners kept at once: a suite has one, and few runs have more than a suite or two."""

_shared: dict[str, Spawner] = {}
_shared_lock = threading.Lock()


def shared_spawner(
    code: str = SERVE_AT_ONCE,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    start_limit_s: float = START_LIMIT_S,
    retry_s: float = 0.0,
) -> Spawner:
    """The spawner that all children of this process with the same needs share; closed when the process ends."""
    identity = f"{code}\0{cwd}\0{sorted((env or {}).items())}"
    with _shared_lock:
        found = _shared.pop(identity, None) or Spawner(
            code=code, env=env, cwd=cwd, start_limit_s=start_limit_s, retry_s=retry_s
        )
        _shared[identity] = found  # The last one is the one used last.
        oldest = [_shared.pop(key) for key in list(_shared)[:-KEPT]]
    for spawner in oldest:
        spawner.close()
    return found


def spawner_pids() -> list[int]:
    """The shared spawners that run now; all children of this process's sections stand below them."""
    with _shared_lock:
        return [pid for spawner in _shared.values() if (pid := spawner.pid) is not None]


def close_spawners() -> None:
    """End all shared spawners; the next child starts its own again. What runs goes on."""
    with _shared_lock:
        spawners = list(_shared.values())
        _shared.clear()
    for spawner in spawners:
        spawner.close()


def _forget_shared() -> None:
    """A fork of the run starts spawners of its own; the lock may have been held when it was forked."""
    global _shared_lock
    _shared.clear()
    _shared_lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_shared)
atexit.register(close_spawners)
