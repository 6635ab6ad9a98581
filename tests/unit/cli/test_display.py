"""What a run shows while it goes on, on a terminal and elsewhere, and its last words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.cli.display import Display, result_text
from ptx_prefect.engine.store import KeptDone
from ptx_prefect.run.outcomes import Done, Failed, Skipped, Usage
from ptx_prefect.run.records import Event

EVENTS = (
    Event("run_started", 0.0, detail="3 sections"),
    Event("section_started", 0.1, "one"),
    Event("section_started", 0.1, "two"),
    Event("section_retry", 0.2, "two", "exit code 1; again in 1 s"),
    Event("section_finished", 0.3, "one", outcome=Done(1)),
    Event("section_reused", 0.3, "three", outcome=Done(3)),
    Event("pool_changed", 0.4, detail="2 at once: the machine is busy"),
    Event("note", 0.4, "two", "waits for memory"),
    Event("section_finished", 0.5, "two", "[bold] exit code 1", outcome=Failed("exit code 1", "exit_code")),
    Event("run_finished", 0.6),
)


def shown(capsys: pytest.CaptureFixture[str], *, quiet: bool = False) -> str:
    with Display("the task", quiet=quiet) as display:
        display.say("starting Prefect")
        for event in EVENTS:
            display(event)
    return capsys.readouterr().err


def test_a_large_result_that_lies_in_the_store_is_done_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    kept = KeptDone(lambda: Done(1), usage=Usage(), log=None)
    with Display("the task") as display:
        display(Event("section_finished", 0.3, "one", outcome=kept))

    assert "done    one" in capsys.readouterr().err


def test_a_pipe_gets_one_line_for_each_event_that_matters(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [re.sub(r"^ *[\d.]+s +", "", line) for line in shown(capsys).splitlines()]

    assert lines == [
        "starting Prefect",
        "again   two: exit code 1; again in 1 s",
        "done    one",
        "reused  three",
        "note    2 at once: the machine is busy",
        "note    two: waits for memory",
        "FAILED  two: [bold] exit code 1",
    ]


def test_a_program_that_reads_the_report_gets_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys, quiet=True) == ""


def test_a_terminal_gets_the_lines_and_a_table_that_goes_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "100")
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown(capsys))

    assert "the task" in text
    assert "done    one" in text and "FAILED  two: [bold] exit code 1" in text


def test_what_was_skipped_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with Display("t") as display:
        display(Event("section_finished", 1.0, "late", "needs one", outcome=Skipped("one")))

    assert "FAILED" not in capsys.readouterr().err


def report(**results: Any) -> dict[str, Any]:
    return {
        "task_id": "t",
        "status": "success",
        "execution_summary": {
            "total_subtasks": 3, "reused_sections": 1, "execution_time": "4s", "speedup_factor": 2.5,
            "workers_used": 3, "bound_ratio": 1.1,
        },
        "results": {"completed_sections": [{}, {}], **results},
        "performance_metrics": {"worker_utilization": 0.9},
        "artifacts": {"report": f"{Path.cwd()}/out/report.json", "log": "hidden"},
        "next_steps": ["Look at it"],
    }  # fmt: skip


def test_the_last_words_are_verdict_numbers_places_and_what_to_do() -> None:
    assert result_text(report()).splitlines() == [
        "t: success",
        "  2 of 3 sections, 1 reused, in 4s",
        "  speed-up 2.5x on 3 workers, busy 90% of the time, 1.1x the bound",
        "  report: out/report.json",
        "next:",
        "  - Look at it",
    ]


def test_a_suite_tells_its_counts_and_files() -> None:
    text = result_text(report(tests={"passed": 3, "failed": 0, "skipped": 1, "junit": "out/junit.xml"}))

    assert "  tests: 3 passed, 1 skipped\n  junit: out/junit.xml\n" in text


def test_a_vote_tells_its_ranking_with_totals_and_who_was_gated_out() -> None:
    decision = {
        "winner": "b", "agreement_share": 0.6, "totals": {"b": 26.0}, "ranking": ["b", "a"], "gated_out": ["a"],
    }  # fmt: skip
    text = result_text(report(decision=decision))

    assert "  winner: b  (agreement 60%)\n  1. b  26.00\n  2. a  (gated out)\n" in text
