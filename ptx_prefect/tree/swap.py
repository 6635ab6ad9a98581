"""Two directories change places in one step, where the system can."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS


def exchange(one: Path, other: Path) -> None:
    """Let two existing paths of one file system change places.

    In one step on Linux and macOS. Elsewhere, and on file systems that cannot, in three renames: ``one`` is missing
    for a moment, and :func:`finish_exchange` tidies up after a crash.
    """
    if not _exchanged_at_once(one, other):
        one.rename(_aside(one))
        other.rename(one)
        _aside(one).rename(other)


def finish_exchange(one: Path, other: Path) -> None:
    """Bring an exchange that was cut off to its end; does nothing where none was."""
    aside = _aside(one)
    if not aside.exists():
        return
    if not one.exists():
        other.rename(one)
    aside.rename(other)


def _exchanged_at_once(one: Path, other: Path) -> bool:
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        return bool(library.renamex_np(*names, _EXCHANGE) == 0)
    call = getattr(library, "renameat2", None)
    return call is not None and call(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.ptx-aside")
