"""Places that are not as a tree expects them: each time what is wrong, where, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import zlib
from pathlib import Path

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.spec import Base as BaseOfSpec
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset
from ptx_prefect.tree.globs import OUTPUT_FOLDER
from ptx_prefect.tree.location import place_of_base
from ptx_prefect.tree.ours import check_output_directory, mark_output_directory
from ptx_prefect.tree.pack import open_tree, pack_tree, unpack_tree
from ptx_prefect.tree.private_git import give_repository
from ptx_prefect.tree.slots import bring_to, wanted_tree


def git(where: Path, *args: str) -> str:
    identity = ["-c", "user.name=n", "-c", "user.email=e@e", "-c", "protocol.file.allow=always"]
    return subprocess.run(["git", *identity, *args], cwd=where, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def base(tmp_path: Path) -> Base:
    root = tmp_path / "base"
    root.mkdir()
    (root / "a.txt").write_text("a\n")
    return Base.of_directory(root)


def test_two_spellings_of_one_name_are_no_silent_loss_where_case_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on macOS: the second file would be written over the first. Here a lower-case disk stands in for it."""
    (tmp_path / "base").mkdir()
    for name in ("Notes.txt", "notes.txt"):
        (tmp_path / "base" / name).write_text(name)
    base = Base.of_directory(tmp_path / "base")
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest, **more: real(os.fspath(path).lower(), *rest, **more))

    with pytest.raises(TreeError, match=r"upper from lower case: rename one of the two"):
        bring_to(tmp_path / "place", base, wanted_tree(base, Changeset(())), record=tmp_path / "record")


class TestReports:
    def test_a_file_is_no_directory_for_reports(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("")

        with pytest.raises(TreeError, match=r"out' is there and no directory; name another place"):
            check_output_directory(tmp_path / "out")

    def test_ours_by_its_mark_or_by_its_name_may_be_written_again(self, tmp_path: Path) -> None:
        for place in (tmp_path / "out", tmp_path / OUTPUT_FOLDER / "t"):
            place.mkdir(parents=True)
            (place / "report.json").write_text("{}")
        with pytest.raises(TreeError, match=r"files that no run wrote \(report.json\)"):
            check_output_directory(tmp_path / "out")

        mark_output_directory(tmp_path / "out")
        check_output_directory(tmp_path / "out")
        check_output_directory(tmp_path / OUTPUT_FOLDER / "t")

    def test_beside_other_files_only_outside_of_the_base(self, tmp_path: Path) -> None:
        (tmp_path / "docs").mkdir()
        for name in "abcd":
            (tmp_path / "docs" / name).write_text("")

        check_output_directory(tmp_path / "docs")
        with pytest.raises(TreeError, match=r"\(a, b, c …\)"):
            check_output_directory(tmp_path / "docs", base=tmp_path)


class TestBases:
    def test_a_package_is_found_without_importing_it(self, tmp_path: Path) -> None:
        assert place_of_base(BaseOfSpec(package="json"), tmp_path).name == "json"
        assert place_of_base(BaseOfSpec(path="sub"), tmp_path) == tmp_path / "sub"
        assert place_of_base("sub", tmp_path) == tmp_path / "sub"

    @pytest.mark.parametrize("name", ["no_such_package_anywhere", "secrets", "json.no_such.deeper", "."])
    def test_what_is_no_package_is_told(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(TreeError, match=r"base.package .* (is no installed package|cannot be found)"):
            place_of_base(BaseOfSpec(package=name), tmp_path)

    def test_a_revision_of_what_is_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(TreeError, match="is not a directory; name a git repository"):
            Base.of_revision(tmp_path / "nowhere", "HEAD")

    def test_a_file_that_the_base_does_not_have(self, base: Base) -> None:
        with pytest.raises(TreeError, match=r"has no 'b.txt'"):
            base.read("b.txt")


class TestPacks:
    @pytest.mark.parametrize("damage", ["content", "size", "no head", "not packed"])
    def test_a_damaged_pack_is_refused(self, base: Base, tmp_path: Path, damage: str) -> None:
        head, _, rest = zlib.decompress(pack_tree(base, limit_bytes=10_000)).partition(b"\n")
        damaged = {
            "content": head + b"\nb\n",
            "size": head + b"\n" + rest[:-1],
            "no head": b"{}\n" + rest,
            "not packed": head,
        }[damage]
        pack = damaged if damage == "not packed" else zlib.compress(damaged)

        with pytest.raises(TreeError):
            unpack_tree(pack, tmp_path / "there")
        assert open_tree(tmp_path / "there") is None

    def test_who_comes_second_takes_what_is_there(self, base: Base, tmp_path: Path) -> None:
        pack = pack_tree(base, limit_bytes=10_000)
        first = unpack_tree(pack, tmp_path / "there")
        second = unpack_tree(pack, tmp_path / "there")

        assert first.digest == second.digest == base.digest
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".there")] == []

    def test_a_place_that_is_taken_by_a_file(self, base: Base, tmp_path: Path) -> None:
        (tmp_path / "there").write_text("")

        with pytest.raises(TreeError, match="cannot unpack a tree in"):
            unpack_tree(pack_tree(base, limit_bytes=10_000), tmp_path / "there")

    def test_a_head_that_is_no_json_is_no_tree(self, base: Base, tmp_path: Path) -> None:
        unpack_tree(pack_tree(base, limit_bytes=10_000), tmp_path / "there")
        (record,) = [path for path in tmp_path.iterdir() if path.is_file() and "there" in path.name]
        assert json.loads(record.read_text())
        record.write_text("{")

        assert open_tree(tmp_path / "there") is None


class TestPrivateRepositories:
    @pytest.mark.parametrize("former", ["nothing", "a directory", "a link", "a file"])
    def test_a_workspace_gets_its_own_whatever_lay_there(self, base: Base, tmp_path: Path, former: str) -> None:
        workspace, outside = tmp_path / "workspace", tmp_path / "outside"
        workspace.mkdir()
        outside.mkdir()
        (outside / "kept").write_text("")
        inside = workspace / ".git"
        if former == "a directory":
            inside.mkdir()
            (inside / "stale").write_text("")
        elif former == "a link":
            inside.symlink_to(outside)
        elif former == "a file":
            inside.write_text("gitdir: elsewhere\n")

        give_repository(workspace, base, root=tmp_path)

        assert inside.is_dir() and not inside.is_symlink()
        assert not (inside / "stale").exists()
        assert (outside / "kept").exists(), "what a link leads to is not ours"

    def test_a_shallow_clone_is_borrowed_from_with_its_border(self, tmp_path: Path) -> None:
        """Else git would miss the parents of the oldest commit that is there."""
        origin = tmp_path / "origin"
        origin.mkdir()
        git(origin, "init", "-q")
        for text in ("one", "two"):
            (origin / "a.txt").write_text(text)
            git(origin, "add", ".")
            git(origin, "commit", "-qm", text)
        git(tmp_path, "clone", "-q", "--depth=1", origin.as_uri(), "shallow")
        workspace = tmp_path / "workspace"
        workspace.mkdir()

        give_repository(workspace, Base.of_revision(tmp_path / "shallow", "HEAD"), root=tmp_path)

        assert git(workspace, "log", "--format=%s").split() == ["two"]
