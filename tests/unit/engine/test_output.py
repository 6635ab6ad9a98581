"""Where a run writes, and what of a section is copied there."""

from __future__ import annotations

from pathlib import Path

from ptx_prefect.engine.claims import Claims
from ptx_prefect.engine.output import copy_sections, open_output
from ptx_prefect.run.outcomes import Done
from ptx_prefect.run.records import SectionRecord


def test_two_runs_of_one_task_do_not_write_over_each_other(tmp_path: Path) -> None:
    wanted = str(tmp_path / "out")
    with Claims(tmp_path) as first, Claims(tmp_path) as second:
        places = [open_output("t", wanted, claims).name for claims in (first, second)]

    assert places == ["out", "out-2"]
    with Claims(tmp_path) as third:
        assert open_output("t", wanted, third).name == "out"


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
