"""Programs that tests start beside them: a free port, a wait that ends, a program ended with all that it started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(what: str, check: Callable[[], Any], *, seconds: float) -> Any:
    """What ``check`` returns as soon as it is true; a connection that fails counts as not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = check()
        except (OSError, httpx.TransportError):
            found = None
        if found:
            return found
        time.sleep(0.2)
    raise TimeoutError(f"no {what} after {seconds} s")


def start(argv: list[str], log: Path, *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """A program in a group of its own, for :func:`end_group`."""
    with log.open("ab") as stream:
        return subprocess.Popen(argv, env=env, stdout=stream, stderr=stream, start_new_session=True, cwd=cwd)


@contextmanager
def program(argv: list[str], log: Path, *, env: Mapping[str, str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program with everything it starts, ended with the block."""
    process = start(argv, log, env=env, cwd=cwd)
    try:
        yield process
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[bytes], with_signal: int = signal.SIGTERM) -> None:
    """Ask the group to end; after a while, end it."""
    try:
        os.killpg(process.pid, with_signal)
        process.wait(60)
    except ProcessLookupError:
        process.wait()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
