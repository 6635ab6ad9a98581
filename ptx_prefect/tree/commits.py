"""Changes written as git commits, without a work tree, an index or a hook."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange
from ptx_prefect.tree.git import git_environment, run_git


@dataclass(frozen=True, slots=True)
class Part:
    """One commit to be: ``title`` is its first line, most often a section's name."""

    title: str
    changeset: Changeset
    body: str = ""


def write_commits(repository: Path, base: Base, parts: Sequence[Part], *, ref: str, identity: str, now_s: float) -> str:
    """The commit id of the last part; ``ref`` points to it. Parts without changes make no commit.

    A base that is a directory becomes a first commit of its own. ``identity`` is ``Name <mail>``.

    Raises:
        TreeError: git refused; nothing points to what was written.
    """
    rows = [part for part in parts if part.changeset.changes]
    if base.revision is not None and not rows:
        run_git(repository, "update-ref", ref, base.revision)
    else:
        stamp = f"{identity} {int(now_s)} +0000"
        _import(repository, _stream(base, rows, ref=ref, stamp=stamp))
    return run_git(repository, "rev-parse", "--verify", ref).decode().strip()


def identity_of(directory: Path) -> str:
    """``Name <mail>`` as git knows the user there; a neutral one where it knows none."""
    try:
        printed = run_git(directory, "var", "GIT_COMMITTER_IDENT").decode(errors="replace")
    except TreeError:
        return "ptx <ptx@localhost>"
    return printed[: printed.rindex(">") + 1]


def _import(repository: Path, stream: Iterable[bytes]) -> None:
    process = subprocess.Popen(
        ["git", "fast-import", "--quiet", "--done", "--force"],
        cwd=repository,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=git_environment(),
    )
    assert process.stdin is not None and process.stderr is not None
    broken = False
    try:
        for block in stream:
            process.stdin.write(block)
        process.stdin.close()
    except BrokenPipeError:
        broken = True
    except BaseException:
        process.kill()
        process.wait()
        raise
    said = process.stderr.read().decode(errors="replace").strip()
    process.stderr.close()
    if process.wait() != 0 or broken:
        why = said.splitlines()[0] if said else "it gave no reason"
        raise TreeError(f"git fast-import in {str(repository)!r} failed: {why}")


def _stream(base: Base, parts: Sequence[Part], *, ref: str, stamp: str) -> Iterator[bytes]:
    parent = base.revision
    if parent is None:
        yield _head(ref, stamp, "base", None)
        for path, content in base.read_many(base.entries):
            yield from _file(path, base.entries[path].mode, content)
    for number, part in enumerate(parts):
        message = f"{part.title}\n\n{part.body}".strip() + "\n"
        yield _head(ref, stamp, message, parent if number == 0 else None)
        # Deletions first: a file may make room for a folder of its name.
        for change in sorted(part.changeset.changes, key=lambda row: row.content is not None):
            yield from _change(base.prefix, change)
    yield b"done\n"


def _head(ref: str, stamp: str, message: str, parent: str | None) -> bytes:
    text = message.encode(errors="replace")
    lines = [f"commit {ref}", f"author {stamp}", f"committer {stamp}", f"data {len(text)}"]
    after = f"\nfrom {parent}\n" if parent is not None else "\n"
    return "\n".join(lines).encode() + b"\n" + text + after.encode()


def _change(prefix: str, change: FileChange) -> Iterator[bytes]:
    if change.content is None:
        yield b"D " + _quoted(prefix + change.path) + b"\n"
    else:
        yield from _file(prefix + change.path, change.mode, change.content)


def _file(path: str, mode: int, content: bytes) -> Iterator[bytes]:
    yield b"M %o inline %s\ndata %d\n" % (mode, _quoted(path), len(content))
    yield content
    yield b"\n"


def _quoted(path: str) -> bytes:
    raw = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + raw + b'"'
