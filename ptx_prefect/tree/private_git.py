"""A repository of a workspace's own: git commands inside it work, and cannot touch the user's repository."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from ptx_prefect.tree.base import Base
from ptx_prefect.tree.git import run_git

# The last two: nothing that a commit starts in the background is to outlive the section.
_CONFIGURATION = {
    "core.bare": "false",
    "core.autocrlf": "false",
    "core.excludesFile": os.devnull,
    "gc.auto": "0",
    "maintenance.auto": "false",
}


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
    named = base.revision or base.commit.partition("\n")[0].removeprefix("tree ")
    form = "sha256" if len(named) == 64 else "sha1"
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
    for key, value in _CONFIGURATION.items():
        run_git(template, "config", key, value)
    head = _commit_of_copy(template, base) if base.commit else base.revision
    if head is None:
        return
    environment = {"GIT_DIR": str(template), "GIT_WORK_TREE": str(template)}
    if base.prefix:
        head = _put(template, _own_commit(base))
    run_git(template, "read-tree", head, env=environment)
    (template / "HEAD").write_text(f"{head}\n")


def commit_of(base: Base) -> str:
    """The commit object that a workspace's HEAD is, as text that travels; empty where the base is no revision."""
    if base.revision is None:
        return base.commit
    commit = _own_commit(base) if base.prefix else run_git(base.root, "cat-file", "commit", base.revision)
    return os.fsdecode(commit)


def _own_commit(base: Base) -> bytes:
    """The commit of a folder of the repository, which no commit of the user's is: the same one wherever it is made."""
    tree = run_git(base.root, "rev-parse", f"{base.revision}:{base.prefix}").strip()
    who = b"ptx <ptx@localhost> 946684800 +0000"
    return b"tree %b\nauthor %b\ncommitter %b\n\nbase\n" % (tree, who, who)


def _commit_of_copy(template: Path, base: Base) -> str:
    """The commit that came along, on the tree that is here; what came before it stayed where it was.

    The tree is the commit's own, and so its id, unless the base lacks some of it (submodules).
    """
    commit = os.fsencode(base.commit)
    head = _put(template, b"tree %b%b" % (_tree_of_copy(template, base), commit[commit.index(b"\n") :]))
    (template / "shallow").write_text(f"{head}\n")
    return head


def _tree_of_copy(template: Path, base: Base) -> bytes:
    """The tree object of a base whose repository is elsewhere, made from its files."""
    environment = {"GIT_DIR": str(template), "GIT_WORK_TREE": str(base.root)}
    listing = b"".join(os.fsencode(path) + b"\0" for path in base.paths())
    run_git(
        base.root, "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=listing, env=environment
    )
    return run_git(template, "write-tree", env=environment).strip()


def _put(template: Path, commit: bytes) -> str:
    """Write a commit object, however old its form, and return its id."""
    written = run_git(template, "hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=commit)
    return written.decode().strip()


def _place_of(base: Base, name: str) -> Path:
    printed = run_git(base.root, "rev-parse", "--path-format=absolute", "--git-path", name)
    return Path(os.fsdecode(printed.rstrip(b"\n")))
