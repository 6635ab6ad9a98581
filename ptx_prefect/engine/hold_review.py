"""`review: pause`: the run waits for a person between merge and publishing, as often as the answers need it."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect.runtime import flow_run

from ptx_prefect.engine.artifacts import review_artifact
from ptx_prefect.engine.events import review_requested
from ptx_prefect.engine.pause import CancelledWhilePausedError, ask
from ptx_prefect.engine.review import Answer, Question, answer_of, command_of, form_for, page_of, questions_of
from ptx_prefect.engine.reviewed import Check, Reviewed, Sides
from ptx_prefect.errors import RunError
from ptx_prefect.merge.changesets import merge_changesets
from ptx_prefect.merge.decisions import Decisions, places_of, with_decisions
from ptx_prefect.merge.lineage import ancestors_of
from ptx_prefect.report import seconds_text
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree import Base
from ptx_prefect.validate import Validation

MAX_ROUNDS = 20


def hold_review(
    spec: SectioningSpec,
    base: Base,
    sides: Sides,
    found: Validation,
    check: Check,
    *,
    after: Mapping[str, Sequence[str]],
    state: Path,
    say: Callable[[str], object],
) -> Reviewed:
    """Ask until the answer can be carried out, the publishing is rejected, or nobody answers in time.

    Args:
        say: tells whoever follows the run that it waits.
    """
    began_s = time.monotonic()
    full = merge_changesets(base, sides, after=after)
    questions = questions_of(places_of(full), found.merged.conflicts, [name for name, _ in sides])
    run = str(flow_run.get_id())
    objections: tuple[str, ...] = ()
    reviewed: Reviewed | None = None
    for number in range(1, MAX_ROUNDS + 1):
        page = page_of(found, questions, objections, run)
        _announce(spec, page, number, len(questions), run)
        say(f"waiting for a review: `{command_of(run)}`, or Resume in Prefect's UI")
        answer = _answer(spec, questions, page, number, state)
        if isinstance(answer, Answer):
            reviewed, objections = _carry_out(answer, sides, found, check, after, number)
        else:
            reviewed = _unpublished(found, *answer, number)
        if reviewed is not None:
            break
    else:
        reviewed = _unpublished(found, "unanswered", f"no answer of {MAX_ROUNDS} could be carried out", MAX_ROUNDS)
    waited = round(time.monotonic() - began_s, 1)
    return replace(reviewed, record={**reviewed.record, "waited_seconds": waited})


def _answer(
    spec: SectioningSpec, questions: Sequence[Question], page: str, number: int, state: Path
) -> Answer | tuple[str, str]:
    """What the person says; or why nobody said anything, as outcome and reason."""
    try:
        filled = ask(
            form_for(questions, page),
            key=f"review-{number}",
            timeout_s=spec.review_timeout_seconds,
            waiting=state,
            about=f"{spec.task_id}: {len(questions)} conflict(s), publishing",
        )
    except CancelledWhilePausedError as error:
        return "cancelled", str(error)
    except RunError as error:
        return "not asked", str(error)
    if filled is None:
        return "unanswered", f"nobody answered the review within {seconds_text(spec.review_timeout_seconds)}"
    return answer_of(filled, questions)


def _announce(spec: SectioningSpec, page: str, number: int, conflicts: int, run: str) -> None:
    review_artifact(spec.task_id, page, f"round {number}: {conflicts} conflict(s)")
    payload = {"round": number, "conflicts": conflicts, "answer_with": command_of(run), "flow_run_id": run}
    review_requested(spec.task_id, "pause", payload)


def _carry_out(
    answer: Answer,
    sides: Sides,
    found: Validation,
    check: Check,
    after: Mapping[str, Sequence[str]],
    number: int,
) -> tuple[Reviewed | None, tuple[str, ...]]:
    """The review's end; or what is against carrying the answer out, for the next round."""
    if not answer.approved:
        return _unpublished(found, "rejected", "the publishing was rejected in the review", number, answer), ()
    if answer.mistakes:
        return None, answer.mistakes
    left_out = _left_out(answer.dropped, [name for name, _ in sides], after)
    decisions: Decisions = dict(answer.decisions)
    kept = [side for side in sides if side[0] not in left_out]
    after_it = check(kept, functools.partial(with_decisions, decisions=decisions))
    # What was shown as left out may stay so, unless an answer was to keep it.
    known = {row.section for row in found.ejected} - answer.decided
    objections = [
        f"section {row.section!r} would be left out: {row.reason}"
        for row in after_it.ejected
        if row.section not in known
    ]
    if not after_it.passed:
        objections += [row.reason for row in after_it.checks if not row.passed] or [after_it.note]
    if objections:
        return None, tuple(objections)
    return Reviewed(after_it, True, _record("approved", number, answer), (), left_out, answer.kept), ()


def _left_out(dropped: frozenset[str], names: Sequence[str], after: Mapping[str, Sequence[str]]) -> dict[str, str]:
    ancestors = ancestors_of(names, after)
    reasons = {name: "left out in the review" for name in names if name in dropped}
    for name in names:
        below = sorted(ancestors[name] & dropped)
        if below and name not in reasons:
            reasons[name] = f"builds on {below[0]!r}, which was left out in the review"
    return reasons


def _unpublished(found: Validation, how: str, why: str, rounds: int, answer: Answer | None = None) -> Reviewed:
    failure = f"Nothing was published: {why}; the sections' results are kept, run the task again to be asked again"
    return Reviewed(found, False, _record(how, rounds, answer), (failure,))


def _record(how: str, rounds: int, answer: Answer | None) -> dict[str, Any]:
    return {"outcome": how, "rounds": rounds, "answers": dict(answer.chosen) if answer is not None else {}}
