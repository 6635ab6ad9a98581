"""Paths and globs as a task writes them: ``*`` stays in one folder, ``**`` spans folders, a folder means all in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

OUTPUT_FOLDER = "ptx-output"
"""Where reports and artifacts go by default, below the directory where a run starts; nothing reads it as input."""


def matcher_of(patterns: Iterable[str]) -> Callable[[str], bool]:
    """A test whether a path (relative, with ``/``) matches any of ``patterns``."""
    cleaned = tuple(pattern.removeprefix("./").rstrip("/") for pattern in patterns)
    exact = frozenset(pattern for pattern in cleaned if not _has_magic(pattern))
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
