from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import EXECUTABLE, REGULAR, SYMLINK, Changeset, FileChange, digest_of
from ptx_prefect.tree.workspace import Refused, Workspace, open_workspace

BINARY = bytes(range(256))


@pytest.fixture(scope="module", params=["directory", "revision"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    """One for all tests: nothing that a section does may change it."""
    root = tmp_path_factory.mktemp("base")
    (root / "pkg").mkdir(parents=True)
    (root / "pkg" / "a.py").write_text("A = 1\n")
    (root / "pkg" / "long.py").write_text("".join(f"line_{n} = {n}\n" for n in range(40)))
    (root / "run.sh").write_text("echo\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("pkg/a.py")
    (root / "data.bin").write_bytes(BINARY)
    if request.param == "directory":
        return Base.of_directory(root)
    (root / ".gitignore").write_text("*.log\nout/\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=root, check=True)
    return Base.of_revision(root, "HEAD")


def taken(found: Changeset | Refused) -> dict[str, FileChange]:
    assert isinstance(found, Changeset), found
    return {change.path: change for change in found.changes}


def test_an_untouched_workspace_has_no_change(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="idle") as workspace:
        assert workspace.collect() == Changeset()
        assert (workspace.path / "run.sh").stat().st_mode & 0o100


def test_every_kind_of_change_is_seen(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="busy") as workspace:
        here = workspace.path
        (here / "pkg" / "a.py").write_text("A = 2\n")
        (here / "run.sh").chmod(0o644)
        (here / "link").unlink()
        (here / "link").symlink_to("run.sh")
        (here / "data.bin").write_bytes(BINARY[::-1])
        (here / "new").mkdir()
        (here / "new" / "b.py").write_text("B = 1\n")
        (here / "new" / "tool").write_text("#!\n")
        (here / "new" / "tool").chmod(0o755)
        (here / "pkg" / "long.py").unlink()

        changes = taken(workspace.collect())

    assert list(changes) == ["data.bin", "link", "new/b.py", "new/tool", "pkg/a.py", "pkg/long.py", "run.sh"]
    assert changes["pkg/a.py"] == FileChange("pkg/a.py", digest_of(b"A = 1\n"), b"A = 2\n")
    assert (changes["run.sh"].mode, changes["run.sh"].content) == (REGULAR, b"echo\n")
    assert (changes["link"].mode, changes["link"].content) == (SYMLINK, b"run.sh")
    assert changes["data.bin"].content == BINARY[::-1]
    assert (changes["new/b.py"].old_digest, changes["new/tool"].mode) == (None, EXECUTABLE)
    assert changes["pkg/long.py"].content is None
    assert changes["pkg/long.py"].old_digest is not None


def test_a_write_of_equal_size_within_one_clock_tick_is_seen(base: Base, tmp_path: Path) -> None:
    """The clock that stamps files is coarse, so equal stamps of a fresh file prove nothing."""
    for _ in range(5):
        with open_workspace(base, [], root=tmp_path / "w", name="fast") as workspace:
            (workspace.path / "pkg" / "a.py").write_text("A = 7\n")
            assert list(taken(workspace.collect())) == ["pkg/a.py"]


def test_a_write_that_hides_its_time_is_seen(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="sly") as workspace:
        target = workspace.path / "pkg" / "a.py"
        before = target.stat()
        target.write_text("A = 9\n")
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))

        assert list(taken(workspace.collect())) == ["pkg/a.py"]


def test_renames_are_told_with_their_origin(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="mover") as workspace:
        here = workspace.path
        (here / "data.bin").rename(here / "moved.bin")
        text = (here / "pkg" / "long.py").read_text().replace("line_7 = 7", "line_7 = 70")
        (here / "pkg" / "long.py").unlink()
        (here / "pkg" / "longer.py").write_text(text)

        changes = taken(workspace.collect())

    assert changes["moved.bin"].renamed_from == "data.bin"
    assert changes["pkg/longer.py"].renamed_from == "pkg/long.py"
    assert changes["data.bin"].content is None


def test_litter_is_left_out(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="messy") as workspace:
        here = workspace.path
        for folder in ("__pycache__", ".pytest_cache", "node_modules/x", "pkg/.mypy_cache"):
            (here / folder).mkdir(parents=True)
            (here / folder / "f.txt").write_text("litter")
        os.mkfifo(here / "pipe")
        if base.is_git:
            (here / "trace.log").write_text("ignored")
            (here / "out").mkdir()
            (here / "out" / "x.txt").write_text("ignored")

        assert workspace.collect() == Changeset()


def test_edits_outside_the_declared_writes_are_refused_by_name(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="broad") as workspace:
        (workspace.path / "pkg" / "a.py").write_text("A = 2\n")
        (workspace.path / "extra.txt").write_text("?")
        (workspace.path / "run.sh").unlink()

        refused = workspace.collect(writes=["pkg/*.py"])
        allowed = workspace.collect(writes=["pkg", "extra.txt", "*.sh"])

    assert isinstance(refused, Refused)
    assert refused.outside == ("extra.txt", "run.sh")
    assert "'extra.txt', 'run.sh'" in refused.reason
    assert list(taken(allowed)) == ["extra.txt", "pkg/a.py", "run.sh"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "pkg/../../x"])
def test_links_that_leave_the_tree_are_refused(base: Base, tmp_path: Path, target: str) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="climber") as workspace:
        (workspace.path / "escape").symlink_to(target)
        refused = workspace.collect()

    assert isinstance(refused, Refused)
    assert refused.leaving == ("escape",)


def test_a_link_that_climbs_out_through_another_link_is_refused(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="climber") as workspace:
        (workspace.path / "pkg" / "up").symlink_to("..")
        (workspace.path / "pkg" / "out").symlink_to("up/..")
        refused = workspace.collect()

    assert isinstance(refused, Refused)
    assert refused.leaving == ("pkg/out",)


def test_the_next_section_in_a_slot_sees_nothing_of_the_one_before(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="first") as workspace:
        here = workspace.path
        shutil.rmtree(here / "pkg")
        (here / "pkg").symlink_to(tmp_path)
        (here / "deep" / "er").mkdir(parents=True)
        (here / "deep" / "er" / "x").write_text("x")
        (here / "deep").chmod(0o500)
        (here / "run.sh").write_text("rm\n")
        os.mkfifo(here / "pipe")
        first = here
    (tmp_path / "bystander").write_text("safe")

    with open_workspace(base, [], root=tmp_path / "w", name="second") as workspace:
        assert workspace.path == first
        names = {path.name for path in workspace.path.iterdir()} - {".git", ".gitignore"}
        assert names == {"pkg", "run.sh", "link", "data.bin"}
        assert (workspace.path / "pkg" / "a.py").read_text() == "A = 1\n"
        assert workspace.collect() == Changeset()
    assert (tmp_path / "bystander").read_text() == "safe"


def test_a_section_that_removes_its_workspace_is_refused_and_the_next_one_works(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="first") as workspace:
        shutil.rmtree(workspace.path)
        refused = workspace.collect()

    assert isinstance(refused, Refused)
    assert "removed its whole workspace" in refused.reason
    with open_workspace(base, [], root=tmp_path / "w", name="second") as workspace:
        assert workspace.collect() == Changeset()


def test_a_workspace_replaced_by_a_link_is_refused_and_its_target_left_alone(base: Base, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_text("mine")
    with open_workspace(base, [], root=tmp_path / "w", name="first") as workspace:
        shutil.rmtree(workspace.path)
        workspace.path.symlink_to(tmp_path / "precious")
        assert isinstance(workspace.collect(), Refused)

    with open_workspace(base, [], root=tmp_path / "w", name="second") as workspace:
        assert workspace.collect() == Changeset()
    assert (tmp_path / "precious" / "x").read_text() == "mine"


def test_an_edit_in_place_never_reaches_the_base(base: Base, tmp_path: Path) -> None:
    with (
        open_workspace(base, [], root=tmp_path / "w", name="in place") as workspace,
        (workspace.path / "pkg" / "a.py").open("r+") as file,
    ):
        file.write("Z")

    assert (base.root / "pkg" / "a.py").read_text() == "A = 1\n"


def test_prerequisites_are_there_and_not_part_of_the_change(base: Base, tmp_path: Path) -> None:
    one = Changeset((FileChange("n.py", None, b"N = 1\n"), FileChange("run.sh", digest_of(b"echo\n"), None)))
    two = Changeset((FileChange("n.py", digest_of(b"N = 1\n"), b"N = 2\n"),))
    with open_workspace(base, [one, two], root=tmp_path / "w", name="third") as workspace:
        assert (workspace.path / "n.py").read_text() == "N = 2\n"
        assert not (workspace.path / "run.sh").exists()
        (workspace.path / "n.py").write_text("N = 3\n")
        (workspace.path / "run.sh").write_text("back\n")

        changes = taken(workspace.collect())

    assert changes["n.py"].old_digest == digest_of(b"N = 2\n")
    assert (changes["run.sh"].old_digest, list(changes)) == (None, ["n.py", "run.sh"])


def test_rival_prerequisites_are_refused_rather_than_one_lost(base: Base, tmp_path: Path) -> None:
    old = digest_of(b"A = 1\n")
    rivals = [Changeset((FileChange("pkg/a.py", old, f"A = {n}\n".encode()),)) for n in (2, 3)]

    with (
        pytest.raises(TreeError, match=r"pkg/a\.py.*merge them"),
        open_workspace(base, rivals, root=tmp_path / "w", name="x"),
    ):
        pass


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "", "a//b", ".git/hooks/pre-commit", "pkg/a.py/x"])
def test_a_changeset_cannot_write_outside_or_into_a_file(base: Base, tmp_path: Path, path: str) -> None:
    with (
        pytest.raises(TreeError),
        open_workspace(base, [Changeset((FileChange(path, None, b"x"),))], root=tmp_path / "w", name="x"),
    ):
        pass


def test_a_workspace_holds_only_what_was_asked_for(base: Base, tmp_path: Path) -> None:
    with open_workspace(base, [], root=tmp_path / "w", name="x", only=["pkg/*.py", "run.sh"]) as workspace:
        files = {path.name for path in workspace.path.rglob("*") if path.is_file() and ".git" not in path.parts}
        assert files == {"a.py", "long.py", "run.sh"}
        (workspace.path / "data.bin").write_bytes(BINARY)  # as in the base: no change
        (workspace.path / "pkg" / "a.py").unlink()

        assert list(taken(workspace.collect())) == ["pkg/a.py"]


def test_two_open_workspaces_do_not_share_a_place(base: Base, tmp_path: Path) -> None:
    def opened(name: str) -> Workspace:
        return workspaces.enter_context(open_workspace(base, [], root=tmp_path / "w", name=name))

    with ExitStack() as workspaces:
        places = {opened(str(number)).path for number in range(4)}

    assert len(places) == 4


def test_git_inside_a_workspace_works_and_leaves_the_users_repository_alone(base: Base, tmp_path: Path) -> None:
    if base.revision is None:
        pytest.skip("a directory has no repository")
    state = {path: path.read_bytes() for path in sorted((base.root / ".git").rglob("*")) if path.is_file()}
    with open_workspace(base, [], root=tmp_path / "w", name="x") as workspace:
        here = workspace.path
        (here / "n.py").write_text("N = 1\n")
        for command in (["add", "-A"], ["commit", "-qm", "mine"], ["branch", "b"], ["tag", "t"], ["gc", "-q"]):
            subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *command], cwd=here, check=True)
        assert list(taken(workspace.collect())) == ["n.py"]

    assert {path: path.read_bytes() for path in sorted((base.root / ".git").rglob("*")) if path.is_file()} == state
    with open_workspace(base, [], root=tmp_path / "w", name="y") as workspace:
        log = subprocess.run(
            ["git", "log", "--oneline"], cwd=workspace.path, check=True, capture_output=True, text=True
        )
        status = subprocess.run(["git", "status", "--short"], cwd=workspace.path, check=True, capture_output=True)

    assert len(log.stdout.splitlines()) == 1
    assert status.stdout == b""


@pytest.fixture(params=["directory", "revision"])
def with_apart(request: pytest.FixtureRequest, tmp_path: Path) -> Base:
    """A repository with a submodule `vendor/lib` and links of which three lead out."""

    def git(place: Path, *args: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"]
        subprocess.run(["git", *identity, *args], cwd=place, check=True, capture_output=True)

    for name in ("lib", "repo", "outside"):
        (tmp_path / name).mkdir()
    for name in ("lib", "repo"):
        (tmp_path / name / "a.py").write_text("A = 1\n")
        git(tmp_path / name, "init", "-q")
        git(tmp_path / name, "add", "-A")
        git(tmp_path / name, "commit", "-qm", "one")
    repo = tmp_path / "repo"
    git(repo, "submodule", "add", "-q", str(tmp_path / "lib"), "vendor/lib")
    links = {"far": str(tmp_path / "outside"), "up": "../outside", "by": "up/x", "near": "a.py", "round": "round"}
    for name, target in links.items():
        (repo / name).symlink_to(target)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "two")
    return Base.of_directory(repo) if request.param == "directory" else Base.of_revision(repo, "HEAD")


def test_what_leads_out_of_the_tree_is_not_in_a_workspace(with_apart: Base, tmp_path: Path) -> None:
    assert (with_apart.submodules, with_apart.leaving) == (("vendor/lib",), ("by", "far", "up"))
    assert "'vendor/lib'" in with_apart.notes[0] and "'by', 'far', 'up'" in with_apart.notes[1]
    for _ in range(2):  # a slot that is used again has them too
        with open_workspace(with_apart, [], root=tmp_path / "w", name="one") as workspace:
            there = {path.name for path in workspace.path.iterdir()}
            assert there >= {"near", "round", "vendor"} and not there & {"by", "far", "up"}
            assert list((workspace.path / "vendor" / "lib").iterdir()) == []
            assert workspace.collect() == Changeset()


@pytest.mark.parametrize("path", ["far/new", "vendor/lib/l.py", "up"])
def test_nothing_is_written_where_the_tree_leads_out(path: str, with_apart: Base, tmp_path: Path) -> None:
    with open_workspace(with_apart, [], root=tmp_path / "w", name="one") as workspace:
        (workspace.path / path).parent.mkdir(exist_ok=True)
        (workspace.path / path).write_text("x")
        found = workspace.collect()

    assert isinstance(found, Refused) and path in found.reason and "submodule or a link" in found.reason
    assert list((tmp_path / "outside").iterdir()) == []
