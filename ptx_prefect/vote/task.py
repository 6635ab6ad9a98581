"""What a vote is about, as one value; and what a laboratory that can try candidates offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.criteria import check_criteria
from ptx_prefect.vote.judges import Judgement
from ptx_prefect.vote.values import Aggregation, Candidate, GateResult, Output, Timing


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a candidate passed a test that was run elsewhere, and what was said if not."""

    passed: bool
    said: str = ""


@dataclass(frozen=True, slots=True)
class VoteTask:
    """Everything that decides a vote beside the candidates.

    Attributes:
        criteria: what is scored, in words; see ``criteria``.
        entry_point: the function or class that candidates define; None for answers in words.
        given: candidate to criterion to a score of 0 to 10.
        judgements: what judges said of candidates, each seen alone.
        reliabilities: candidate to the prior weight of its voter's record (0 to 1); empty: all alike.
        quorum: the share of the candidates that must agree; a vote below it says so.
        hybrid: whether a synthesis of the best parts may enter.
        soft_tests: assert statements of unknown quality: evidence, never a gate.
        verdicts: candidate to what a test command said of it, run elsewhere; counts as one more visible test.
        notes: what the reader of the decision must know about how the task was read.
    """

    description: str = ""
    criteria: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    aggregation: Aggregation = "consensus"
    entry_point: str | None = None
    prelude: str = ""
    tests: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    setup: str = ""
    benchmark: str | None = None
    given: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    judgements: tuple[Judgement, ...] = ()
    reliabilities: Mapping[str, float] = field(default_factory=dict)
    quorum: float | None = None
    hybrid: bool = True
    soft_tests: tuple[str, ...] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """Candidates by behaviour.

    Attributes:
        groups: names that behave alike, the best supported group first.
        supports: each group's support, as a share of 1.
        calls: what they were asked.
        outputs: candidate to one output for each call.
    """

    groups: tuple[tuple[str, ...], ...]
    supports: tuple[float, ...]
    calls: tuple[str, ...] = ()
    outputs: Mapping[str, tuple[Output, ...]] = field(default_factory=dict)


class Laboratory(Protocol):
    """Tries candidates on one task: every candidate, the hybrid too, goes through the same three steps."""

    def gate(self, candidates: Sequence[Candidate]) -> tuple[GateResult, ...]:
        """How each does on the visible tests."""
        ...

    def compare(self, candidates: Sequence[Candidate]) -> Compared:
        """How they group by what they give on the inputs."""
        ...

    def measure(self, candidates: Sequence[Candidate]) -> tuple[Timing, ...]:
        """How long each takes, interleaved, nothing else of ours running; empty if there is nothing to time."""
        ...

    def remarks(self) -> tuple[str, ...]:
        """What the sandbox could not enforce."""
        ...


def check_vote(candidates: Sequence[Candidate], task: VoteTask) -> None:
    """Refuse a vote that cannot be held.

    Raises:
        VoteError: no candidate, a name that stands twice, criteria that nobody can score.
    """
    if not candidates:
        raise VoteError("a vote needs at least one candidate")
    names = [candidate.name for candidate in candidates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise VoteError(f"candidate names must be unique, found {twice!r} more than once")
    strangers = sorted((set(task.given) | set(task.verdicts) | {one.candidate for one in task.judgements}) - set(names))
    if strangers:
        raise VoteError(f"there are scores for {strangers!r}, who are no candidates; the candidates are {names!r}")
    unjudged = sorted(set(names) - set(task.verdicts)) if task.verdicts else []
    if unjudged:
        raise VoteError(f"the test command was not run on {unjudged!r}; give a verdict for each candidate, or for none")
    scored = [key for key in task.criteria if all(key in task.given.get(name, {}) for name in names)]
    judged = {one.criterion for one in task.judgements}
    check_criteria(task.criteria, [*scored, *judged])
    idle = sorted(set(task.weights) - set(task.criteria)) if task.criteria else []
    if idle:
        raise VoteError(f"weights name {idle!r}, which are not among the criteria {list(task.criteria)!r}")
