"""The git merge driver, with real git in a real repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptx_prefect.errors import MergeError
from ptx_prefect.merge import driver

ROOT = Path(__file__).parents[3]
BASE = "import json\nimport os\n\n\ndef load(path):\n    return json.loads(os.fspath(path))\n"


def git(repo: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "PYTHONPATH": str(ROOT),
    }
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *who, *args], cwd=repo, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def repository(folder: Path, ours: str, theirs: str) -> Path:
    """Two branches that both changed a.py; on ``main``, the driver installed with this very Python."""
    git(folder, "init", "-q", "-b", "main")
    file = folder / "a.py"
    for branch, text, start in (("main", BASE, None), ("theirs", theirs, "main"), ("ours", ours, "main")):
        git(folder, "checkout", "-q", "-b", branch, *([start] if start else []))
        file.write_text(text)
        git(folder, "add", "a.py")
        git(folder, "commit", "-qm", branch)
    driver.install(folder)
    return folder


def test_an_import_block_on_which_git_conflicts_merges_clean_through_the_driver(tmp_path: Path) -> None:
    ours, theirs = (
        BASE.replace("import os\n", "import os\nimport re\n"),
        BASE.replace("import os\n", "import os\nimport sys\n"),
    )
    repo = repository(tmp_path, ours, theirs)

    merge = git(repo, "merge", "-q", "theirs", "-m", "merge")

    assert merge.returncode == 0, merge.stdout + merge.stderr
    assert (repo / "a.py").read_text() == BASE.replace("import os\n", "import os\nimport re\nimport sys\n")


def test_a_real_conflict_leaves_markers_that_name_the_definition(tmp_path: Path) -> None:
    repo = repository(tmp_path, BASE.replace("json.loads(", "ours("), BASE.replace("json.loads(", "theirs("))

    merge = git(repo, "merge", "-q", "theirs", "-m", "merge")

    assert merge.returncode == 1
    assert "<<<<<<< ours in load\n" in (repo / "a.py").read_text()
    assert git(repo, "status", "--porcelain").stdout.startswith("UU a.py")


@pytest.mark.parametrize("command", ["/nowhere/python", "false"], ids=["no such program", "it fails"])
def test_where_ptx_cannot_run_git_merges_by_lines(tmp_path: Path, command: str) -> None:
    ours, theirs = "import re\n" + BASE, BASE + "\n\nLIMIT = 3\n"
    repo = repository(tmp_path, ours, theirs)
    installed = git(repo, "config", "merge.ptx.driver").stdout.strip()
    git(repo, "config", "merge.ptx.driver", installed.replace(sys.executable, command, 1))

    merge = git(repo, "merge", "-q", "theirs", "-m", "merge")

    assert merge.returncode == 0, merge.stdout + merge.stderr
    assert (repo / "a.py").read_text() == "import re\n" + BASE + "\n\nLIMIT = 3\n"


def test_modules_at_the_top_of_the_repository_do_not_stand_in_for_the_standard_librarys(tmp_path: Path) -> None:
    repo = repository(
        tmp_path,
        BASE.replace("import os\n", "import os\nimport re\n"),
        BASE.replace("import os\n", "import os\nimport sys\n"),
    )
    (repo / "ast.py").write_text("raise SystemExit(1)\n")

    assert git(repo, "merge", "-q", "theirs", "-m", "merge").returncode == 0


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"cannot read .*base.* give three files"):
        driver.run(tmp_path / "base", tmp_path / "ours", tmp_path / "theirs", path="a.py")


def test_install_twice_and_uninstall_leave_other_attributes_alone(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    attributes = tmp_path / ".gitattributes"
    attributes.write_text("*.png binary\n")

    driver.install(tmp_path, local=False)
    driver.install(tmp_path, local=False)
    assert attributes.read_text() == "*.png binary\n*.py merge=ptx\n*.pyi merge=ptx\n"
    assert "merge-file" in git(tmp_path, "config", "merge.ptx.driver").stdout

    driver.uninstall(tmp_path)
    assert attributes.read_text() == "*.png binary\n"
    assert git(tmp_path, "config", "merge.ptx.driver").stdout == ""


def test_install_outside_a_repository_says_so(tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="git repository"):
        driver.install(tmp_path)


def test_whatever_goes_wrong_in_the_driver_the_file_ends_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / name for name in ("base", "ours", "theirs")]
    for file, text in zip(files, (BASE, BASE + "a = 1\n", "b = 2\n" + BASE), strict=True):
        file.write_text(text)

    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("out of order")

    monkeypatch.setattr(driver, "merge_file", broken)

    assert driver.run(*files, path="a.py") == 1
    assert files[1].read_text() == "b = 2\n" + BASE + "a = 1\n"


def test_the_driver_starts_without_the_heavy_packages() -> None:
    heavy = "('prefect', 'networkx', 'libcst')"
    code = f"import sys, ptx_prefect.merge.driver; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
