"""A tree that travels: the same files and the same identity at the other end, or a refusal."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.tree import Base, Changeset, open_workspace
from ptx_prefect.tree.git import run_git
from ptx_prefect.tree.pack import open_tree, pack_tree, unpack_tree

MB = 1_000_000


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "here"
    (root / "sub").mkdir(parents=True)
    (root / "sub/a.txt").write_bytes(b"\x00\xff bytes\r\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("sub/a.txt")
    (root / ".gitignore").write_text("*.log\n")
    for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *args], cwd=root, check=True)
    return root


@pytest.mark.parametrize("revision", [None, "HEAD"])
def test_a_tree_has_the_same_digest_and_files_at_the_other_end(
    repository: Path, tmp_path: Path, revision: str | None
) -> None:
    base = Base.of_revision(repository, revision) if revision else Base.of_directory(repository)

    found = unpack_tree(pack_tree(base, limit_bytes=MB), tmp_path / "there")

    assert found.digest == base.digest
    assert dict(found.read_many(found.paths())) == dict(base.read_many(base.paths()))
    assert (tmp_path / "there/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "there/link").readlink() == Path("sub/a.txt")
    assert open_tree(tmp_path / "there") == found


def test_a_workspace_on_a_copy_is_as_one_on_the_original(repository: Path, tmp_path: Path) -> None:
    base = Base.of_revision(repository, "HEAD")
    copy = unpack_tree(pack_tree(base, limit_bytes=MB), tmp_path / "there")

    with open_workspace(copy, [Changeset()], root=tmp_path / "work", name="s") as workspace:
        status = subprocess.run(["git", "status", "--porcelain"], cwd=workspace.path, capture_output=True, check=True)
        (workspace.path / "new.txt").write_text("new")
        (workspace.path / "noise.log").write_text("ignored")
        changes = workspace.collect()

    assert status.stdout == b""
    assert isinstance(changes, Changeset) and changes.paths == ("new.txt",)


@pytest.mark.parametrize("folder", ["", "sub"])
def test_git_tells_a_section_of_the_same_commit_on_a_copy(repository: Path, tmp_path: Path, folder: str) -> None:
    commit_all(repository, "second\n\nWith a body: \u00e9.")
    base = Base.of_revision(repository / folder, "HEAD")
    copy = unpack_tree(pack_tree(base, limit_bytes=MB), tmp_path / "there")

    here, there = (seen_by_git(one, tmp_path / name) for name, one in (("a", base), ("b", copy)))

    assert here == there
    assert ("With a body" in here) == (not folder)


def test_a_copy_without_its_submodule_keeps_the_commits_message(repository: Path, tmp_path: Path) -> None:
    run_git(repository, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    commit_all(repository, "with a submodule")
    copy = unpack_tree(pack_tree(Base.of_revision(repository, "HEAD"), limit_bytes=MB), tmp_path / "there")

    said = seen_by_git(copy, tmp_path / "work")

    assert "    with a submodule" in said and "Author: n <e@e>" in said


def commit_all(repository: Path, message: str) -> None:
    run_git(repository, "-c", "user.name=n", "-c", "user.email=e@e", "commit", "-q", "--allow-empty", "-m", message)


def seen_by_git(base: Base, root: Path) -> str:
    """The last commit and the state of the tree, as git tells them inside a workspace."""
    with open_workspace(base, [Changeset()], root=root, name="s") as workspace:
        asked = (["log", "-1"], ["cat-file", "commit", "HEAD"], ["status", "--porcelain"])
        return "".join(run_git(workspace.path, *args).decode() for args in asked)


def test_an_empty_tree_travels_too(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()

    found = unpack_tree(pack_tree(Base.of_directory(tmp_path / "here"), limit_bytes=MB), tmp_path / "there")

    assert found.paths() == ()


def test_what_is_too_large_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(256)) * 40)

    with pytest.raises(TreeError, match=r"too large to travel.*result_storage"):
        pack_tree(Base.of_directory(tmp_path), limit_bytes=100)


def test_a_damaged_pack_is_refused(repository: Path, tmp_path: Path) -> None:
    pack = bytearray(pack_tree(Base.of_directory(repository), limit_bytes=MB))
    pack[len(pack) // 2] ^= 0xFF

    with pytest.raises(TreeError, match="damaged"):
        unpack_tree(bytes(pack), tmp_path / "there")

    assert not (tmp_path / "there").exists()
