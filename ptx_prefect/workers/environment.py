"""What a child gets to see of the environment."""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BASE = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TERM", "TMPDIR", "TEMP", "TMP",
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHON*", "LD_LIBRARY_PATH", "DYLD_*", "SSL_CERT_*", "XDG_*",
)  # fmt: skip
"""Names that every child gets: what programs need to start at all, and nothing that is likely to be a secret."""


def path_of_checks() -> str:
    """Where commands of `validate` are looked for: "python" is the interpreter that runs this, wherever it lies."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def environment_of(
    allowed: Sequence[str], *, added: Mapping[str, str], source: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a child: the base names, those that match ``allowed`` (``"*"`` for all), and ``added``."""
    source = os.environ if source is None else source
    patterns = (*BASE, *allowed)
    kept = {
        name: value
        for name, value in source.items()
        if any(name == pattern or fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    }
    return {**kept, **added}
