"""What makes a decision doubtful: said first, since a winner is named all the same."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ptx_prefect.vote.inside.runner import NotAwaited
from ptx_prefect.vote.same_program import largest_copy
from ptx_prefect.vote.task import Compared, VoteTask
from ptx_prefect.vote.values import Candidate, GateResult

_DIGITS = 9
UNAWAITED = NotAwaited.__name__


def is_answered(compared: Compared) -> bool:
    """Whether there is a behaviour to compare: some candidate gave something on some call."""
    return bool(compared.calls) and any(compared.supports)


def doubts_of(
    task: VoteTask,
    gate: Sequence[GateResult],
    compared: Compared,
    share: float | None,
    voters: int,
    quorum_met: bool | None,
    names: Collection[str],
) -> tuple[str, ...]:
    """What makes the decision doubtful, most urgent first.

    Args:
        names: the candidates that voters gave; a row of the gate under another name is a synthesis.
    """
    told = []
    if gate and not any(row.kept for row in gate if row.candidate in names):
        told.append("no candidate passes all visible tests, so one was put together from their parts: read it")
    elif gate and all(result.passed and not any(result.passed) for result in gate):
        told.append("no candidate passes any visible test: are the tests and the candidates about the same thing?")
    elif gate and all(result.passed and not all(result.passed) for result in gate):
        told.append("no candidate passes all visible tests; those with the most were kept")
    if quorum_met is False:
        agree = "no call was compared" if share is None else f"{share:.0%} of {voters} voters agree"
        told.append(f"the quorum of {task.quorum:.0%} was not reached: {agree}; decide by hand")
    told += _unawaited(gate, compared)
    if compared.calls and not any(compared.supports):
        told.append("no input was answered by any candidate, so nothing is known of who behaves alike")
    told += _between_behaviours(task, compared)
    tested = any(result.passed for result in gate)
    if not compared.calls and not tested:
        told.append("nothing tells right from wrong: no test was given and no call was compared; give tests or inputs")
    elif not compared.calls and voters > 1:
        told.append("no call was compared, so nothing is known of who behaves alike beyond the tests; give inputs")
    return tuple(told)


def _unawaited(gate: Sequence[GateResult], compared: Compared) -> list[str]:
    """Said where tests or inputs forget the `await` that every candidate wants."""
    asked = zip(compared.calls, zip(*compared.outputs.values(), strict=True), strict=False)
    call = next((call for call, given in asked if all(one.key.startswith(UNAWAITED) for one in given)), "")
    if call:
        return [f"every candidate gives a coroutine for {call!r}, which is no answer: write 'await {call}'"]
    if gate and all(f": {UNAWAITED}" in row.problem for row in gate if row.loads):
        return ["every candidate gives a coroutine that a test does not await: write 'assert await ...'"]
    return []


def _between_behaviours(task: VoteTask, compared: Compared) -> list[str]:
    """Said where agreement does not single one behaviour out."""
    if not is_answered(compared):
        return []
    told = []
    supports = [round(support, _DIGITS) for support in compared.supports]
    if len(compared.groups) > 1 and all(len(group) == 1 for group in compared.groups):
        told.append("no two candidates behave alike, so agreement says little; give more tests, or read them")
    elif supports[1:] and supports[0] == supports[1]:
        by = "the voters' records, then the order" if task.reliabilities else "the order"
        told.append(f"two behaviours have equal support; {by} of the candidates decided between them")
    return told


def copies_in(candidates: Sequence[Candidate], compared: Compared) -> list[str]:
    """Said where several that agree are one program."""
    told = []
    for group in compared.groups:
        copies = largest_copy(one.source for one in candidates if one.name in group)
        if copies > 1:
            told.append(
                f"{copies} of the {len(group)} that behave like {group[0]} are one program but for names and comments: "
                f"their support counts as {copies**0.5:.2g}"
            )
    return told
