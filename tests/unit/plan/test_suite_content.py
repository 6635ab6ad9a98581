"""The identity of a suite's surroundings changes with everything that a result can depend on, and with nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ptx_prefect.plan import suite_content
from ptx_prefect.plan.suite_content import Surroundings, content_of_suite


@pytest.fixture(params=["git", "no git"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "project"
    for name, text in {"src/modx.py": "x = 1\n", "tests/test_x.py": "import modx\n", "tests/data.txt": "1\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / ".gitignore").write_text("*.log\nbuilt/\n")
    if request.param == "git":
        git(root, "init", "-q")
        git(root, "add", "-A")
        git(root, "commit", "-qm", "first")
    return root


def git(root: Path, *args: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *args], cwd=root, check=True, capture_output=True)


def digest_of(root: Path, *, ours: tuple[Path, ...] = (), import_path: tuple[str, ...] = ()) -> str:
    around = Surroundings(str(root), str(root), (str(root / "tests"),), import_path)
    return content_of_suite(around, ours=ours).digest


@pytest.mark.parametrize(
    "path",
    ["src/modx.py", "src/new.py", "tests/data.txt", "tests/new.json", "tests/test_x.py", "pytest.ini", "built/fast.so"],
)
def test_every_file_of_the_project_counts(project: Path, path: str) -> None:
    before = digest_of(project)
    (project / path).parent.mkdir(exist_ok=True)
    (project / path).write_text("2\n")
    after = digest_of(project)
    (project / path).write_text("3\n")

    assert len({before, after, digest_of(project)}) == 3


def test_a_deleted_file_and_the_right_to_execute_count(project: Path) -> None:
    before = digest_of(project)
    (project / "src/modx.py").chmod(0o755)
    executable = digest_of(project)
    (project / "src/modx.py").unlink()

    assert len({before, executable, digest_of(project)}) == 3


def test_what_tools_and_runs_leave_behind_does_not_count(project: Path) -> None:
    state, output = project / "state", project / "reports"
    before = digest_of(project, ours=(state, output))
    for name in (
        "state/results/a.json",
        "reports/report.json",
        "ptx-output/t/junit.xml",
        "src/__pycache__/modx.pyc",
        ".pytest_cache/v/lastfailed",
        ".coverage",
        ".coverage.host.1.2",
        ".hypothesis/examples/a",
    ):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("left")

    assert digest_of(project, ours=(state, output)) == before


@pytest.mark.parametrize("project", ["git"], indirect=True)
def test_content_counts_not_whether_it_is_committed(project: Path) -> None:
    (project / "src/modx.py").write_text("x = 2\n")
    (project / "src/new.py").write_text("y = 1\n")
    changed = digest_of(project)
    git(project, "add", "-A")
    staged = digest_of(project)
    git(project, "commit", "-qm", "second")
    (project / "left.log").write_text("ignored")

    assert changed == staged == digest_of(project)


@pytest.mark.parametrize("project", ["git"], indirect=True)
def test_a_file_that_git_was_told_not_to_look_at_counts(project: Path) -> None:
    git(project, "update-index", "--skip-worktree", "tests/data.txt")
    before = digest_of(project)
    (project / "tests/data.txt").write_text("2\n")

    assert digest_of(project) != before


@pytest.mark.parametrize("project", ["git"], indirect=True)
def test_a_project_that_the_repository_around_it_ignores_counts_as_a_folder(project: Path) -> None:
    inner = project / "built" / "copy"
    (inner / "tests").mkdir(parents=True)
    (inner / "tests" / "data.txt").write_text("1")
    before = digest_of(inner)
    (inner / "tests" / "data.txt").write_text("2")

    assert digest_of(inner) != before


def test_an_installed_package_counts_as_a_whole_with_what_is_installed_beside_it(tmp_path: Path) -> None:
    site = tmp_path / "venv/lib/python3/site-packages"
    for name in ("pkg/core/tests/test_a.py", "pkg/other.py", "dep-1.0.dist-info/RECORD"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("1")
    around = Surroundings(str(tmp_path), str(tmp_path), (str(site / "pkg/core/tests"),), (str(site),))
    digests = [content_of_suite(around).digest]
    for name in ("pkg/other.py", "dep-1.0.dist-info/RECORD"):
        (site / name).write_text("2")
        digests.append(content_of_suite(around).digest)
    (tmp_path / "notes.txt").write_text("beside an installed package nothing of the working directory counts")

    assert len(set(digests)) == 3
    assert content_of_suite(around).digest == digests[-1]


@pytest.mark.parametrize("project", ["no git"], indirect=True)
def test_too_much_to_read_is_told_instead_of_guessed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite_content, "MAX_FILES", 2)
    found = content_of_suite(Surroundings(str(project), str(project), (str(project / "tests"),)))

    assert found.digest == "" and "more than 2 files" in found.unknown_because
