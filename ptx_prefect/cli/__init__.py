"""The `ptx` command: a thin skin over the same functions. Each command imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code instead of leaving the process."""
    match sys.argv[1:] if args is None else list(args):
        case [
            "merge-file", base, ours, theirs, "--path", path, "--marker-size", size, "--conflict-exit", code,
        ] if size.isdecimal() and code.isdecimal():  # fmt: skip
            # As git calls the merge driver, once for each file: the other commands cost more to load than a merge.
            from ptx_prefect.errors import PtxError
            from ptx_prefect.merge import driver

            try:
                return driver.run(base, ours, theirs, path=path, marker_size=int(size), conflict=int(code))
            except PtxError as error:
                print(f"ptx: {error}", file=sys.stderr)
                return 2
        case words:
            from ptx_prefect.cli.registry import main as run

            return run(words)
