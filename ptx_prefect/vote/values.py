"""What a vote takes and gives: candidates, measured evidence, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ptx_prefect.vote.inside.wire import UNSEEN

Aggregation = Literal["consensus", "weighted_score", "pareto", "borda", "approval"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One voter's answer to the task.

    Args:
        name: unique within a vote; every result refers to the candidate by it.
        source: the program, as Python source; or the answer, where there is no entry point.
        voter: who wrote it (model, paradigm, strategy); names the track record that may weigh it.
    """

    name: str
    source: str
    voter: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """What one call gave: a value, or the reason why there is none.

    Attributes:
        kind: ``value``; ``error`` (the call raised); ``timeout`` (CPU or wall limit); ``lost`` (the process died).
        key: canonical text of the value, equal for values that count as the same; or the error's type name.
        value: the value rebuilt from builtin types; ``None`` where it has no such form (see ``plain``).
        plain: whether ``value`` stands for all of what the call gave.
        meant: the builtin class of an error that is an answer, since tests ask for it or the program raises it by a
            statement of its own; empty for an error that just happened.
        effect: canonical text of the arguments after a call that gave None and changed them; else empty.
        shown: what it gave, as people read it; not compared.
    """

    kind: Literal["value", "error", "timeout", "lost"]
    key: str
    value: object = field(default=None, compare=False)
    plain: bool = field(default=False, compare=False)
    effect: str = ""
    meant: str = ""
    shown: str = field(default="", compare=False)

    @property
    def seen(self) -> str:
        """What agrees or differs between candidates: the value, what the call did to its arguments, the error meant."""
        if self.meant:
            return f"raises {self.meant}"
        return f"changes its arguments to {self.effect}" if self.effect else self.key

    @property
    def is_answer(self) -> bool:
        """Whether others may agree with it: a value of which something is seen, or an error that is meant."""
        return bool(self.meant) or (self.kind == "value" and UNSEEN not in self.seen)


@dataclass(frozen=True, slots=True)
class GateResult:
    """How one candidate did on the visible tests.

    Attributes:
        loads: whether its source ran to the end and defines the entry point.
        passed: one flag a test, in the tests' order; empty without tests.
        kept: whether it stays in the vote.
        problem: why it does not load, or what the first failed test saw; empty if all is well.
    """

    candidate: str
    loads: bool
    passed: tuple[bool, ...]
    kept: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one candidate takes for the benchmark.

    Attributes:
        wall_s, thread_s: minimum over the repetitions, of one pass over the benchmark; infinite if capped.
        samples_s: each repetition's thread time for one pass, in the order taken.
        loops: passes in one repetition.
        peak_kb: the largest resident size of its process.
        capped: hit the time limit, failed, or reported times that its CPU use contradicts; counts as slowest.
        first_s, again_s: thread time of calls made for the first time, and of the same calls made again, for one half
            of the calls and the other; 0 if unknown.
        remembers: it answers from memory what it was asked before, so its times are scaled to first answers.
        problem: what the benchmark raised, if that is why it is capped.
    """

    candidate: str
    wall_s: float
    thread_s: float
    samples_s: tuple[float, ...] = ()
    loops: int = 1
    peak_kb: int = 0
    capped: bool = False
    first_s: tuple[float, float] = (0.0, 0.0)
    again_s: tuple[float, float] = (0.0, 0.0)
    remembers: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first input on which winner and runner-up part."""

    call: str
    winner_gave: str
    runner_up: str
    runner_up_gave: str


@dataclass(frozen=True, slots=True)
class Score:
    """One candidate on one criterion, 0 (worst) to 10 (best).

    Attributes:
        value: the score; ``low`` and ``high`` bound it by the spread of the measurement.
        raw: what was measured, in ``unit``.
        source: ``measured``, ``given`` or ``judged``.
    """

    candidate: str
    criterion: str
    value: float
    low: float
    high: float
    raw: float | None = None
    unit: str = ""
    source: Literal["measured", "given", "judged"] = "measured"

    @property
    def least(self) -> float:
        """The lower bound by the noise of the measurement: opinions are what they are."""
        return self.low if self.source == "measured" else self.value

    @property
    def most(self) -> float:
        """The upper bound by the noise of the measurement."""
        return self.high if self.source == "measured" else self.value


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of a vote, with the evidence for it.

    Attributes:
        winner: name of the chosen candidate; ``None`` only if there was none to choose.
        ranking: every candidate's name, best first: the winning group, the other groups, the gated out.
        agreement_share: the part of the voters whose candidate was kept and behaves like the winner (0 to 1, of all
            voters, those that gave none too): it works as a confidence. None where nothing was compared.
        gated_out: names that failed the gate or do not load.
        groups: names by behaviour, the winning group first; empty where nothing was compared.
        group_scores: the support of each group, in the same order, as shares of 1.
        tied: names that nothing measured could tell from the winner (order decided).
        totals: weighted totals where the rule made some.
        sensitivity: criterion to the (low, high) weights between which the winner holds.
        notes: what the reader must know: which steps were skipped and why, what the sandbox could not enforce.
        warnings: those of the notes that make the decision doubtful, most urgent first.
        quorum_met: whether as many voters agree as the task asks for; None without a quorum.
        not_measured: criteria that were asked for and not measured.
        rationale: the decision documentation (JSON-ready).
    """

    winner: str | None
    ranking: tuple[str, ...]
    agreement_share: float | None
    gated_out: tuple[str, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    group_scores: tuple[float, ...] = ()
    aggregation: str = "consensus"
    tied: tuple[str, ...] = ()
    gate: tuple[GateResult, ...] = ()
    timings: tuple[Timing, ...] = ()
    scores: tuple[Score, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    pareto: tuple[str, ...] = ()
    sensitivity: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    difference: Difference | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    quorum_met: bool | None = None
    not_measured: tuple[str, ...] = ()
    rationale: Mapping[str, object] = field(default_factory=dict)
