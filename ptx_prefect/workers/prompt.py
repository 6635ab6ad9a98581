"""What a worker that thinks is told: its task, what was done before it, the files it may read and write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.tree.globs import matcher_of
from ptx_prefect.tree.scan import is_litter
from ptx_prefect.workers.protocol import Job

CONTEXT_BYTES = 60_000
"""Files are shown up to this size together; what does not fit is named."""
INPUT_BYTES = 4_000
"""The most that is shown of one prerequisite's value."""
HEADINGS_BYTES = 300
"""Headings, and the list of paths that it may write."""
PROMPT_VERSION = 1
"""Part of the cache key: raised when the wording below changes what comes back."""

FILES_INSTRUCTIONS = (
    "You are one of several workers that write different parts of one project at the same time. Do only your own part. "
    "Answer with complete files: each with its path relative to the project's root and its whole content, no "
    "placeholders, nothing left for later. Do not touch files outside the paths you may write. Say in the summary, in "
    "two or three sentences, what the others need to know: names, routes, types, ports."
)
TEXT_INSTRUCTIONS = "Answer with what was asked for and nothing else."


def task_text(job: Job, *, context_bytes: int = CONTEXT_BYTES, shows_files: bool = True) -> str:
    """The whole prompt of a section; the same text for the same job."""
    parts = [f"# Your part: {job.section}", job.description]
    if job.inputs:
        parts.append("# Done before you")
        parts += [f"## {name}\n{input_text(value)}" for name, value in sorted(job.inputs.items())]
    if job.writes:
        parts.append("# Paths you may write\n" + "\n".join(f"- {pattern}" for pattern in job.writes))
    if shows_files and (job.reads or job.writes):
        parts += _shown_files(job, context_bytes)
    return "\n\n".join(part for part in parts if part)


def input_text(value: Any) -> str:
    """A prerequisite's value as its dependents read it: the summary and the names of its files, else short JSON."""
    if isinstance(value, Mapping) and isinstance(value.get("summary"), str):
        files = value.get("files")
        listed = f"\nFiles: {', '.join(map(str, files))}" if isinstance(files, list | tuple) and files else ""
        return _cut(value["summary"] + listed, INPUT_BYTES)
    return "(done)" if value is None else _cut(json.dumps(value, sort_keys=True, ensure_ascii=False), INPUT_BYTES)


def prompt_bytes(description: str, inputs: Mapping[str, Any], *, shows_files: bool, context_bytes: int) -> int:
    """The most bytes that :func:`task_text` can have, known before there is a workspace."""
    known = len(description.encode()) + sum(len(input_text(value).encode()) + 200 for value in inputs.values())
    return known + HEADINGS_BYTES + (context_bytes if shows_files else 0)


def _shown_files(job: Job, context_bytes: int) -> Iterator[str]:
    left = context_bytes
    omitted = []
    # What it may write comes first: it has to know what it replaces.
    for patterns in (job.writes, job.reads):
        for path in _matching(job.workdir, patterns):
            name = path.relative_to(job.workdir).as_posix()
            text = _text_of(path, left)
            block = f"# File: {name}\n```\n{text}\n```"
            if text is None or len(block.encode()) > left:
                omitted.append(name)
                continue
            left -= len(block.encode()) + 2
            yield block
    names = ", ".join(dict.fromkeys(omitted))
    if names and len(names.encode()) < left:
        yield f"# Files not shown (binary, or too long): {names}"


def _matching(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    if not patterns:
        return []
    matches = matcher_of(patterns)
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not name.startswith(".git/") and not is_litter(name) and matches(name) and path.is_file():
            found.append(path)
    return found


def _text_of(path: Path, limit: int) -> str | None:
    if path.is_symlink() or path.stat().st_size > limit:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError):
        return None


def _cut(text: str, limit: int) -> str:
    data = text.encode()
    return text if len(data) <= limit else data[: limit - 4].decode(errors="ignore") + " …"
