"""Content keys: equal work has an equal key in any run, on any machine; anything that could change a result changes it.

Each field of a key stands here with its reason; ``tests/unit/engine/test_keys.py`` fails when a section gets a field
that is neither keyed nor listed as left out.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.plan.plan import Section
from ptx_prefect.tree.globs import find_files

KEY_VERSION = 2
"""Raised when what a stored result means changes."""

KEYED = {
    "name": "the worker sees it, and its log is named after it",
    "description": "a thinking worker's instruction",
    "worker": "another kind does other work",
    "config": "what the worker is told",
    "depends_on": "through the prerequisites' keys: their results are its inputs",
    "reads": "narrow what of the tree is an input",
    "given": "inputs that planning knows",
    "content": "its inputs, where planning has digested them",
    "writes": "what it may change; an edit outside is refused",
}
_WHOLE = tuple(name for name in KEYED if name not in ("depends_on", "config"))
LEFT_OUT = {
    "timeout_s": "a finished result is as good under another deadline",
    "heartbeat_s": "as timeout_s",
    "estimate_s": "only orders the work",
    "estimate_from": "only explains the estimate",
    "identity": "only names the history of durations",
    "items": "only counts",
    "shares": "as identity",
}


def canonical_json(value: Any) -> str:
    """One text for equal values: keys sorted, no blanks, sets sorted, paths as text.

    Raises:
        TypeError: a value that has no plain JSON form.
    """
    return _encode(value)


SHORT = 80
"""Longer parts are told by their digest."""


def key_and_parts(
    section: Section, *, fingerprint: Mapping[str, Any], inputs_digest: str, prerequisites: Sequence[str]
) -> tuple[str, dict[str, str]]:
    """The key, in hex, and what went into it for people: short values as they are, long ones as a digest.

    Args:
        section: as planned.
        fingerprint: what its worker adds (versions, digests of files that it names).
        inputs_digest: identity of the tree that it may read.
        prerequisites: the keys of the sections that it depends on, in its own order.
    """
    # Each part is put into text once: the key is of these texts, and the short ones are shown as they are.
    parts = {name: _encode(getattr(section, name)) for name in _WHOLE}
    parts |= {f"config.{name}": _encode(value) for name, value in section.config.items()}
    parts |= {f"fingerprint.{name}": _encode(value) for name, value in fingerprint.items()}
    parts |= {"inputs": _encode(inputs_digest), "version": _encode(KEY_VERSION)}
    keyed = _encode([parts, list(prerequisites)])
    parts |= {f"result of {name}": _encode(key) for name, key in zip(section.depends_on, prerequisites, strict=True)}
    return hashlib.sha256(keyed.encode()).hexdigest(), {name: _short(text) for name, text in parts.items()}


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def inputs_digest(workdir: Path, reads: Sequence[str]) -> str:
    """Identity of what a section without a private workspace may read.

    Declared ``reads`` count by content. Without any, what git tracks below ``workdir`` counts (commit and uncommitted
    changes); outside git nothing does, and only the definition decides.
    """
    if reads:
        return _digest_of_files(workdir, reads)
    return _git_state(workdir)


def _digest_of_files(workdir: Path, reads: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in sorted(set(find_files(workdir, reads))):
        digest.update(os.fsencode(os.path.relpath(path, workdir)) + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _git_state(workdir: Path) -> str:
    try:
        commit = _git(workdir, "rev-parse", "HEAD")
        changes = _git(workdir, "diff", "HEAD", "--binary", "--no-ext-diff", "--", ".")
    except (OSError, subprocess.SubprocessError):
        return ""
    return hashlib.sha256(commit + changes).hexdigest()


def _git(workdir: Path, *args: str) -> bytes:
    return subprocess.run(["git", *args], cwd=workdir, capture_output=True, timeout=60, check=True).stdout


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} has no plain JSON form and cannot be part of a cache key: {value!r}")


# One encoder for all: `json.dumps` with options makes a new one at each call.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode
