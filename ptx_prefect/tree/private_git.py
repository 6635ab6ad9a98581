"""A repository of a workspace's own: git commands inside it work, and cannot touch the user's repository."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from ptx_prefect.tree.base import Base
from ptx_prefect.tree.git import run_git


def give_repository(workspace: Path, base: Base, *, root: Path) -> Path:
    """Put a fresh ``.git`` into ``workspace`` and return the pristine repository that it is a copy of.

    It borrows the base's objects (as ``git clone --shared`` does) and shares no ref, index, lock or configuration, so
    any number can be made at once. Its HEAD is the base; nothing in it smudges or converts contents.
    """
    template = _template_of(base, root)
    inside = workspace / ".git"
    if inside.is_dir() and not inside.is_symlink():
        shutil.rmtree(inside)
    elif inside.is_symlink() or inside.exists():
        inside.unlink()
    shutil.copytree(template, inside)
    return template


def _template_of(base: Base, root: Path) -> Path:
    template = root / f"repository-{base.digest[:16]}"
    with (root / "repository.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            beside = template.with_suffix(".new")
            shutil.rmtree(beside, ignore_errors=True)
            _make_template(beside, base)
            beside.rename(template)
    return template


def init_borrowing(repository: Path, base: Base) -> None:
    """Make an empty bare repository that sees the base's objects."""
    form = "sha1" if base.revision is None or len(base.revision) == 40 else "sha256"
    run_git(repository, "init", "--quiet", "--bare", "--template=", f"--object-format={form}", ".")
    if base.revision is None:
        return
    (repository / "objects" / "info" / "alternates").write_text(f"{_place_of(base, 'objects')}\n")
    shallow = _place_of(base, "shallow")
    if shallow.exists():
        shutil.copy(shallow, repository / "shallow")


def _make_template(template: Path, base: Base) -> None:
    template.mkdir(parents=True)
    init_borrowing(template, base)
    (template / "info").mkdir(exist_ok=True)
    # Highest precedence: contents go in and out as the bytes that they are.
    (template / "info" / "attributes").write_text("* -text -eol -ident -filter -working-tree-encoding\n")
    for key, value in {"core.bare": "false", "core.autocrlf": "false", "core.excludesFile": os.devnull}.items():
        run_git(template, "config", key, value)
    if base.revision is None and not base.is_copy:
        return
    environment = {"GIT_DIR": str(template), "GIT_WORK_TREE": str(template)}
    head = base.revision or _commit(template, _tree_of_copy(template, base))
    if base.prefix:
        head = _commit(template, f"{base.revision}:{base.prefix}")
    run_git(template, "read-tree", head, env=environment)
    (template / "HEAD").write_text(f"{head}\n")


def _tree_of_copy(template: Path, base: Base) -> str:
    """The tree object of a base whose repository is elsewhere, made from its files."""
    environment = {"GIT_DIR": str(template), "GIT_WORK_TREE": str(base.root)}
    listing = b"".join(os.fsencode(path) + b"\0" for path in base.paths())
    run_git(
        base.root, "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=listing, env=environment
    )
    return run_git(template, "write-tree", env=environment).decode().strip()


def _commit(template: Path, tree: str) -> str:
    author = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _NOBODY.items()}
    author |= {"GIT_DIR": str(template), "GIT_WORK_TREE": str(template)}
    return run_git(template, "commit-tree", tree, "-m", "base", env=author).decode().strip()


_NOBODY = {"NAME": "ptx", "EMAIL": "ptx@localhost", "DATE": "2000-01-01T00:00:00Z"}


def _place_of(base: Base, name: str) -> Path:
    printed = run_git(base.root, "rev-parse", "--path-format=absolute", "--git-path", name)
    return Path(os.fsdecode(printed.rstrip(b"\n")))
