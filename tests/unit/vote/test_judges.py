"""Judges' scores and ballots."""

from __future__ import annotations

import pytest

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.judges import (
    Judgement,
    combine_judgements,
    judge_instruction,
    judgements_from,
)
from ptx_prefect.vote.rules import weighted_score


def judged(**judges):
    return [
        Judgement(judge, candidate, "clarity", score)
        for judge, row in judges.items()
        for candidate, score in row.items()
    ]


def test_one_judge_cannot_decide():
    result = combine_judgements(judged(x={"a": 6, "b": 5}, y={"a": 7, "b": 5}, bribed={"a": 0, "b": 10}))

    assert {score.candidate: score.value for score in result.scores} == {"a": 6, "b": 5}
    assert {score.source for score in result.scores} == {"judged"}


def test_with_five_judges_bounds_are_the_medians_without_any_one_of_them():
    score = combine_judgements(
        judged(**{name: {"a": n} for name, n in zip("vwxyz", (1, 2, 4, 9, 9), strict=True)})
    ).scores[0]

    assert (score.low, score.value, score.high) == (3, 4, 6.5)


def test_of_three_judges_two_decide():
    rows = judged(x={"quick": 1, "plain": 9}, y={"quick": 1, "plain": 9}, z={"quick": 9, "plain": 1})
    ranked = weighted_score(combine_judgements(rows).scores, prefer=("quick", "plain"))

    assert (ranked.order, ranked.tied) == (("plain", "quick"), ())


def test_judges_at_odds_leave_a_tie_in_which_the_higher_total_comes_first():
    scores = {"v": (1, 9), "w": (1, 9), "x": (9, 1), "y": (9, 1), "z": (6, 5)}
    rows = judged(**{judge: {"a": one, "b": other} for judge, (one, other) in scores.items()})
    ranked = weighted_score(combine_judgements(rows).scores, prefer=("b", "a"))

    assert (ranked.order, ranked.tied) == (("a", "b"), ("b",))


def test_a_judge_who_skips_a_candidate_is_left_out_and_named():
    result = combine_judgements(judged(x={"a": 6, "b": 5}, lazy={"a": 10}))

    assert {score.candidate: score.value for score in result.scores} == {"a": 6, "b": 5}
    assert "'lazy'" in result.notes[0]


def test_ballots_and_approvals_follow_each_judges_mean():
    result = combine_judgements(judged(x={"a": 8, "b": 5, "c": 8}, y={"a": 3, "b": 9, "c": 1}))

    assert result.ballots == {"x": (("a", "c"), ("b",)), "y": (("b",), ("a",), ("c",))}
    assert result.approvals == {"x": ("a", "c"), "y": ("b",)}


def test_a_score_outside_the_scale_is_refused():
    with pytest.raises(VoteError, match="0 to 10"):
        combine_judgements([Judgement("x", "a", "clarity", 11)])


@pytest.mark.parametrize(
    "answer",
    [
        {"clarity": 7, "depth": 3},
        {"scores": {"clarity": 7, "depth": 3.0}},
        'I looked at {it}.\n```json\n{"clarity": 7, "depth": 3}\n```',
    ],
)
def test_scores_are_found_in_what_a_worker_returns(answer):
    found = judgements_from(answer, judge="x", candidate="a", criteria=["clarity", "depth"])

    assert [(one.criterion, one.score) for one in found] == [("clarity", 7.0), ("depth", 3.0)]


@pytest.mark.parametrize(
    "answer", ["fine work!", {"beauty": 7}, {"clarity": 7, "depth": "high"}, {"clarity": 70, "depth": 1}]
)
def test_an_answer_without_scores_is_refused_naming_the_judge(answer):
    with pytest.raises(VoteError, match="judge 'x'"):
        judgements_from(answer, judge="x", candidate="a", criteria=["clarity", "depth"])


def test_the_instruction_names_every_criterion_and_shows_one_candidate():
    text = judge_instruction(["clarity", "depth"], "Sort a list.")

    assert '"clarity"' in text
    assert '"depth"' in text
    assert "one answer" in text
