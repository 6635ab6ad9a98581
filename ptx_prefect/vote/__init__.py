"""Choose between programs, or other answers, by what they measurably do; needs no Prefect.

>>> from ptx_prefect.vote import Candidate, vote
>>> field = [Candidate("sum", "double = lambda x: x + x"), Candidate("square", "double = lambda x: x * x")]
>>> decision = vote(field, entry_point="double", tests=["assert double(3) == 6"])
>>> decision.winner, decision.gated_out
('sum', ('square',))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from ptx_prefect.errors import VoteError
from ptx_prefect.strict import nearest
from ptx_prefect.vote.laboratory import Trials, VoteSettings
from ptx_prefect.vote.run import hold_vote
from ptx_prefect.vote.sandbox import Limits, Sandbox
from ptx_prefect.vote.task import VoteTask
from ptx_prefect.vote.values import Aggregation, Candidate, Decision

__all__ = ["Candidate", "Decision", "Limits", "Sandbox", "VoteSettings", "vote"]


def vote(
    candidates: Sequence[Candidate],
    *,
    entry_point: str,
    tests: Sequence[str] = (),
    inputs: Sequence[str] = (),
    prelude: str = "",
    aggregation: Aggregation = "consensus",
    settings: VoteSettings | None = None,
    soft_tests: Sequence[str] = (),
    benchmark: str | None = None,
    setup: str = "",
    criteria: Sequence[str] = (),
    weights: Mapping[str, float] | None = None,
    reliabilities: Mapping[str, float] | None = None,
    hybrid: bool = False,
    sandbox: Sandbox | None = None,
) -> Decision:
    """Choose the best of several programs by running them, each in a sandboxed process of its own.

    Args:
        candidates: names must be unique.
        entry_point: the function or class that each candidate defines.
        tests: assert statements that are known to be right: the gate.
        inputs: calls of the entry point, as source, to compare behaviour on; more are made from the tests' calls.
        prelude: source to run before each candidate, such as imports.
        aggregation: decides inside the winning behaviour group; see :class:`ptx_prefect.vote.task.VoteTask`.
        soft_tests: assert statements of unknown quality (written by a model, say): evidence, never a gate.
        benchmark: the statement to time, after ``setup``; default: the inputs.
        criteria, weights: what the scoring rules score; ``performance`` if nothing is named.
        reliabilities: candidate to the share of votes in which its voter was right; breaks ties.
        hybrid: let a synthesis of the best parts compete; its source is in the rationale if it wins.
        sandbox: default: one that is shared by all votes of this process and ends with it.

    Raises:
        VoteError: the vote cannot be held, or the sandbox cannot be started.
    """
    _check_arguments(aggregation, tests=tests, inputs=inputs, soft_tests=soft_tests, criteria=criteria)
    task = VoteTask(
        criteria=tuple(criteria) or (() if aggregation == "consensus" else ("performance",)),
        weights=dict(weights or {}),
        aggregation=aggregation,
        entry_point=entry_point,
        prelude=prelude,
        tests=tuple(tests),
        inputs=tuple(inputs),
        setup=setup,
        benchmark=benchmark,
        reliabilities=dict(reliabilities or {}),
        hybrid=hybrid,
        soft_tests=tuple(soft_tests),
    )
    return hold_vote(candidates, task, Trials(task, settings, sandbox))


def _check_arguments(aggregation: str, **texts: Sequence[str]) -> None:
    """Refuse what a type checker would: a string is a sequence too, of its letters."""
    if aggregation not in get_args(Aggregation):
        raise VoteError(f"aggregation {aggregation!r} is unknown; {nearest(aggregation, get_args(Aggregation))}")
    for name, value in texts.items():
        if isinstance(value, str):
            raise VoteError(f"{name} takes a list of strings, found the string {value[:60]!r}; write {name}=[...]")
