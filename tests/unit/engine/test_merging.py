"""What follows the sections: merged, checked, published or kept, and told without claiming more than happened."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ptx_prefect.engine.account import Aggregated, Measured, make_report
from ptx_prefect.engine.aggregate import aggregate
from ptx_prefect.errors import SpecError
from ptx_prefect.plan.make import make_plan
from ptx_prefect.preflight import check_task
from ptx_prefect.run.outcomes import Done, Failed, Outcome
from ptx_prefect.run.records import SectionRecord
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of

COMMAND = {"kind": "command", "argv": ["true"]}
JUNIT = (
    '<testsuites><testsuite name="s" tests="1"><testcase classname="t" name="a" time="0.1"/></testsuite></testsuites>'
)


def spec_of(place: Path, *components: dict[str, Any], **keys: Any) -> SectioningSpec:
    main_task = {"description": "d", "components": list(components)}
    task = {"task_id": "t", "mode": "sectioning", "main_task": main_task, "workdir": str(place)}
    spec = parse_spec(task | keys)
    assert isinstance(spec, SectioningSpec)
    return spec


def after_run(spec: SectioningSpec, place: Path, outcomes: dict[str, Outcome]) -> tuple[Aggregated, tuple[str, ...]]:
    """What comes of sections that ended like this, and the next steps of the report."""
    plan = make_plan(spec, Settings(), state_dir=place / "state")
    records = {name: SectionRecord(name, row, 1, 0.0, 1.0, 1.0, False, "k") for name, row in outcomes.items()}
    base = Base.of_directory(place / "base") if spec.base else None
    site = SimpleNamespace(state=place / "state", base=base)
    execution: Any = SimpleNamespace(
        plan=plan, records=records, site=site, scheduler=SimpleNamespace(outcomes=outcomes)
    )
    (place / "state").mkdir(exist_ok=True)
    (place / "out").mkdir(exist_ok=True)
    found = aggregate(spec, execution, place / "out")
    report = make_report(plan, records, Measured(1.0, 1.0, 1, 1), found, outputs={}, artifacts={})
    return found, report.next_steps


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "a.py").write_text("A = 1\n")
    return tmp_path


def adds(path: str, text: str = "x = 1\n") -> Done:
    return Done(changeset=Changeset((FileChange(path, None, text.encode()),)))


def test_tests_among_the_sections_do_not_keep_the_rest_from_being_merged(place: Path) -> None:
    (place / "junit.xml").write_text(JUNIT)
    tests = {"name": "tests", "worker": {"kind": "pytest", "args": []}}
    spec = spec_of(place, {"name": "one", "worker": COMMAND}, tests, base="base", merged_output="merged")

    found, steps = after_run(spec, place, {"one": adds("b.py"), "tests": Done({"junit": str(place / "junit.xml")})})

    assert found.tests is not None and found.tests["passed"] == 1
    assert (place / "merged" / "b.py").is_file() and found.published is not None
    run = found.published["run_id"]
    assert f"`ptx rollback {run}` undoes it" in steps[-1]


def test_a_patch_series_is_told_with_the_command_that_applies_it(place: Path) -> None:
    spec = spec_of(place, {"name": "one", "worker": COMMAND}, base="base", merged_output={"patches": "series"})

    _, steps = after_run(spec, place, {"one": adds("b.py")})

    assert f"(`git am {place / 'series'}/*.patch`)" in steps[-1]


@pytest.mark.parametrize("outcome", [Failed("no"), Done(changeset=Changeset())])
def test_no_merged_tree_is_claimed_where_nothing_was_published(outcome: Outcome, place: Path) -> None:
    found, steps = after_run(spec_of(place, {"name": "one", "worker": COMMAND}, base="base"), place, {"one": outcome})

    assert (found.merged_output, found.failures) == (None, ())
    assert "There is no merged tree" in steps[-1] and not any("Use the merged tree" in step for step in steps)


def test_checks_without_a_base_run_where_the_sections_worked(place: Path) -> None:
    checks = [["test", "-f", "made"], ["sh", "-c", "echo missing; exit 3"]]
    spec = spec_of(place, {"name": "one", "worker": COMMAND}, validate=checks)
    (place / "made").write_text("")

    found, _ = after_run(spec, place, {"one": Done({})})

    assert found.validation is not None
    assert [row["passed"] for row in found.validation["checks"]] == [True, False]
    assert "exit 3\nmissing" in found.failures[0]
    good, _ = after_run(
        spec_of(place, {"name": "one", "worker": COMMAND}, validate=checks[:1]), place, {"one": Done({})}
    )
    assert good.validation is not None and good.validation["passed"] and not good.failures


def test_why_a_check_fails_is_told_even_where_the_base_fails_it(place: Path) -> None:
    spec = spec_of(place, {"name": "one", "worker": COMMAND}, base="base", validate=[["./missing", "x"]])

    found, _ = after_run(spec, place, {"one": adds("b.py")})

    assert "mend the base first; ./missing x: cannot be started: No such file" in found.failures[0]


def test_a_check_without_its_program_is_told_before_the_run(place: Path) -> None:
    with pytest.raises(SpecError) as told:
        check_task(spec_of(place, {"name": "one", "worker": COMMAND}, validate=[["no-such-program"]]), Settings())

    assert told.value.mistakes == {"validate[0]": "there is no program 'no-such-program'; install it or check PATH"}


def test_what_was_left_out_is_kept_with_markers_and_deletions_are_told(place: Path) -> None:
    (place / "base" / "old.txt").write_text("old\n")
    old = digest_of(b"A = 1\n")
    first = Done(changeset=Changeset((FileChange("a.py", old, b"A = 2\n"),)))
    deletion = FileChange("old.txt", digest_of(b"old\n"), None)
    second = Done(changeset=Changeset((FileChange("a.py", old, b"A = 3\n"), deletion)))
    components = [{"name": name, "worker": COMMAND} for name in ("one", "two")]

    found, _ = after_run(spec_of(place, *components, base="base"), place, {"one": first, "two": second})

    kept = place / "out" / "review" / "two"
    assert list(found.left_out) == ["two"]
    assert (kept / "a.py").read_text() == "A = 3\n"
    assert "<<<<<<<" in (kept / "a.py.conflict").read_text()
    assert "section 'two', which was left out, would delete 'old.txt'" in found.notes
