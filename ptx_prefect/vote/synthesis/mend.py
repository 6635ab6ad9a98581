"""Where no candidate passes all tests: the one that passes most, with parts of those that pass what it fails.

Part by part, each program in between passes the same gate: a part is taken only if more tests pass with it and none
that passed before fails. What comes out enters the vote as one more candidate, ahead of those that pass fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ptx_prefect.vote.synthesis.entry import Entry, free_name, is_as_good
from ptx_prefect.vote.synthesis.hybrid import HYBRID_NAME, Swap, swaps_for
from ptx_prefect.vote.task import Laboratory
from ptx_prefect.vote.values import Candidate, GateResult


def enter_mended(candidates: Sequence[Candidate], laboratory: Laboratory, gate: Sequence[GateResult]) -> Entry | None:
    """A program that passes more tests than every candidate, put together from them; None where there is none."""
    rows = {row.candidate: row for row in gate if row.loads and row.passed}
    if len(rows) < 2 or any(all(row.passed) for row in rows.values()):
        return None
    base = max(rows, key=lambda name: sum(rows[name].passed))
    sources = {one.name: one.source for one in candidates if one.name in rows}
    row, taken = rows[base], dict[str, str]()
    while not all(row.passed):
        donors = [name for name, other in rows.items() if _adds(other, row)]
        swaps, _ = swaps_for(base, {name: sources[name] for name in (base, *donors)})
        better = _better(swaps, row, laboratory)
        if better is None:
            break
        swap, row = better
        sources[base], taken[swap.part] = swap.source, swap.donor
    if not taken:
        return None
    name = free_name(HYBRID_NAME, rows)
    told = f"passes {sum(row.passed)} of {len(row.passed)} visible tests, more than any candidate"
    return Entry(
        Candidate(name, sources[base], HYBRID_NAME), replace(row, candidate=name, kept=True), told, base, taken
    )


def _adds(other: GateResult, row: GateResult) -> bool:
    return any(theirs and not mine for theirs, mine in zip(other.passed, row.passed, strict=True))


def _better(swaps: Sequence[Swap], row: GateResult, laboratory: Laboratory) -> tuple[Swap, GateResult] | None:
    """The swap with which most tests pass, more than now and all that pass now; and how it did."""
    if not swaps:
        return None
    tried = laboratory.gate([Candidate(swap.name, swap.source) for swap in swaps])
    good = [
        (swap, result)
        for swap, result in zip(swaps, tried, strict=True)
        if is_as_good(result, row) and sum(result.passed) > sum(row.passed)
    ]
    return max(good, key=lambda pair: sum(pair[1].passed)) if good else None
