"""A reading process: `python -c "…; main()"`, messages of `marshal` in and out.

It is started as a plain program rather than by multiprocessing, so that it works under every start method and never
imports the caller's main module.
"""

from __future__ import annotations

import gc
import marshal
import sys
from pathlib import Path
from typing import IO, Any

from ptx_prefect.plan.references.interfaces import Interfaces
from ptx_prefect.plan.references.resolve import Resolver
from ptx_prefect.plan.references.work import resolve_share, scan_share


def main() -> None:
    """Is told the files, answers with their interfaces; is told all interfaces, answers with records."""
    gc.disable()  # short-lived, and nothing here makes cycles worth collecting
    root, files = heard(sys.stdin.buffer)
    share = scan_share(Path(root), files)
    say(sys.stdout.buffer, {record.module: record.interface for record, facts in share if facts is not None})
    interfaces = Interfaces(heard(sys.stdin.buffer))
    say(sys.stdout.buffer, [tuple(record) for record in resolve_share(Resolver(interfaces), share)])


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
