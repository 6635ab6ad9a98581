"""What makes a decision doubtful: said first, since a winner is named all the same."""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.vote.task import Compared, VoteTask
from ptx_prefect.vote.values import GateResult


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
) -> tuple[str, ...]:
    """What makes the decision doubtful, most urgent first."""
    told = []
    if gate and all(result.passed and not any(result.passed) for result in gate):
        told.append("no candidate passes any visible test: are the tests and the candidates about the same thing?")
    elif gate and all(result.passed and not all(result.passed) for result in gate):
        told.append("no candidate passes all visible tests; those with the most were kept")
    if quorum_met is False:
        agree = "no call was compared" if share is None else f"{share:.0%} of {voters} voters agree"
        told.append(f"the quorum of {task.quorum:.0%} was not reached: {agree}; decide by hand")
    if compared.calls and not any(compared.supports):
        told.append("no input was answered by any candidate, so nothing is known of who behaves alike")
    tested = any(result.passed for result in gate)
    if not compared.calls and not tested:
        told.append("nothing tells right from wrong: no test was given and no call was compared; give tests or inputs")
    elif not compared.calls and voters > 1:
        told.append("no call was compared, so nothing is known of who behaves alike beyond the tests; give inputs")
    return tuple(told)
