"""A branch of the user's repository, moved in one step and only from where it was known to stand."""

from __future__ import annotations

import os
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.git import run_git


def prepare_branch(repository: Path, branch: str, *, revision: str | None, known: str | None) -> str | None:
    """The commit that ``branch`` stands at now, None when there is none.

    Raises:
        TreeError: the base is no revision, the name is none, the branch is checked out, or it stands at a commit other
            than ``known``, the one that was published there before.
    """
    if revision is None:
        raise TreeError(f"a branch needs a base with a revision, {str(repository)!r} is a directory; set base.revision")
    run_git(repository, "check-ref-format", "--branch", branch)
    _refuse_checked_out(repository, branch)
    stands = commit_of(repository, branch)
    if stands is not None and stands != known:
        raise TreeError(f"the branch {branch!r} is there already and nothing of ours; name another or delete it")
    return stands


def commit_of(repository: Path, branch: str) -> str | None:
    """The commit that a branch stands at."""
    found = run_git(repository, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", accept=(0, 1))
    return found.decode().strip() or None


def move_branch(repository: Path, branch: str, *, new: str, old: str | None, temporary: str) -> None:
    """Let ``branch`` stand at ``new`` if it still stands at ``old``; ``temporary`` held the commits until now.

    Raises:
        TreeError: somebody moved the branch meanwhile; it stays where they put it.
    """
    expected = old or "0" * len(new)
    orders = f"start\nupdate refs/heads/{branch} {new} {expected}\ndelete {temporary} {new}\nprepare\ncommit\n"
    run_git(repository, "update-ref", "--stdin", stdin=orders.encode())


def restore_branch(repository: Path, branch: str, *, published: str, former: str | None, force: bool) -> None:
    """Let ``branch`` stand where it stood before, or be gone where it was new.

    Raises:
        TreeError: it is checked out, or (without ``force``) it has moved since.
    """
    _refuse_checked_out(repository, branch)
    stands = commit_of(repository, branch)
    if stands == former:
        return
    if stands != published and not force:
        now = "is gone" if stands is None else f"stands at {stands[:12]}"
        raise TreeError(f"the branch {branch!r} {now}, not where it was published; --force moves it all the same")
    if former is None:
        run_git(repository, "update-ref", "-d", f"refs/heads/{branch}", stands or published)
    else:
        run_git(repository, "update-ref", f"refs/heads/{branch}", former, stands or "0" * len(former))


def drop_temporary(repository: Path, ref: str) -> None:
    """Forget commits that were written and never published."""
    run_git(repository, "update-ref", "-d", ref)


def _refuse_checked_out(repository: Path, branch: str) -> None:
    rows = run_git(repository, "worktree", "list", "--porcelain").splitlines()
    place = ""
    for row in rows:
        key, _, value = row.partition(b" ")
        if key == b"worktree":
            place = os.fsdecode(value)
        elif key == b"branch" and value == f"refs/heads/{branch}".encode(errors="surrogateescape"):
            raise TreeError(f"the branch {branch!r} is checked out in {place!r}; name another, yours is not touched")
