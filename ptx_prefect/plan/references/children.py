"""The other processes that read, seen from the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references.child import File, heard, queue_of, say, serve, taken
from ptx_prefect.plan.references.records import Record

_WORTH_A_PROCESS_BYTES = 400_000
_START = "import sys; sys.path[:] = sys.argv[2:]; from ptx_prefect.plan.references.child import main; main()"


@contextmanager
def shared_out(root: Path, files: Sequence[File], size: int, jobs: int) -> Iterator[tuple[Iterable[File], list[Child]]]:
    """The files that are left to this process, and the processes that take the others; those have ended afterwards.

    Args:
        size: of all files, in bytes; a process more is only started for so much.
        jobs: the most processes, this one included.
    """
    count = min(jobs, size // _WORTH_A_PROCESS_BYTES + 1)
    if count < 2:
        yield files, []
        return
    queue = queue_of(files)
    children = [Child(root, files, queue) for _ in range(count - 1)]
    try:
        yield taken(files, queue), children
    except BaseException:
        for child in children:
            child.kill()
        raise
    finally:
        for child in children:
            child.end()


class Child:
    """Another process that reads some of the files."""

    def __init__(self, root: Path, files: Sequence[File], queue: int) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._code: int | None = None
        if _runs_alone():
            self._pid, self._told, self._answers = _forked(root, files, queue)
            return
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _START, str(queue), *(path or str(Path.cwd()) for path in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(queue,),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._pid, self._told, self._answers = self._process.pid, self._process.stdin, self._process.stdout
        self.send((str(root), files))

    def send(self, message: Any) -> None:
        try:
            say(self._told, message)
        except BrokenPipeError as error:
            raise self._died() from error

    def interfaces(self) -> dict[str, bytes]:
        found: dict[str, bytes] = self._heard()
        return found

    def records(self) -> list[Record]:
        """The last that it has to say."""
        return [Record._make(row) for row in self._heard()]

    def kill(self) -> None:
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)

    def end(self) -> int:
        """Waits for its end, without which it would stay as a zombie; the exit code, negative for a signal's number.

        It takes some milliseconds to give its memory back: better not at once.
        """
        if self._code is None:
            self._answers.close()
            with suppress(BrokenPipeError):
                self._told.close()
            if self._process is not None:
                self._code = self._process.wait()
            else:
                self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def _heard(self) -> Any:
        try:
            return heard(self._answers)
        except EOFError as error:
            raise self._died() from error

    def _died(self) -> PlanError:
        return PlanError(f"a process that reads Python files ended with exit code {self.end()}; its error is above")


def _runs_alone() -> bool:
    """Whether a fork is safe here: no other thread runs in this process, of Python's or of anybody's."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208
    except OSError:
        return False


def _forked(root: Path, files: Sequence[File], queue: int) -> tuple[int, IO[bytes], IO[bytes]]:
    """Process id, where to tell it something, where it answers."""
    to_read, told = os.pipe()
    answers, to_write = os.pipe()
    if pid := os.fork():
        os.close(to_read)
        os.close(to_write)
        return pid, os.fdopen(told, "wb"), os.fdopen(answers, "rb")
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who started this ends it, by closing the pipes
        os.close(told)
        os.close(answers)
        serve(root, files, queue, os.fdopen(to_read, "rb"), os.fdopen(to_write, "wb"))
        code = 0
    except (EOFError, BrokenPipeError):  # nobody waits any more
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)  # nothing of the other process's is to be flushed or cleaned up here
