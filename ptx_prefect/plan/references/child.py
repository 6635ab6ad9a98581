"""A reading process. It takes files as it gets to them, answers with their interfaces, is told those of the other
processes, and answers with records.

Messages are in the format of `marshal`. A process is a fork where no thread runs beside, which starts in a
millisecond; else a plain program, rather than one of multiprocessing, so that it works under every start method and
never imports the caller's main module.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ptx_prefect.plan.references.interfaces import Interfaces
from ptx_prefect.plan.references.resolve import Resolver
from ptx_prefect.plan.references.work import resolve_share, scan_share

File = tuple[str, str, bool]
"""Path relative to the root, module name, whether it is a package."""
_NUMBER_BYTES = 4
_MOST_PARTS = 4096
"""As many numbers as any pipe holds."""


def main() -> None:
    """The program: its queue's file descriptor is the first argument."""
    queue = int(sys.argv[1])
    root, files = heard(sys.stdin.buffer)
    serve(Path(root), files, queue, sys.stdin.buffer, sys.stdout.buffer)


def serve(root: Path, files: Sequence[File], queue: int, told: IO[bytes], answers: IO[bytes]) -> None:
    """All that a reading process does."""
    gc.disable()  # short-lived, and nothing here makes cycles worth collecting
    share = scan_share(root, taken(files, queue))
    own = {record.module: record.interface for record, facts in share if facts is not None}
    say(answers, own)
    interfaces = Interfaces(heard(told) | own)
    say(answers, [tuple(record) for record in resolve_share(Resolver(interfaces), share)])


def queue_of(files: Sequence[File]) -> int:
    """Numbers in a pipe, from which every process takes its next one."""
    readable, writable = os.pipe()
    with os.fdopen(writable, "wb") as pipe:
        pipe.write(b"".join(number.to_bytes(_NUMBER_BYTES, "little") for number in range(_parts(files))))
    return readable


def taken(files: Sequence[File], queue: int) -> Iterator[File]:
    """The files that fall to this process: the next part whenever it is free, until none is left."""
    parts = _parts(files)
    while number := os.read(queue, _NUMBER_BYTES):
        yield from files[int.from_bytes(number, "little") :: parts]
    os.close(queue)


def _parts(files: Sequence[File]) -> int:
    return min(len(files), _MOST_PARTS)


def say(pipe: IO[bytes], message: Any) -> None:
    """Sends a message: its length in eight bytes, then itself."""
    packed = marshal.dumps(message)
    pipe.write(len(packed).to_bytes(8, "little") + packed)
    pipe.flush()


def heard(pipe: IO[bytes]) -> Any:
    """The next message.

    Raises:
        EOFError: the other side is gone.
    """
    length = pipe.read(8)
    packed = pipe.read(int.from_bytes(length, "little"))
    return marshal.loads(packed)
