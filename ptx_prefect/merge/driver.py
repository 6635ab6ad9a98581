"""The git merge driver: one file, called by git for every file that both branches changed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from ptx_prefect.errors import MergeError
from ptx_prefect.merge import merge_file
from ptx_prefect.merge.result import FileMerge

_ATTRIBUTES = ("*.py merge=ptx", "*.pyi merge=ptx")
CONFLICT = 3
"""What the installed command ends with where markers are left. Python itself ends with 1 when it cannot start us."""

_COMMAND = (
    "{python} -P -m ptx_prefect merge-file %O %A %B --path %P --marker-size %L --conflict-exit {conflict}; "
    "case $? in 0) exit 0;; {conflict}) exit 1;; esac; "
    "git merge-file --marker-size=%L -L ours -L base -L theirs %A %O %B"
)
"""Names this very interpreter: another `ptx` may come first on the path (GNU coreutils have one), or none. Whatever
else happens, git merges the file by lines."""


def run(
    base_path: Path | str,
    ours_path: Path | str,
    theirs_path: Path | str,
    *,
    path: str,
    marker_size: int = 7,
    labels: tuple[str, str] = ("ours", "theirs"),
    conflict: int = 1,
) -> int:
    """Merge three files into ``ours_path``: 0 when that is clean, ``conflict`` when a person has to look (markers say
    where).

    Whatever goes wrong in here, ``ours_path`` ends as a whole file: at worst git's own merge with its markers.

    Raises:
        MergeError: one of the files cannot be read; nothing is written.
    """
    try:
        base, ours, theirs = (Path(name).read_bytes() for name in (base_path, ours_path, theirs_path))
    except OSError as error:
        raise MergeError(
            f"cannot read {error.filename!r} ({error.strerror}); give three files: BASE OURS THEIRS"
        ) from error
    try:
        merged = merge_file(base, (ours, theirs), path=path, names=labels, marker_size=marker_size)
    except Exception as error:  # a merge driver that dies leaves the user with half a merge: fall back to lines
        print(f"ptx: {path}: {type(error).__name__}: {error}; merged by lines instead", file=sys.stderr)
        merged = _merged_by_lines(base, ours, theirs, path=path, marker_size=marker_size, labels=labels)
    _replace(Path(ours_path), merged.content)
    for left in merged.conflicts:
        where = f" in {left.definition}" if left.definition else ""
        print(f"ptx: {path}: {left.place}{where}: {left.reason}", file=sys.stderr)
    return 0 if merged.is_clean else conflict


def install(repo: Path | str, *, local: bool = True) -> Path:
    """Make git use the driver in ``repo``; gives the attributes file that now names it.

    Args:
        local: write ``.git/info/attributes`` (this clone only) rather than ``.gitattributes`` (to be committed).

    Raises:
        MergeError: ``repo`` is not a git repository, or git is not installed.
    """
    _git(repo, "config", "merge.ptx.name", "ptx: merge by structure")
    command = _COMMAND.format(python=shlex.quote(sys.executable), conflict=CONFLICT)
    _git(repo, "config", "merge.ptx.driver", command)
    attributes = _attributes_file(repo, local=local)
    attributes.parent.mkdir(parents=True, exist_ok=True)
    lines = _lines_of(attributes)
    missing = [line for line in _ATTRIBUTES if line not in lines]
    if missing:
        attributes.write_text("\n".join([*lines, *missing]) + "\n", encoding="utf-8")
    return attributes


def uninstall(repo: Path | str) -> None:
    """Undo :func:`install`: the configuration and our attribute lines, wherever they were written; others stay."""
    _git(repo, "config", "--remove-section", "merge.ptx", check=False)
    for local in (True, False):
        attributes = _attributes_file(repo, local=local)
        lines = _lines_of(attributes)
        kept = [line for line in lines if line not in _ATTRIBUTES]
        if kept != lines:
            attributes.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            if not kept:
                attributes.unlink()


def _merged_by_lines(
    base: bytes, ours: bytes, theirs: bytes, *, path: str, marker_size: int, labels: tuple[str, str]
) -> FileMerge:
    from ptx_prefect.merge.result import Conflict
    from ptx_prefect.merge.text import merge_pair, merge_plain

    merged = merge_pair(base, ours, theirs, path=path, names=labels, merger=merge_plain, marker_size=marker_size)
    note = Conflict("file", path, "whole file", "the structural merge failed; check this merge by lines")
    return FileMerge(merged.content, (*merged.conflicts, note))


def _replace(target: Path, content: bytes) -> None:
    """Write through a sibling so that the file is never half written; it keeps its mode."""
    sibling = target.with_name(f"{target.name}.ptx-{os.getpid()}")
    sibling.write_bytes(content)
    shutil.copymode(target, sibling)
    sibling.replace(target)


def _attributes_file(repo: Path | str, *, local: bool) -> Path:
    if local:
        return Path(repo, _git(repo, "rev-parse", "--git-path", "info/attributes"))
    return Path(_git(repo, "rev-parse", "--show-toplevel")) / ".gitattributes"


def _lines_of(attributes: Path) -> list[str]:
    return attributes.read_text(encoding="utf-8").splitlines() if attributes.exists() else []


def _git(repo: Path | str, *args: str, check: bool = True) -> str:
    try:
        done = subprocess.run(["git", "-C", str(repo), *args], capture_output=True, text=True, check=False, timeout=60)
    except OSError as error:
        raise MergeError(f"cannot run git in {str(repo)!r}: {error}; install git") from error
    if check and done.returncode:
        raise MergeError(f"git {args[0]} fails in {str(repo)!r}: {done.stderr.strip()}; is it a git repository?")
    return done.stdout.strip()
