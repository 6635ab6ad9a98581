"""A reading process: `python -c "…; main()"`, lines of JSON in, lines of records out.

It is started as a plain program rather than by multiprocessing, so that it works under every start method, never
imports the caller's main module and unpickles nothing.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

from ptx_prefect.plan.references.resolve import Resolver
from ptx_prefect.plan.references.work import resolve_share, scan_share


def main() -> None:
    """Reads one line with the files, answers with their interfaces; reads all interfaces, answers with records."""
    gc.disable()  # short-lived, and nothing here makes cycles worth collecting
    root, files = json.loads(sys.stdin.buffer.readline())
    share = scan_share(Path(root), [(path, module, package) for path, module, package in files])
    own = {record.module: record.interface for record, facts in share if facts is not None}
    _say(json.dumps(own))
    interfaces = json.loads(sys.stdin.buffer.readline())
    for record in resolve_share(Resolver(interfaces), share):
        _say(record.to_line())
    sys.stdout.buffer.flush()


def _say(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "surrogatepass") + b"\n")
    sys.stdout.buffer.flush()
