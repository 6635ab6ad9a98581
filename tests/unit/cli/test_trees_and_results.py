"""What `ptx merge`, `cache`, `plan` and mistaken votes print to the person who typed them, and the exit code."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ptx_prefect.cli import main
from ptx_prefect.engine.store import Store
from ptx_prefect.run.outcomes import Done
from ptx_prefect.settings import state_dir

START = {"app.py": "def greet(name):\n    return name\n", "old.txt": "old\n", "run.sh": "echo\n"}


@pytest.fixture
def trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A base and two copies, in a directory that is the working directory too."""
    monkeypatch.chdir(tmp_path)
    for tree in ("base", "one", "two"):
        (tmp_path / tree).mkdir()
        for name, text in START.items():
            (tmp_path / tree / name).write_text(text)
    return tmp_path


def test_changed_copies_become_one_tree(trees: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (trees / "one" / "new.txt").write_text("new\n")
    (trees / "one" / "run.sh").chmod(0o755)
    (trees / "two" / "old.txt").unlink()

    assert main(["merge", "base", "one", "two", "-o", "merged"]) == 0
    assert capsys.readouterr().out == "merged: 3 changed files, 0 places merged\n"
    assert {file.name for file in (trees / "merged").iterdir()} == {"app.py", "new.txt", "run.sh"}
    assert os.access(trees / "merged" / "run.sh", os.X_OK)
    assert (trees / "one" / "old.txt").exists()


def test_what_is_at_odds_is_named_and_stands_there_with_markers(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for tree, word in (("one", "hello"), ("two", "moin")):
        (trees / tree / "app.py").write_text(START["app.py"].replace("return name", f"return '{word} ' + name"))

    assert main(["merge", "base", "one", "two", "-o", "merged"]) == 1
    assert "  review app.py, line" in capsys.readouterr().out
    assert "<<<<<<< one" in (trees / "merged" / "app.py").read_text()


def test_a_merge_can_be_read_by_programs(trees: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for tree, line in (("one", "import os\n"), ("two", "import sys\n")):
        (trees / tree / "app.py").write_text(line + START["app.py"])

    assert main(["merge", "base", "one", "two", "-o", "merged", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["conflicts"] == []
    assert [row["kind"] for row in told["resolutions"]] == ["import"]


def test_a_directory_that_is_there_already_is_changed_only_by_who_published_it(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (trees / "merged").mkdir()
    (trees / "merged" / "mine.txt").write_text("mine\n")

    assert main(["merge", "base", "one", "two", "-o", "merged"]) == 1
    assert "merged" in capsys.readouterr().err
    assert (trees / "merged" / "mine.txt").read_text() == "mine\n"


def keep(letter: str, *, days_ago: float) -> None:
    store = Store(state_dir())
    place = store.directory(letter * 64)
    (place / "log.txt").write_text("x" * 100_000)
    store.put(letter * 64, Done(letter), section=letter, parts={})
    then = time.time() - days_ago * 86400
    for path in [*place.iterdir(), place]:
        os.utime(path, (then, then))


def test_kept_results_are_listed_counted_and_pruned(capsys: pytest.CaptureFixture[str]) -> None:
    keep("a", days_ago=1)
    keep("b", days_ago=9)

    assert main(["cache", "list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["a" * 12, "b" * 12]
    assert rows[1].split()[-1] == "b"
    assert main(["cache", "size"]) == 0
    assert capsys.readouterr().out == "2 result(s), 0.2 MB\n"
    assert main(["cache", "prune", "--older-than", "5"]) == 0
    assert capsys.readouterr().out == "removed 1 result(s), 0.1 MB\n"
    assert main(["cache", "prune", "--keep", "0"]) == 0
    assert Store(state_dir()).keys() == []


def test_pruning_wants_to_be_told_what(capsys: pytest.CaptureFixture[str]) -> None:
    keep("a", days_ago=100)

    assert main(["cache", "prune"]) == 2
    assert "--older-than DAYS, --keep MB" in capsys.readouterr().err
    assert Store(state_dir()).keys() == ["a" * 64]


@pytest.mark.parametrize(
    ("form", "begin"), [("--dot", "digraph"), ("--mermaid", "flowchart"), ("--svg", "<svg"), ("--json", "{")]
)
def test_a_plan_is_drawn_in_every_form(
    small_task: Path, form: str, begin: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(small_task), form]) == 0
    told = capsys.readouterr().out
    assert begin in told.split("\n", 1)[0] and "only" in told


def test_impact_is_for_tests(small_task: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(small_task), "--impacted-by", "HEAD"]) == 2
    assert "is for tasks of level 'test'" in capsys.readouterr().err


def test_a_vote_is_no_task_for_run_flags_and_a_section_task_no_vote(
    small_task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["vote", str(small_task)]) == 2
    assert "`ptx run` runs it" in capsys.readouterr().err
    assert main(["vote", str(small_task), str(small_task)]) == 2
    assert "candidate programs with --entry-point" in capsys.readouterr().err
    assert main(["vote", str(small_task), "--entry-point", "f", "--aggregation", "weigted_score"]) == 2
    assert "did you mean 'weighted_score'" in capsys.readouterr().err
    assert main(["vote", "gone.py", "--entry-point", "f"]) == 2
    assert "gone.py" in capsys.readouterr().err


def test_nothing_to_roll_back_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "no-such-run"]) == 1
    assert "no-such-run" in capsys.readouterr().err


def test_a_second_form_of_output_beside_the_first_is_a_mistake(
    small_task: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(small_task), "--json", "--jsonl"]) == 2
    assert "keep one" in capsys.readouterr().err
