from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import EXECUTABLE, REGULAR, SYMLINK, digest_of
from ptx_prefect.tree.ours import MARK


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *args], cwd=directory, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("committed")
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("A = 1\n")
    (root / "run.sh").write_text("echo\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("pkg/a.py")
    (root / "bytes.bin").write_bytes(bytes(range(256)))
    (root / ".gitignore").write_text("*.log\n")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


@pytest.fixture
def repo(committed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(committed, tmp_path / "repo", symlinks=True))


def test_a_revision_and_a_directory_hold_the_same_files_with_modes(repo: Path) -> None:
    (repo / "noise.log").write_text("ignored")
    directory, revision = Base.of_directory(repo), Base.of_revision(repo, "HEAD")

    assert directory.paths() == revision.paths() == (".gitignore", "bytes.bin", "link", "pkg/a.py", "run.sh")
    modes = {path: entry.mode for path, entry in revision.entries.items()}
    assert modes == {path: entry.mode for path, entry in directory.entries.items()}
    assert (modes["link"], modes["run.sh"], modes["pkg/a.py"]) == (SYMLINK, EXECUTABLE, REGULAR)
    assert list(directory.read_many(directory.paths())) == list(revision.read_many(revision.paths()))
    assert revision.digests_at(["link", "absent"]) == {"link": digest_of(b"pkg/a.py")}


def test_a_revision_stays_pinned_when_the_branch_moves_and_files_change(repo: Path) -> None:
    base = Base.of_revision(repo, "main")
    (repo / "pkg" / "a.py").write_text("A = 2\n")
    git(repo, "commit", "-qam", "two")

    assert base.read("pkg/a.py") == b"A = 1\n"
    assert base.digest != Base.of_revision(repo, "main").digest


def test_a_directory_that_changes_after_pinning_is_told_not_mixed(repo: Path) -> None:
    base = Base.of_directory(repo)
    (repo / "pkg" / "a.py").write_text("A = 2\n")

    with pytest.raises(TreeError, match=r"'pkg/a\.py' .* changed while"):
        base.read("pkg/a.py")
    (repo / "run.sh").unlink()
    with pytest.raises(TreeError, match=r"lost 'run\.sh'"):
        base.read("run.sh")


def test_a_fingerprint_covers_what_is_read_and_nothing_else(repo: Path) -> None:
    before = Base.of_directory(repo)
    (repo / "run.sh").write_text("echo more\n")
    after = Base.of_directory(repo)

    assert before.digest != after.digest
    assert before.fingerprint(["pkg/**/*.py", "link"]) == after.fingerprint(["link", "pkg/**/*.py"])
    assert before.fingerprint(["*.sh"]) != after.fingerprint(["*.sh"])


def test_a_mode_change_alone_changes_the_fingerprint(repo: Path) -> None:
    before = Base.of_directory(repo).fingerprint(["run.sh"])
    (repo / "run.sh").chmod(0o644)

    assert Base.of_directory(repo).fingerprint(["run.sh"]) != before


def test_a_folder_of_a_repository_is_a_tree_of_its_own(repo: Path) -> None:
    base = Base.of_revision(repo / "pkg", "HEAD")

    assert (base.paths(), base.prefix) == (("a.py",), "pkg/")
    assert base.read("a.py") == b"A = 1\n"


def test_a_folder_that_git_ignores_as_a_whole_is_taken_as_it_is(repo: Path) -> None:
    (repo / ".gitignore").write_text("site/\n")
    (repo / "site" / "__pycache__").mkdir(parents=True)
    (repo / "site" / "m.py").write_text("")
    (repo / "site" / "__pycache__" / "m.pyc").write_text("")

    assert Base.of_directory(repo / "site").paths() == ("m.py",)


@pytest.mark.parametrize("revision", ["nowhere", "--help", ""])
def test_a_revision_that_is_none_is_refused_with_its_name(repo: Path, revision: str) -> None:
    with pytest.raises(TreeError, match="rev-parse"):
        Base.of_revision(repo, revision)


def test_a_base_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="not a directory"):
        Base.of_directory(tmp_path / "absent")


@pytest.mark.parametrize("is_git", [True, False])
def test_what_runs_left_is_no_part_of_a_base(is_git: bool, repo: Path) -> None:
    if not is_git:
        shutil.rmtree(repo / ".git")
    before = Base.of_directory(repo).paths()
    left = ["ptx-output/t/events.jsonl", ".out.ptx-t-1/a.py", f"reports/{MARK}", "reports/report.json", "out/pkg/a.py"]
    for name in left:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text("x")

    assert Base.of_directory(repo, own=[str(repo / "out"), str(repo.parent / "far")]).paths() == before
    assert "out/pkg/a.py" in Base.of_directory(repo).paths()


def test_tracked_files_are_no_leavings_but_where_this_run_writes(repo: Path) -> None:
    for name in ("ptx-output/notes.txt", "reports/report.json", f"reports/{MARK}"):
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text("x")
    git(repo, "add", "-A")

    assert {"ptx-output/notes.txt", "reports/report.json"} <= set(Base.of_directory(repo).paths())
    assert "reports/report.json" not in Base.of_directory(repo, own=[str(repo / "reports")]).paths()


def test_reading_a_base_gives_no_rights(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so that the refusal of the system is a fake here."""
    closed = repo / "run.sh"
    closed.chmod(0)
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)

    with pytest.raises(TreeError, match=r"cannot read '.*run\.sh': permission denied; make it readable"):
        Base.of_directory(repo)
    assert closed.stat().st_mode & 0o777 == 0


def test_reading_a_base_opens_no_folder(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, scan = repo / "pkg", os.scandir
    shutil.rmtree(repo / ".git")
    closed.chmod(0)

    def refuse(folder: str) -> Any:
        if Path(folder) == closed:
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)

    with pytest.raises(TreeError, match=r"cannot read '.*pkg': permission denied"):
        Base.of_directory(repo)
    assert closed.stat().st_mode & 0o777 == 0
    closed.chmod(0o755)
