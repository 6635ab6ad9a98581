"""What a worker is told that writes a synthesis."""

from __future__ import annotations

from ptx_prefect.vote.synthesis.written import MAX_SHOWN, shown_to_writer, why_not_written, writer_task
from ptx_prefect.vote.values import Candidate, Decision, Score, Timing

CANDIDATES = [Candidate(name, f"def f():\n    return {index // 2}\n") for index, name in enumerate("abcdefghijkl")]


def decided(**fields: object) -> Decision:
    values = {"winner": "b", "ranking": tuple("ba"), "agreement_share": 1.0, **fields}
    return Decision(**values)  # type: ignore[arg-type]


def test_the_best_of_the_winning_group_are_shown_each_text_once() -> None:
    decision = decided(ranking=tuple("lkbadefghij"), groups=(tuple("abdefghijk"), ("l",)))

    assert [one.name for one in shown_to_writer(decision, CANDIDATES)] == ["k", "b", "d", "e"]
    assert len(shown_to_writer(decision, CANDIDATES)) == MAX_SHOWN


def test_without_groups_the_ranking_decides_and_strangers_are_left_out() -> None:
    assert [one.name for one in shown_to_writer(decided(ranking=("ghost", "c", "a")), CANDIDATES)] == ["c", "a"]
    assert shown_to_writer(decided(ranking=()), CANDIDATES) == ()


def test_a_synthesis_that_nobody_would_score_is_not_asked_for() -> None:
    opinion = Score("a", "beauty", 5, 5, 5, source="judged")
    measured = Score("a", "performance", 5, 5, 5)

    assert why_not_written(decided(scores=(opinion, measured)), CANDIDATES[:1]) == "nobody would score it on beauty"
    assert why_not_written(decided(scores=(measured,)), ()) == "there is no winner to start from"
    assert why_not_written(decided(scores=(measured,)), CANDIDATES[:1]) == ""


def test_the_task_holds_each_candidate_with_what_was_measured_and_no_test() -> None:
    decision = decided(
        scores=(Score("a", "performance", 7.5, 7.5, 7.5, raw=0.25, unit="s"),),
        timings=(Timing("a", 0.3, 0.25), Timing("b", 9.0, 9.0, capped=True)),
        gate=(),
    )
    text = writer_task("Sum it.", "f", [CANDIDATES[0], CANDIDATES[2]], decision, ["performance", "memory"])
    parts = text.split("\n\n")

    assert parts[0] == "Sum it."
    assert parts[1].startswith("These programs solve the task and behave alike.")
    assert parts[2] == (
        "Candidate 'a': performance 7.5 of 10 (0.25 s), 0.25 s for the benchmark\n"
        "```python\ndef f():\n    return 0\n```"
    )
    assert parts[3] == "Candidate 'c'\n```python\ndef f():\n    return 1\n```"
    assert parts[4:] == [
        "Measured are: performance, memory.",
        "Answer with one Python program that defines 'f', in one code block.",
    ]
