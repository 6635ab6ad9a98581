"""What a vote is about, as one value; and what a laboratory that can try candidates offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.checks import calls_entry
from ptx_prefect.vote.criteria import check_criteria
from ptx_prefect.vote.judges import Judgement
from ptx_prefect.vote.values import Aggregation, Candidate, GateResult, Output, Timing


@dataclass(frozen=True, slots=True)
class TestCommand:
    """A command that tests a candidate by its exit code; see ``command_gate``. Deadline in seconds, for each one."""

    __test__ = False  # pytest: a value, not a test class

    argv: tuple[str, ...]
    workdir: Path
    deadline_s: float = 60.0
    memory_mb: float = 2048.0


@dataclass(frozen=True, slots=True)
class VoteTask:
    """Everything that decides a vote beside the candidates.

    Attributes:
        criteria: what is scored, in words; see ``criteria``.
        entry_point: the function or class that candidates define; None for answers in words.
        given: candidate to criterion to a score of 0 to 10.
        judgements: what judges said of candidates, each seen alone.
        reliabilities: candidate to its voter's record (0 to 1), which breaks ties; empty: all alike.
        quorum: the share of the voters that must agree; a vote below it says so.
        absent: voters that gave no candidate, with the reason; they count in every share of the voters.
        rejected: what judges answered that does not count, a sentence each.
        has_judges: whether judges were asked; what they do not score is then not measured, and no reason to stop.
        hybrid: whether a synthesis of the best parts may enter.
        written: a synthesis that a worker wrote; it enters under the same conditions.
        soft_tests: assert statements of unknown quality: evidence, never a gate.
        test_command: counts as one more visible test.
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
    written: Candidate | None = None
    soft_tests: tuple[str, ...] = ()
    test_command: TestCommand | None = None
    notes: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    rejected: tuple[str, ...] = ()
    has_judges: bool = False


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
        VoteError: no candidate, a name that stands twice, criteria that nobody can score, inputs that are no calls of
            the entry point.
    """
    if not candidates:
        raise VoteError("a vote needs at least one candidate")
    names = [candidate.name for candidate in candidates]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise VoteError(f"candidate names must be unique, found {twice!r} more than once")
    scored = [key for key in task.criteria if all(key in task.given.get(name, {}) for name in names)]
    judged = {one.criterion for one in task.judgements}
    check_criteria(task.criteria, [*scored, *judged], judged=task.has_judges or bool(judged))
    entry_point = (task.entry_point or "").partition(".")[0]
    strange = [call for call in task.inputs if entry_point and not calls_entry(call, entry_point)]
    if strange:
        raise VoteError(f"inputs {strange[:3]!r} do not call {task.entry_point!r}; give calls of it")
    idle = sorted(set(task.weights) - set(task.criteria)) if task.criteria else []
    if idle:
        raise VoteError(f"weights name {idle!r}, which are not among the criteria {list(task.criteria)!r}")
