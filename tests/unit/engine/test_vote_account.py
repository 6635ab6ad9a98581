"""What a vote reports and leaves behind."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from ptx_prefect.engine.account import Measured
from ptx_prefect.engine.vote_account import make_vote_report
from ptx_prefect.engine.vote_files import write_vote_files
from ptx_prefect.report import Report, report_markdown
from ptx_prefect.run.outcomes import Done, Failed
from ptx_prefect.run.records import SectionRecord
from ptx_prefect.vote.page import rationale_page
from ptx_prefect.vote.run import hold_vote, undecided
from ptx_prefect.vote.task import VoteTask
from ptx_prefect.vote.values import Candidate, Decision, GateResult

FIELD = [Candidate("plain", "Paris"), Candidate("../odd", "Rome"), Candidate("again", "paris.")]
MEASURED = Measured(wall_s=5.0, dispatch_s=5.0, workers=2, most_at_once=2, pool=({"at_s": 0.0, "workers": 2},))


def record(name: str, started_s: float, busy_s: float, outcome: Done | Failed | None = None) -> SectionRecord:
    return SectionRecord(name, outcome or Done(), 1, started_s, started_s + busy_s, busy_s, False, None, worker=0)


def reported(decision: Decision, *phases: tuple[SectionRecord, ...]) -> Report:
    names = [one.name for one in FIELD]
    return make_vote_report(
        "t", names, phases, MEASURED, asdict(decision), winner_path="out/winner.md", outputs={}, artifacts={}
    )


def decided(**changes: object) -> Decision:
    return hold_vote(FIELD, replace(VoteTask(), **changes))  # type: ignore[arg-type]


def test_judges_come_after_the_voters_that_they_wait_for() -> None:
    voters = (record("plain", 0.0, 2.0), record("../odd", 0.0, 3.0))
    report = reported(decided(), voters, (record("judge 1 on plain", 3.0, 1.5),))

    assert report.execution_summary.sync_points == 2
    assert report.performance_metrics.critical_path_seconds == 4.5
    assert [bar["start_s"] for bar in report.performance_metrics.timeline] == [0.0, 0.0, 3.0]
    assert report.performance_metrics.pool


def test_a_missed_quorum_makes_the_run_partial_and_is_the_first_thing_to_read() -> None:
    report = reported(decided(quorum=1.0))

    assert report.status == "partial"
    assert report.next_steps[0].startswith("The quorum of 100% was not reached")
    assert reported(decided(quorum=0.5)).status == "success"


def test_a_winner_that_passes_no_test_is_no_success() -> None:
    gate = (GateResult("plain", True, (False,), True),)
    report = reported(replace(decided(), gate=gate, warnings=("no candidate passes any visible test",)))

    assert report.status == "partial"
    assert report.next_steps[0] == "No candidate passes any visible test"


def test_where_all_voters_failed_there_is_a_report_that_names_them() -> None:
    decision = undecided([], VoteTask(absent={"plain": "no idea"}), "no voter gave a candidate")
    report = reported(decision, (record("plain", 0.0, 2.0, Failed("no idea", "exception")),))

    assert report.status == "failed"
    assert "Mend 'plain': no idea" in report.next_steps
    assert "no voter gave a candidate" in rationale_page(decision.rationale)


def test_judges_that_gave_no_scores_are_named_where_one_looks_first() -> None:
    decision = decided(rejected=("judge 1 on plain does not count: gave no score",), has_judges=True)

    assert "Judge 1 on plain does not count: gave no score" in reported(decision).next_steps


def test_a_key_of_the_task_keeps_its_spelling() -> None:
    decision = undecided(FIELD, VoteTask(), "main_task.setup: NameError")

    assert reported(decision).next_steps[0] == "main_task.setup: NameError"


def test_the_page_of_the_report_says_who_won_and_why() -> None:
    page = report_markdown(reported(decided()))

    assert "2 of 3 voters behave like plain" in page
    assert "| 3 | ../odd |" in page


def test_every_answer_is_kept_and_the_winner_beside(tmp_path: Path) -> None:
    (tmp_path / "winner.py").write_text("of an earlier vote")
    files = write_vote_files(decided(), FIELD, tmp_path, runs=False)

    assert files.winner is not None
    assert Path(files.winner).name == "winner.md"
    assert Path(files.winner).read_text() == "Paris"
    assert {name: Path(place).read_text() for name, place in files.candidates.items()} == {
        "plain": "Paris",
        "../odd": "Rome",
        "again": "paris.",
    }
    assert all(Path(place).parent == tmp_path / "candidates" for place in files.candidates.values())
    assert not (tmp_path / "winner.py").exists()


def test_a_winner_that_answers_nothing_is_no_success() -> None:
    silent = replace(decided(), groups=(("plain",), ("again",)), group_scores=(0.0, 0.0))

    assert reported(silent).status == "partial"
    tested = replace(silent, gate=(GateResult("plain", True, (True,), True),))
    assert reported(tested).status == "success"
