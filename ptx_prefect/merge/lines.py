"""Three-way merge by lines: the anchor that everything else only refines.

git's own implementation does it where git is installed (it is the one that people trust, and fast); the ``merge3``
package does it elsewhere.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MARKER_SIZE = 61
"""Of the markers that we ask git for."""

_MARKER = re.compile(rf"^([<|=>])\1{{{_MARKER_SIZE - 1}}}[ \r\n]", re.MULTILINE)

_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Kept:
    """Lines on which nobody disagrees."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Clash:
    """Lines that both sides changed, each version as it stands there."""

    base: tuple[str, ...]
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


Chunk = Kept | Clash


def merge_lines(base: str, ours: str, theirs: str) -> tuple[Chunk, ...]:
    """The chunks of the three-way merge, in order. Every text is empty or ends with a newline."""
    if ours == theirs or base == theirs:
        return _kept(ours)
    if base == ours:
        return _kept(theirs)
    chunks = _merge_with_git(base, ours, theirs)
    return _merge_with_python(base, ours, theirs) if chunks is None else chunks


def split(text: str) -> tuple[str, ...]:
    """Lines with their ends, cut at line feeds only (a form feed or a Unicode separator is text)."""
    if not text:
        return ()
    lines = text.split("\n")
    last = lines.pop()
    return (*(line + "\n" for line in lines), *((last,) if last else ()))


@functools.cache
def git_binary() -> str | None:
    """Where git is, or None."""
    return shutil.which("git")


def _kept(text: str) -> tuple[Chunk, ...]:
    return (Kept(split(text)),) if text else ()


def _merge_with_git(base: str, ours: str, theirs: str) -> tuple[Chunk, ...] | None:
    """None where there is no git, where it fails (killed, a full disk), or where a text has lines like its markers."""
    binary = git_binary()
    if binary is None or any(_MARKER.search(text) for text in (base, ours, theirs)):
        return None
    with tempfile.TemporaryDirectory(prefix="ptx-merge-") as folder:
        for name, text in (("ours", ours), ("base", base), ("theirs", theirs)):
            # surrogatepass: text that is not UTF-8 arrives here as latin-1, but a literal surrogate may be in a str.
            Path(folder, name).write_bytes(text.encode("utf-8", "surrogatepass"))
        # -c and cwd: neither the user's configuration nor a repository around us has a say.
        command = [binary, "-c", "merge.conflictStyle=diff3", "merge-file", "-p", "-q", "--diff3"]
        command += [f"--marker-size={_MARKER_SIZE}", "ours", "base", "theirs"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_TIMEOUT_S, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
    if done.returncode < 0 or done.returncode > 127:  # 255 is an error, 1..127 the number of conflicts
        return None
    return _parse_marked(done.stdout.decode("utf-8", "surrogatepass"))


def _parse_marked(text: str) -> tuple[Chunk, ...]:
    chunks: list[Chunk] = []
    parts: dict[str, list[str]] = {"": []}
    state = ""
    for line in split(text):
        mark = found.group(1) if (found := _MARKER.match(line)) else None
        if mark == "<":
            chunks += [Kept(tuple(parts[""]))] if parts[""] else []
            parts, state = {"<": [], "|": [], "=": []}, "<"
        elif mark == ">":
            same = parts["<"] == parts["="]  # the same lines, though cut out of the base in two ways
            chunks.append(Kept(tuple(parts["<"])) if same else Clash(*(tuple(parts[part]) for part in "|<=")))
            parts, state = {"": []}, ""
        elif mark is not None:
            state = mark
        else:
            parts[state].append(line)
    return (*chunks, Kept(tuple(parts[""]))) if parts[""] else tuple(chunks)


def _merge_with_python(base: str, ours: str, theirs: str) -> tuple[Chunk, ...]:
    import merge3

    merge = merge3.Merge3(split(base), split(ours), split(theirs))
    chunks: list[Chunk] = []
    for group in merge.merge_groups():
        if group[0] == "conflict":
            chunks.append(Clash(tuple(group[1]), tuple(group[2]), tuple(group[3])))
        elif chunks and isinstance(chunks[-1], Kept):
            chunks[-1] = Kept((*chunks[-1].lines, *group[1]))
        else:
            chunks.append(Kept(tuple(group[1])))
    return tuple(chunks)


def join(lines: Sequence[str]) -> str:
    """The mirror of :func:`split`."""
    return "".join(lines)
