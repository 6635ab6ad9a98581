from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import EXECUTABLE, SYMLINK, Changeset, FileChange, compose, digest_of
from ptx_prefect.tree.commits import Part
from ptx_prefect.tree.publish import Target, check_target, publish, rollback
from ptx_prefect.tree.records import Publication, records_in, write_record

START = {"a.py": "A = 1\n", "pkg/b.py": "B = 1\n", 'odd "name"\n.txt': "odd\n"}


def git(directory: Path, *args: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *args], cwd=directory, check=True, capture_output=True)
    return done.stdout.decode()


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("committed")
    for path, text in START.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


@pytest.fixture
def repo(committed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(committed, tmp_path / "repo"))


FIRST = Changeset(
    (
        FileChange("a.py", digest_of(b"A = 1\n"), b"A = 2\n"),
        FileChange("link", None, b"a.py", SYMLINK),
        FileChange("tool", None, b"#!\n", EXECUTABLE),
    )
)
SECOND = Changeset(
    (
        FileChange("data.bin", None, bytes(range(256))),
        FileChange("pkg/b.py", digest_of(b"B = 1\n"), None),
        FileChange("pkg/c.py", None, b"B = 1\n", renamed_from="pkg/b.py"),
    )
)
PARTS = [Part("first", FIRST, "What it was for."), Part("idle", Changeset()), Part("second: tidy", SECOND)]
MERGED = compose([FIRST, SECOND])
EXPECTED = {"a.py", "link", "tool", "data.bin", "pkg/c.py", 'odd "name"\n.txt'}


def send(base: Base, target: Target, tmp_path: Path, *, run: str = "run-1", merged: Changeset = MERGED) -> Publication:
    parts = PARTS if merged is MERGED else [Part("other", merged)]
    return publish(base, merged, parts, target, run_id=run, state_dir=tmp_path / "state", now_s=1_700_000_000)


def files_in(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if not path.is_dir() or path.is_symlink()}


def left_over(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if "ptx" in path.name]


OTHER = Changeset((FileChange("a.py", digest_of(b"A = 1\n"), b"A = 9\n"),))


class TestDirectory:
    @pytest.fixture(params=["directory", "revision"])
    def base(self, request: pytest.FixtureRequest, repo: Path) -> Base:
        return Base.of_directory(repo) if request.param == "directory" else Base.of_revision(repo, "HEAD")

    def test_the_merged_tree_appears_whole(self, base: Base, tmp_path: Path) -> None:
        out = tmp_path / "deep" / "out"
        record = send(base, Target("directory", str(out)), tmp_path)

        assert files_in(out) == EXPECTED
        assert (out / "link").is_symlink()
        assert (out / "tool").stat().st_mode & 0o100
        assert (out / "data.bin").read_bytes() == bytes(range(256))
        assert (record.status, left_over(out.parent)) == ("published", [])

    def test_rollback_of_a_new_directory_removes_it(self, base: Base, tmp_path: Path) -> None:
        out = tmp_path / "out"
        send(base, Target("directory", str(out)), tmp_path)
        done = rollback("run-1", state_dir=tmp_path / "state")

        assert (out.exists(), done.status, left_over(tmp_path)) == (False, "rolled back", [])
        with pytest.raises(TreeError, match="is rolled back"):
            rollback("run-1", state_dir=tmp_path / "state")

    def test_what_is_not_ours_is_never_replaced(self, base: Base, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        (out / "mine").write_text("precious")

        with pytest.raises(TreeError, match="not empty and nothing of ours"):
            send(base, Target("directory", str(out)), tmp_path)
        assert files_in(out) == {"mine"}
        with pytest.raises(TreeError, match="no directory"):
            send(base, Target("directory", str(out / "mine")), tmp_path)

    def test_an_empty_directory_is_filled(self, base: Base, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        send(base, Target("directory", str(tmp_path / "out")), tmp_path)

        assert files_in(tmp_path / "out") == EXPECTED

    def test_a_second_run_swaps_and_rollbacks_go_back_step_by_step(self, base: Base, tmp_path: Path) -> None:
        out, state = tmp_path / "out", tmp_path / "state"
        send(base, Target("directory", str(out)), tmp_path)
        send(base, Target("directory", str(out)), tmp_path, run="run-2", merged=OTHER)
        assert (out / "a.py").read_text() == "A = 9\n"

        with pytest.raises(TreeError, match="is superseded"):
            rollback("run-1", state_dir=state)
        rollback("run-2", state_dir=state)
        assert files_in(out) == EXPECTED
        rollback("run-1", state_dir=state)
        assert not out.exists()
        assert left_over(tmp_path) == []

    def test_what_was_edited_by_hand_is_not_replaced(self, base: Base, tmp_path: Path) -> None:
        out = tmp_path / "out"
        send(base, Target("directory", str(out)), tmp_path)
        (out / "a.py").write_text("by hand\n")

        with pytest.raises(TreeError, match="was changed since run 'run-1' published it; move it elsewhere"):
            send(base, Target("directory", str(out)), tmp_path, run="run-2", merged=OTHER)
        assert (out / "a.py").read_text() == "by hand\n"
        out.rename(tmp_path / "kept")
        send(base, Target("directory", str(out)), tmp_path, run="run-2", merged=OTHER)
        assert (out / "a.py").read_text() == "A = 9\n"

    def test_a_repository_made_in_the_output_is_not_replaced(self, base: Base, tmp_path: Path) -> None:
        out = tmp_path / "out"
        send(base, Target("directory", str(out)), tmp_path)
        git(out, "init", "-q")

        with pytest.raises(TreeError, match="was changed"):
            send(base, Target("directory", str(out)), tmp_path, run="run-2", merged=OTHER)

    def test_only_one_former_tree_is_kept(self, base: Base, tmp_path: Path) -> None:
        out, state = tmp_path / "out", tmp_path / "state"
        for number in range(3):
            send(base, Target("directory", str(out)), tmp_path, run=f"run-{number}", merged=(MERGED, OTHER)[number % 2])
        assert len(left_over(tmp_path)) == 1

        rollback("run-2", state_dir=state)
        with pytest.raises(TreeError, match="not kept any more"):
            rollback("run-1", state_dir=state)
        rollback("run-1", state_dir=state, force=True)
        assert not out.exists()

    def test_rollback_refuses_when_the_output_was_edited(self, base: Base, tmp_path: Path) -> None:
        out, state = tmp_path / "out", tmp_path / "state"
        send(base, Target("directory", str(out)), tmp_path)
        (out / "__pycache__").mkdir()
        (out / "__pycache__" / "x.pyc").write_text("does not count")
        (out / "a.py").write_text("by hand\n")

        with pytest.raises(TreeError, match="changed since"):
            rollback("run-1", state_dir=state)
        assert (out / "a.py").read_text() == "by hand\n"
        rollback("run-1", state_dir=state, force=True)
        assert not out.exists()


class TestBranch:
    def test_one_commit_a_section_and_the_work_tree_is_untouched(self, repo: Path, tmp_path: Path) -> None:
        (repo / "a.py").write_text("dirty\n")
        git(repo, "add", "a.py")
        (repo / "untracked").write_text("?")
        before = git(repo, "status", "--porcelain=v2"), (repo / ".git" / "index").read_bytes()
        record = send(Base.of_revision(repo, "HEAD"), Target("branch", "ptx/out"), tmp_path)

        assert git(repo, "log", "--reverse", "--format=%s|%b", "main..ptx/out").split("\n\n") == [
            "first|What it was for.",
            "second: tidy|\n",
        ]
        assert git(repo, "ls-tree", "-r", "-z", "--name-only", "ptx/out").split("\0")[:-1] == sorted(EXPECTED)
        assert git(repo, "ls-tree", "ptx/out", "link", "tool").split()[::4][:2] == ["120000", "100755"]
        assert git(repo, "rev-parse", "ptx/out").strip() == record.identity
        assert (git(repo, "status", "--porcelain=v2"), (repo / ".git" / "index").read_bytes()) == before
        assert git(repo, "for-each-ref", "refs/ptx") == ""
        git(repo, "fsck", "--strict")

    def test_a_folder_of_the_repository_keeps_the_rest(self, repo: Path, tmp_path: Path) -> None:
        base = Base.of_revision(repo / "pkg", "HEAD")
        merged = Changeset((FileChange("b.py", digest_of(b"B = 1\n"), b"B = 2\n"),))
        send(base, Target("branch", "out"), tmp_path, merged=merged)

        assert git(repo, "diff", "--name-only", "main", "out").split() == ["pkg/b.py"]

    def test_foreign_and_checked_out_branches_are_refused(self, repo: Path, tmp_path: Path) -> None:
        base = Base.of_revision(repo, "HEAD")
        git(repo, "branch", "theirs")

        for name, text in {"main": "checked out", "theirs": "nothing of ours", "a..b": "check-ref-format"}.items():
            with pytest.raises(TreeError, match=text):
                send(base, Target("branch", name), tmp_path)
        with pytest.raises(TreeError, match=r"set base\.revision"):
            send(Base.of_directory(repo), Target("branch", "out"), tmp_path)

    def test_our_branch_is_moved_and_rolled_back(self, repo: Path, tmp_path: Path) -> None:
        base, state = Base.of_revision(repo, "HEAD"), tmp_path / "state"
        first = send(base, Target("branch", "out"), tmp_path)
        send(base, Target("branch", "out"), tmp_path, run="run-2", merged=OTHER)
        rollback("run-2", state_dir=state)

        assert git(repo, "rev-parse", "out").strip() == first.identity
        rollback("run-1", state_dir=state)
        assert git(repo, "branch", "--list", "out") == ""

    def test_rollback_refuses_when_the_branch_has_moved(self, repo: Path, tmp_path: Path) -> None:
        base, state = Base.of_revision(repo, "HEAD"), tmp_path / "state"
        send(base, Target("branch", "out"), tmp_path)
        git(repo, "update-ref", "refs/heads/out", "main")

        with pytest.raises(TreeError, match="not where it was published"):
            rollback("run-1", state_dir=state)
        with pytest.raises(TreeError, match="nothing of ours"):
            send(base, Target("branch", "out"), tmp_path, run="run-2")
        rollback("run-1", state_dir=state, force=True)
        assert git(repo, "branch", "--list", "out") == ""

    def test_a_merge_without_any_change_is_the_base_itself(self, repo: Path, tmp_path: Path) -> None:
        record = send(Base.of_revision(repo, "HEAD"), Target("branch", "out"), tmp_path, merged=Changeset())

        assert record.identity == git(repo, "rev-parse", "main").strip()


class TestPatches:
    @pytest.mark.parametrize("kind", ["directory", "revision"])
    def test_the_series_applies_with_git_and_gives_the_merged_tree(self, kind: str, repo: Path, tmp_path: Path) -> None:
        base = Base.of_directory(repo) if kind == "directory" else Base.of_revision(repo, "HEAD")
        before = sorted((repo / ".git").rglob("*"))
        out = tmp_path / "patches"
        send(base, Target("patches", str(out)), tmp_path)

        names = sorted(path.name for path in out.iterdir())
        assert names == ["0001-first.patch", "0002-second-tidy.patch"]
        assert sorted((repo / ".git").rglob("*")) == before
        git(repo, "am", "-q", *(str(out / name) for name in names))
        assert files_in(repo) - {name for name in files_in(repo) if name.startswith(".git/")} == EXPECTED

    def test_a_series_can_be_rolled_back(self, repo: Path, tmp_path: Path) -> None:
        send(Base.of_directory(repo), Target("patches", str(tmp_path / "patches")), tmp_path)
        rollback("run-1", state_dir=tmp_path / "state")

        assert not (tmp_path / "patches").exists()


def test_a_run_publishes_once(repo: Path, tmp_path: Path) -> None:
    base = Base.of_directory(repo)
    send(base, Target("directory", str(tmp_path / "out")), tmp_path)

    with pytest.raises(TreeError, match="has published already"):
        send(base, Target("directory", str(tmp_path / "elsewhere")), tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_run_that_is_not_on_record_cannot_be_rolled_back(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="no publication of run 'never'"):
        rollback("never", state_dir=tmp_path)


def test_records_outlive_damage(repo: Path, tmp_path: Path) -> None:
    send(Base.of_directory(repo), Target("directory", str(tmp_path / "out")), tmp_path)
    (tmp_path / "state" / "published" / "zzz.json").write_text("{cut off")

    assert [row.run_id for row in records_in(tmp_path / "state")] == ["run-1"]


def test_a_base_that_changes_meanwhile_leaves_nothing(repo: Path, tmp_path: Path) -> None:
    base = Base.of_directory(repo)
    (repo / "pkg" / "b.py").write_text("changed\n")

    with pytest.raises(TreeError, match="nothing was published"):
        send(base, Target("directory", str(tmp_path / "out")), tmp_path, merged=OTHER)
    assert not (tmp_path / "out").exists()
    assert left_over(tmp_path) == []
    send(Base.of_directory(repo), Target("directory", str(tmp_path / "out")), tmp_path, merged=OTHER)


class TestCutOff:
    """A run that was killed while it published: the next one that looks decides what became of it."""

    def prepared(self, tmp_path: Path, record: Publication) -> Publication:
        cut_off = replace(record, status="prepared")
        write_record(cut_off, state_dir=tmp_path / "state")
        return cut_off

    def status(self, tmp_path: Path) -> list[str]:
        return [row.status for row in records_in(tmp_path / "state")]

    @pytest.mark.parametrize("kind", ["directory", "branch"])
    def test_after_the_step_it_counts_as_published(self, repo: Path, tmp_path: Path, kind: str) -> None:
        base = Base.of_revision(repo, "HEAD")
        target = Target("branch", "ptx/done") if kind == "branch" else Target("directory", str(tmp_path / "out"))
        self.prepared(tmp_path, send(base, target, tmp_path))

        check_target(target, repo, revision="HEAD", state_dir=tmp_path / "state")

        assert self.status(tmp_path) == ["published"]

    @pytest.mark.parametrize("kind", ["directory", "branch"])
    def test_before_the_step_it_is_abandoned_and_nothing_is_left(self, repo: Path, tmp_path: Path, kind: str) -> None:
        base = Base.of_revision(repo, "HEAD")
        target = Target("branch", "ptx/done") if kind == "branch" else Target("directory", str(tmp_path / "out"))
        self.prepared(tmp_path, send(base, target, tmp_path))
        if kind == "branch":
            git(repo, "branch", "-D", "ptx/done")
        else:
            shutil.rmtree(tmp_path / "out")

        check_target(target, repo, revision="HEAD", state_dir=tmp_path / "state")

        assert self.status(tmp_path) == ["abandoned"]
        assert left_over(tmp_path) == []
        with pytest.raises(TreeError, match="is abandoned; there is nothing to roll back"):
            rollback("run-1", state_dir=tmp_path / "state")

    def test_a_directory_that_somebody_took_away_is_rolled_back_by_force_only(self, repo: Path, tmp_path: Path) -> None:
        send(Base.of_directory(repo), Target("directory", str(tmp_path / "out")), tmp_path)
        shutil.rmtree(tmp_path / "out")

        with pytest.raises(TreeError, match=r"is not there any more; nothing to roll back \(--force forgets it\)"):
            rollback("run-1", state_dir=tmp_path / "state")
        assert rollback("run-1", state_dir=tmp_path / "state", force=True).status == "rolled back"
