"""Where a run writes, and what of a section is copied there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.engine.claims import Claims
from ptx_prefect.engine.output import copy_sections, open_output
from ptx_prefect.errors import SpecError, TreeError
from ptx_prefect.preflight import check_task
from ptx_prefect.run.outcomes import Done
from ptx_prefect.run.records import SectionRecord
from ptx_prefect.settings import Settings
from ptx_prefect.spec import TaskSpec, parse_spec
from ptx_prefect.tree.ours import MARK


def task_in(workdir: Path, **more: Any) -> TaskSpec:
    main_task = {"description": "d", "components": [{"name": "a", "worker": {"kind": "command", "argv": ["true"]}}]}
    return parse_spec({"task_id": "t", "mode": "sectioning", "workdir": str(workdir), "main_task": main_task, **more})


def test_a_directory_with_files_of_the_user_takes_no_reports(tmp_path: Path) -> None:
    for name in ("sections/mine.txt", "review/mine.txt", "report.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")

    with Claims(tmp_path / "state") as claims, pytest.raises(TreeError, match="holds files that no run wrote"):
        open_output(task_in(tmp_path, output_dir="."), claims)
    with pytest.raises(SpecError, match="name a new one") as told:
        check_task(task_in(tmp_path, output_dir="."), Settings())
    assert list(told.value.mistakes) == ["output_dir"]
    assert [path.read_text() for path in tmp_path.rglob("mine.txt")] == ["mine", "mine"]


def test_a_directory_with_other_files_takes_reports_unless_sections_work_on_it(tmp_path: Path) -> None:
    (tmp_path / "project" / "notes").mkdir(parents=True)
    (tmp_path / "project" / "notes" / "task.json").write_text("{}")

    check_task(task_in(tmp_path, output_dir="project/notes"), Settings())
    with Claims(tmp_path / "state") as claims:
        open_output(task_in(tmp_path, output_dir="project/notes"), claims)
    (tmp_path / "project" / "notes" / MARK).unlink()
    with pytest.raises(SpecError, match=r"holds files that no run wrote \(task\.json\)"):
        check_task(task_in(tmp_path, output_dir="project/notes", base="project"), Settings())


def test_two_runs_of_one_task_do_not_write_over_each_other(tmp_path: Path) -> None:
    task = task_in(tmp_path, output_dir="out")
    with Claims(tmp_path) as first, Claims(tmp_path) as second:
        places = [open_output(task, claims).name for claims in (first, second)]

    assert places == ["out", "out-2"]
    with Claims(tmp_path) as third:
        assert open_output(task, third).name == "out"


def test_files_of_sections_are_copied_without_what_the_store_keeps_for_itself(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    (kept / "deep").mkdir(parents=True)
    for name in ("log.txt", "result.json", ".result-new", "deep/junit.xml"):
        (kept / name).write_text(name)
    names = ("A b", "a/b", "..")
    records = {name: SectionRecord(name, Done(), 1, 0.0, 1.0, 1.0, False, "k", directory=str(kept)) for name in names}

    found = copy_sections(records, tmp_path / "out")

    assert [Path(place).name for place in found.values()] == ["A-b", "a-b-2", "task"]
    copied = {path.relative_to(found["A b"]).as_posix() for path in Path(found["A b"]).rglob("*") if path.is_file()}
    assert copied == {"log.txt", "deep/junit.xml"}
