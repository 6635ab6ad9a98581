"""Read from git histories what people merged: base, both parents and the committed result of every Python file."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

BLOB_LIMIT_BYTES = 4_000_000
GIT_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Case:
    """One file that both parents of a merge commit changed, and what a person committed for it."""

    commit: str
    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    human: bytes


def read_cases(gitdir: Path, max_merges: int | None = None) -> Iterator[Case]:
    """Every case of one repository (bare or not), newest merges first, each triple of contents once.

    Merges with several merge bases are left out: git would merge the bases first, so no single base is the truth.
    """
    blobs = _Blobs(gitdir)
    seen: set[tuple[str, str, str]] = set()
    try:
        for commit, first, second in islice(_two_parent_merges(gitdir), max_merges):
            bases = _git(gitdir, "merge-base", "--all", first, second).split()
            if len(bases) != 1 or bases[0] in (first, second):
                continue
            ours, theirs = _modified(gitdir, bases[0], first), _modified(gitdir, bases[0], second)
            for path in sorted(ours.keys() & theirs.keys()):
                (old, new_ours), (_, new_theirs) = ours[path], theirs[path]
                if new_ours == new_theirs or (old, new_ours, new_theirs) in seen:
                    continue
                seen.add((old, new_ours, new_theirs))
                texts = [blobs.read(name) for name in (old, new_ours, new_theirs, f"{commit}:{path}")]
                base_text, our_text, their_text, human = texts
                if base_text is None or our_text is None or their_text is None or human is None:
                    continue
                yield Case(commit, path, base_text, our_text, their_text, human)
    finally:
        blobs.close()


def _two_parent_merges(gitdir: Path) -> Iterator[tuple[str, str, str]]:
    listing = _git(
        gitdir, "rev-list", "--all", "--topo-order", "--min-parents=2", "--max-parents=2", "--parents", timeout_s=600
    )
    for line in listing.splitlines():
        commit, first, second = line.split()
        yield commit, first, second


def _git(gitdir: Path, *args: str, timeout_s: float = GIT_TIMEOUT_S) -> str:
    try:
        done = subprocess.run(
            ["git", "--git-dir", str(gitdir), *args], capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


class _Blobs:
    """One long-lived ``git cat-file``: a process per blob would dominate."""

    def __init__(self, gitdir: Path) -> None:
        command = ["git", "--git-dir", str(gitdir), "cat-file", "--batch"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def close(self) -> None:
        self._process.communicate(timeout=GIT_TIMEOUT_S)

    def read(self, name: str) -> bytes | None:
        """The content, or None when it is absent or too large."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None and pipe_out is not None
        pipe_in.write(name.encode() + b"\n")
        pipe_in.flush()
        header = pipe_out.readline().split()
        if len(header) != 3 or header[1] != b"blob":
            return None
        size = int(header[2])
        content = pipe_out.read(size + 1)[:-1]
        return content if size <= BLOB_LIMIT_BYTES else None


def _modified(gitdir: Path, old: str, new: str) -> dict[str, tuple[str, str]]:
    """Path of every Python file modified between two commits -> its old and new blob."""
    listing = _git(gitdir, "diff-tree", "-r", "-z", "--raw", "--no-renames", "--diff-filter=M", old, new, "--", "*.py")
    fields = listing.split("\0")
    pairs = zip(fields[0::2], fields[1::2], strict=False)
    return {path: (meta.split()[2], meta.split()[3]) for meta, path in pairs}
