"""The hybrid's way into a vote: every swap of one part is gated, compared, timed; the best parts make one candidate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from ptx_prefect.vote.criteria import cost_s
from ptx_prefect.vote.synthesis.hybrid import HYBRID_NAME, Swap, best_swaps, swaps_for, synthesise
from ptx_prefect.vote.task import Laboratory
from ptx_prefect.vote.values import Candidate, GateResult

SWAP_GAIN = 1.1
"""A part is taken if it makes the whole benchmark this much faster: it is a part, so less than the noise of a whole."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of the hybrid before the vote compares it with the others.

    Attributes:
        candidate: the synthesis, if one was made and it behaves like the field.
        gate: how it did on the visible tests.
        outcome: in words; goes into the rationale.
        taken: part to the candidate that it comes from.
    """

    candidate: Candidate | None
    gate: GateResult | None
    outcome: str
    base: str
    taken: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """For the rationale."""
        name, source = (self.candidate.name, self.candidate.source) if self.candidate else (None, None)
        return {
            "name": name,
            "outcome": self.outcome,
            "base": self.base,
            "taken": dict(self.taken),
            "notes": list(self.notes),
            "source": source,
        }


def enter_hybrid(rivals: Sequence[Candidate], base: str, laboratory: Laboratory, gate: Sequence[GateResult]) -> Entry:
    """Make the hybrid of a field of candidates that behave alike, on the base of the one that leads."""
    sources = {candidate.name: candidate.source for candidate in rivals}
    swaps, notes = swaps_for(base, sources)
    if not swaps:
        return Entry(None, None, "none: the candidates share no two parts that differ", base, notes=notes)
    leader = next(candidate for candidate in rivals if candidate.name == base)
    standard = next(result for result in gate if result.candidate == base)
    costs, base_cost, failed = _costs(swaps, leader, laboratory, standard)
    notes = (*notes, *(f"{name} fails the gate or behaves differently" for name in failed))
    taken = best_swaps(swaps, costs, base_cost, at_least=SWAP_GAIN)
    made = synthesise(base, sources, taken)
    notes = (*notes, *made.notes)
    if made.source is None:
        return Entry(None, None, f"none: {made.problem}", base, taken, notes)
    candidate = Candidate(free_name(HYBRID_NAME, sources), made.source, voter=HYBRID_NAME)
    results = _alike([candidate], leader, laboratory, standard)
    if not results:
        return Entry(None, None, "made, but it fails the gate or behaves differently", base, taken, notes)
    # Kept because it passes what the leader passes; the gate itself saw it without rivals.
    passed = replace(results[candidate.name], kept=True)
    return Entry(candidate, passed, "entered", base, taken, notes)


def enter_written(candidate: Candidate, leader: Candidate, laboratory: Laboratory, gate: Sequence[GateResult]) -> Entry:
    """Let a program that a worker wrote from the best candidates compete with a field that behaves alike."""
    standard = next((result for result in gate if result.candidate == leader.name), None)
    if standard is None:  # the leader is a synthesis itself
        standard = laboratory.gate([leader])[0]
    results = _alike([candidate], leader, laboratory, standard)
    if not results:
        return Entry(None, None, "was written, but it fails the gate or behaves differently", leader.name)
    return Entry(candidate, replace(results[candidate.name], kept=True), "entered", leader.name)


def _costs(
    swaps: Sequence[Swap], leader: Candidate, laboratory: Laboratory, standard: GateResult
) -> tuple[dict[str, float], float, list[str]]:
    """Seconds of each swap that behaves like the leader, the leader's own, and the names of those that do not."""
    candidates = [Candidate(swap.name, swap.source) for swap in swaps]
    alike = _alike(candidates, leader, laboratory, standard)
    good = [candidate for candidate in candidates if candidate.name in alike]
    failed = [candidate.name for candidate in candidates if candidate.name not in alike]
    if not good:
        return {}, 0.0, failed
    costs = {timing.candidate: cost_s(timing) for timing in laboratory.measure([leader, *good])}
    return costs, costs.pop(leader.name, 0.0), failed


def _alike(
    candidates: Sequence[Candidate], leader: Candidate, laboratory: Laboratory, standard: GateResult
) -> dict[str, GateResult]:
    """Those that pass every test that the leader passes and give what it gives on every input."""
    results = {result.candidate: result for result in laboratory.gate(candidates)}
    passing = [one for one in candidates if is_as_good(results[one.name], standard)]
    if not passing:
        return {}
    compared = laboratory.compare([leader, *passing])
    mine = [(output.kind, output.seen) for output in compared.outputs.get(leader.name, ())]
    return {
        one.name: results[one.name]
        for one in passing
        if [(output.kind, output.seen) for output in compared.outputs.get(one.name, ())] == mine
    }


def is_as_good(result: GateResult, standard: GateResult) -> bool:
    """Whether a program passes every test that the standard passes."""
    passed = zip(standard.passed, result.passed, strict=False)
    return result.loads and len(result.passed) == len(standard.passed) and all(new or not old for old, new in passed)


def free_name(wanted: str, taken: Collection[str]) -> str:
    """The name, or with a number behind it where it is taken."""
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted} {number}"
    return name
