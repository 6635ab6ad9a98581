"""Sections that change a tree: private workspaces, one merged result, published or not at all."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect import RunError, sectioning

APP = """import os


def home():
    return os.path.sep


def name():
    return "app"


def last():
    return 0
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "app.py").write_text(APP)
    (root / "util.py").write_text("def helper():\n    return 1\n")
    for args in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *args], cwd=root, check=True)
    monkeypatch.chdir(tmp_path)
    return root


def edit(name: str, *scripts: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "worker": {"kind": "command", "argv": ["sh", "-c", " && ".join(scripts)]}, **keys}


def task(*components: dict[str, Any], **keys: Any) -> dict[str, Any]:
    main_task = {"description": "change", "components": list(components)}
    return {"task_id": "t", "mode": "sectioning", "main_task": main_task, **keys}


IMPORT_JSON = edit("json", "sed -i 's/^import os/import json\\nimport os/' app.py", "echo 'X = json' >> app.py")
IMPORT_SYS = edit(
    "sys", "sed -i 's/^import os/import os\\nimport sys/' app.py", "sed -i 's/\"app\"/sys.argv[0]/' app.py"
)


def test_what_sections_changed_is_merged_into_a_directory_and_the_base_stays(repository: Path) -> None:
    report = sectioning(task(IMPORT_JSON, IMPORT_SYS, base=str(repository), merged_output="merged"))

    merged = Path("merged/app.py").read_text()
    assert report["status"] == "success"
    assert "import json\nimport os\nimport sys\n" in merged and "X = json" in merged and "sys.argv[0]" in merged
    assert (repository / "app.py").read_text() == APP
    assert report["results"]["conflicts_resolved"] >= 1
    assert report["results"]["merged_output"].endswith("merged")


def test_a_branch_gets_one_commit_a_section_and_the_work_tree_stays(repository: Path) -> None:
    new = edit("new", "echo 'Y = 1' > new.py", depends_on=["json"])

    report = sectioning(
        task(IMPORT_JSON, new, base={"path": str(repository), "revision": "HEAD"}, merged_output={"branch": "ptx/t"})
    )

    def git(*args: str) -> str:
        return subprocess.run(["git", *args], cwd=repository, capture_output=True, text=True, check=True).stdout

    assert report["status"] == "success"
    assert len(git("log", "--format=%s", "main..ptx/t").splitlines()) == 2
    assert git("show", "ptx/t:new.py") == "Y = 1\n" and git("status", "--porcelain") == ""


def test_a_conflict_is_never_merged_silently(repository: Path) -> None:
    one = edit("one", 'sed -i \'s/"app"/"one"/\' app.py')
    two = edit("two", 'sed -i \'s/"app"/"two"/\' app.py')

    with pytest.raises(RunError) as caught:
        sectioning(task(one, two, base=str(repository), merged_output="merged"))

    report: Any = caught.value.report
    review = report["results"]["manual_review_required"]
    assert review and review[0]["path"] == "app.py" and set(review[0]["sections"]) == {"one", "two"}
    assert '"one"' in Path("merged/app.py").read_text() and "<<<<" not in Path("merged/app.py").read_text()
    assert '"two"' in (Path("ptx-output/t/review/two") / "app.py").read_text()


def test_a_section_that_breaks_the_checks_is_ejected_and_the_rest_lands(repository: Path) -> None:
    bad = edit("bad", "echo 'def broken(:' >> util.py")
    good = edit("good", "echo 'GOOD = 1' >> app.py")
    check = ["python3", "-c", "import app, util"]

    with pytest.raises(RunError) as caught:
        sectioning(task(bad, good, base=str(repository), merged_output="merged", validate=[check]))

    report: Any = caught.value.report
    assert [row["section"] for row in report["results"]["validation"]["ejected"]] == ["bad"]
    ends = {row["name"]: row["status"] for row in report["results"]["completed_sections"]}
    assert ends == {"bad": "ejected", "good": "success"} and report["status"] == "partial"
    assert "GOOD" in Path("merged/app.py").read_text() and "broken" not in Path("merged/util.py").read_text()


def test_edits_outside_declared_writes_are_refused_by_name(repository: Path) -> None:
    with pytest.raises(RunError) as caught:
        sectioning(task(edit("a", "echo x >> util.py", writes=["app.py"]), base=str(repository)))

    report: Any = caught.value.report
    assert "util.py" in report["results"]["unfinished_sections"][0]["reason"]


def test_a_section_starts_from_what_its_prerequisites_changed(repository: Path) -> None:
    first = edit("first", "echo 'A = 1' >> util.py")
    second = edit("second", "grep -q 'A = 1' util.py", "echo 'B = A' >> util.py", depends_on=["first"])

    report = sectioning(task(first, second, base=str(repository), merged_output="merged"))
    again = sectioning(task(first, second, base=str(repository), merged_output="merged"))

    assert report["status"] == again["status"] == "success"
    assert Path("merged/util.py").read_text().endswith("A = 1\nB = A\n")
    assert again["execution_summary"]["reused_sections"] == 2


def test_file_level_works_on_a_tree_and_a_second_run_does_nothing(repository: Path) -> None:
    spec = task(base=str(repository), merged_output={"patches": "patches"})
    spec["main_task"] = {"description": "add a line", "level": "file"}
    spec["worker"] = {"kind": "command", "argv": ["sh", "-c", 'for f; do echo "# seen" >> "$f"; done', "sh", "{files}"]}

    first = sectioning(spec)
    again = sectioning(spec)

    assert first["status"] == "success" and first["execution_summary"]["total_subtasks"] == 2
    assert len(list(Path("patches").glob("*.patch"))) == 2
    assert again["execution_summary"]["reused_sections"] == 2
