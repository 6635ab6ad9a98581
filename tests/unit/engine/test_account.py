"""What the report says of workers and attempts is what was used, not what was on offer."""

from __future__ import annotations

from pathlib import Path

from ptx_prefect.engine.account import Aggregated, Measured, make_report, performance_of, summary_of
from ptx_prefect.plan.make import finish_plan, make_plan
from ptx_prefect.plan.plan import Section
from ptx_prefect.run.outcomes import Done, Failed
from ptx_prefect.run.records import Attempt, SectionRecord
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec


def test_a_worker_without_work_is_not_counted_as_used() -> None:
    record = SectionRecord("one", Done(), 1, 0.0, 10.0, 10.0, False, "k", worker=0)
    measured = Measured(wall_s=11.0, dispatch_s=10.0, workers=2, most_at_once=1)

    summary = summary_of([record], measured, total=1, sync_points=1, critical_s=10.0)

    assert (summary.workers_used, summary.parallel_executions) == (1, 1)
    assert performance_of([record], measured, critical_s=10.0).worker_utilization == 1.0


def test_what_was_spent_waiting_for_a_person_slows_nothing_down() -> None:
    record = SectionRecord("one", Done(), 1, 0.0, 10.0, 10.0, False, "k", worker=0)
    measured = Measured(wall_s=610.0, dispatch_s=10.0, workers=1, most_at_once=1, waited_s=600.0)

    summary = summary_of([record], measured, total=1, sync_points=1, critical_s=10.0)

    assert (summary.speedup_factor, summary.execution_seconds) == (1.0, 610.0)


def test_every_attempt_has_a_bar_of_its_own() -> None:
    earlier = (Attempt(Failed("no"), 0.0, 5.0, 0), Attempt(Failed("no"), 6.0, 11.0, 1))
    record = SectionRecord("one", Done(), 3, 13.0, 18.0, 15.0, False, "k", worker=0, earlier=earlier)
    other = SectionRecord("two", Done(), 1, 5.5, 6.5, 1.0, False, "k", worker=0)

    bars = performance_of([record, other], Measured(20, 18, 2, 2), critical_s=15.0).timeline

    assert [(bar["section"], bar["attempt"], bar["status"], bar["start_s"], bar["end_s"]) for bar in bars] == [
        ("one", 1, "failed", 0.0, 5.0),
        ("two", 1, "success", 5.5, 6.5),
        ("one", 2, "failed", 6.0, 11.0),
        ("one", 3, "success", 13.0, 18.0),
    ]


def test_a_run_for_which_nothing_was_selected_says_so_and_why() -> None:
    spec = SectioningSpec.model_validate({"task_id": "t", "main_task": {"description": "d", "level": "test"}})
    plan = finish_plan(spec, (), (), Settings(), level="test", notes=["the changes can reach 0 of 3 tests"])

    report = make_report(plan, {}, Measured(1, 1, 2, 0), Aggregated(), outputs={}, artifacts={})

    assert "nothing ran: the changes can reach 0 of 3 tests" in report.next_steps[0]
    assert "Nothing is left to do" not in report.next_steps


def test_a_suite_that_is_faster_without_us_is_told_so() -> None:
    spec = SectioningSpec.model_validate({"task_id": "t", "main_task": {"description": "d", "level": "test"}})
    rows = [Section(name, "", "pytest", {}, (), 60.0, 1.0, "counts") for name in ("a", "b")]
    plan = finish_plan(spec, rows, (), Settings(), level="test")
    records = {name: SectionRecord(name, Done(), 1, 0.0, 1.0, 1.0, False, "k", worker=0) for name in ("a", "b")}

    found = Aggregated(tests={"passed": 2, "seconds": 1.5})
    slow = make_report(plan, records, Measured(4, 1, 2, 2), found, outputs={}, artifacts={})
    fast = make_report(plan, records, Measured(2.5, 1, 2, 2), found, outputs={}, artifacts={})

    assert slow.next_steps[-1].startswith("Run pytest directly: these tests take 1.5 s one after the other, planning")
    assert not any("pytest directly" in step for step in fast.next_steps)


def test_a_section_that_was_helped_lasted_less_than_it_worked() -> None:
    record = SectionRecord("one", Done(), 1, 0.0, 10.0, 18.0, False, "k", worker=0)
    plan = finish_plan(
        SectioningSpec.model_validate({"task_id": "t", "main_task": {"description": "d", "level": "test"}}),
        [Section("one", "", "pytest", {}, (), 60.0, 1.0, "counts")],
        (),
        Settings(),
        level="test",
    )

    report = make_report(plan, {"one": record}, Measured(10, 10, 2, 1), Aggregated(), outputs={}, artifacts={})

    assert report.execution_summary.speedup_factor == 1.8
    assert report.performance_metrics.critical_path_seconds == 10.0


def test_hundreds_of_sections_with_one_trouble_do_not_bury_the_other_steps() -> None:
    names = [f"s{number:03}" for number in range(300)]
    spec = SectioningSpec.model_validate({"task_id": "t", "main_task": {"description": "d", "components": names}})
    plan = make_plan(spec.model_copy(update={"worker": "command"}), Settings(), state_dir=Path("/nowhere"))
    records = {name: SectionRecord(name, Failed("no"), 1, 0.0, 1.0, 1.0, False, "k", worker=0) for name in names[:200]}
    left_out = dict.fromkeys(names[200:], "the checks fail with it")

    report = make_report(plan, records, Measured(1, 1, 2, 1), Aggregated(left_out=left_out), outputs={}, artifacts={})

    assert report.next_steps[9:12] == (
        "Mend section 's009': no",
        "190 section(s) more failed; the report has each with its reason",
        "Run the same task again: what is finished is reused, only the rest runs",
    )
    assert report.next_steps[-1].startswith("90 section(s) more are not in the merged tree")
    assert len(report.next_steps) == 23
