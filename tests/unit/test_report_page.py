"""The report's page and timeline: readable, linked, and not to be broken by what workers call themselves."""

from __future__ import annotations

from xml.etree import ElementTree

from ptx_prefect.engine.report_page import report_page
from ptx_prefect.engine.timeline import MAX_ROWS, timeline_svg, timeline_text
from ptx_prefect.report import ExecutionSummary, PerformanceMetrics, Report, Results, SectionResult

BARS = (
    {"section": "back <end>", "worker": 0, "start_s": 0.0, "end_s": 2.0, "status": "success"},
    {"section": "front", "worker": 1, "start_s": 0.5, "end_s": 1.0, "status": "failed"},
)


def report(*names: str, bars: tuple[dict[str, object], ...] = BARS, review: tuple[object, ...] = ()) -> Report:
    return Report(
        task_id="a | b",
        status="partial",
        execution_summary=ExecutionSummary(
            total_subtasks=len(names),
            parallel_executions=2,
            execution_time="2.0s",
            speedup_factor=None,
            workers_used=2,
            sync_points=0,
            execution_seconds=2.0,
            sequential_seconds=2.5,
            bound_seconds=2.0,
            bound_ratio=1.0,
            reused_sections=0,
        ),
        results=Results(
            mode="sectioning",
            completed_sections=tuple(SectionResult(name=name, status="success", seconds=1.0) for name in names),
            manual_review_required=review,
        ),
        performance_metrics=PerformanceMetrics(
            worker_utilization=0.5,
            avg_task_time="1s",
            critical_path_time="2s",
            avg_task_seconds=1.0,
            critical_path_seconds=2.0,
            timeline=bars,
        ),
        next_steps=("Nothing is left to do",),
    )


def test_a_section_links_to_its_task_run() -> None:
    page = report_page(report("back", "front"), {"back": "1-2-3"})

    assert "[back](/runs/task-run/1-2-3)" in page
    assert "| front |" in page


def test_names_cannot_break_the_page() -> None:
    page = report_page(report("x](http://evil) | <b>", "two\nlines"), {"x](http://evil) | <b>": "1"})

    assert "](http://evil)" not in page and "<b>" not in page and "two lines" in page
    assert "a \\| b" in page


def test_a_conflict_is_told_in_words() -> None:
    row = {"class": "file", "path": "app.py", "place": "lines 3-5", "reason": "both", "sections": ("a", "b")}

    assert "**app.py**, lines 3-5 (file; a, b): both" in report_page(report("a", review=(row,)), {})


def test_the_picture_is_svg_with_a_bar_for_each_section() -> None:
    root = ElementTree.fromstring(timeline_svg(BARS))

    titles = [element.text for element in root.iter() if element.tag.endswith("title")]
    assert titles == ["back <end>: 2.00 s, success", "front: 0.50 s, failed"]


def test_text_and_picture_are_bounded_and_empty_where_nothing_ran() -> None:
    many = tuple({**BARS[0], "section": f"s{index}", "worker": index} for index in range(5000))

    assert timeline_svg(()) == timeline_text(()) == ""
    assert len(timeline_svg(many)) < 60_000
    assert len(timeline_text(many).splitlines()) == MAX_ROWS + 1


def test_a_run_too_short_to_measure_is_drawn() -> None:
    assert "<svg" in timeline_svg(({**BARS[0], "end_s": 0.0},))
