"""Paths and globs as a task writes them: ``*`` stays in one folder, ``**`` spans folders, a folder means all in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

OUTPUT_FOLDER = "ptx-output"
"""Where reports and artifacts go by default, below the directory where a run starts; nothing reads it as input."""


def matcher_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test whether a path (relative, with ``/``) matches any of ``patterns``.

    A pattern is also the path that it spells: ``app/[id]/page.tsx`` is a common name in web projects.
    """
    cleaned = tuple(pattern.removeprefix("./").rstrip("/") for pattern in patterns)
    exact = frozenset(cleaned)
    regexes = tuple(_compiled(pattern) for pattern in cleaned if _has_magic(pattern))
    everything = "" in exact or "." in exact

    def is_match(path: str) -> bool:
        return (
            everything
            or path in exact
            or any(parent in exact for parent in parents_of(path))
            or any(regex.fullmatch(path) for regex in regexes)
        )

    return is_match


def find_files(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    """Every file that ``patterns`` name below ``root``, or elsewhere where they say so.

    What a run of ours wrote by default, and the files of a repository itself, are never meant.
    """
    for pattern in patterns:
        is_match = matcher_of([pattern])
        start = root / _fixed_part(pattern)
        if start.is_file():
            yield start
        for folder, folders, names in os.walk(start):
            folders[:] = sorted(name for name in folders if name not in (OUTPUT_FOLDER, ".git"))
            paths = (Path(folder, name) for name in names)
            yield from (path for path in paths if is_match(_as_written(path, root, pattern)) and path.is_file())


def missing_of(root: Path, patterns: Iterable[str]) -> tuple[str, ...]:
    """The patterns that name one file or folder, and it is not there."""
    return tuple(pattern for pattern in patterns if not _has_magic(pattern) and not (root / pattern).exists())


def _fixed_part(pattern: str) -> str:
    """The folders before the first one that is a pattern, or the whole of it: ``src/*/a.py`` gives ``src``."""
    parts = pattern.split("/")
    fixed = next((count for count, part in enumerate(parts) if _has_magic(part)), len(parts))
    return "/".join(parts[:fixed]) or ("/" if pattern.startswith("/") else "")


def _as_written(path: Path, root: Path, pattern: str) -> str:
    return path.as_posix() if pattern.startswith("/") else Path(os.path.relpath(path, root)).as_posix()


def parents_of(path: str) -> tuple[str, ...]:
    """Every folder that ``path`` lies in, the nearest last: ``a/b/c`` gives ``a``, ``a/b``."""
    parts = path.split("/")
    return tuple("/".join(parts[:count]) for count in range(1, len(parts)))


def _has_magic(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    # A glob that names a folder ("src/*") means all in it, as a plain name does.
    return re.compile(_regex_of(pattern) + r"(?:/.*)?", re.DOTALL)


def _regex_of(pattern: str) -> str:
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if pattern.startswith("**/", position):
            parts.append("(?:.*/)?")
            position += 3
        elif pattern.startswith("**", position):
            parts.append(".*")
            position += 2
        elif character == "*":
            parts.append("[^/]*")
            position += 1
        elif character == "?":
            parts.append("[^/]")
            position += 1
        elif character == "[" and (end := pattern.find("]", position + 2)) > 0:
            inside = pattern[position + 1 : end].replace("\\", "\\\\")
            parts.append(f"[^{inside[1:]}]" if inside[0] in "!^" else f"[{inside}]")
            position = end + 1
        else:
            parts.append(re.escape(character))
            position += 1
    return "".join(parts)
