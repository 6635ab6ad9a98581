"""What a plan would cost before anything is spent: makespan by number of workers, sequential time, the bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ptx_prefect.run.simulate import simulate

CANDIDATES = range(2, 11)
"""Numbers of workers that `ptx plan` prices: the specification's range."""


def makespans(
    after: Mapping[str, Sequence[str]], seconds: Mapping[str, float], *, overhead_s: float = 0.0
) -> dict[int, float]:
    """Number of workers to the predicted makespan in seconds, by simulating the real scheduler."""
    return {
        workers: simulate(after, seconds, workers=workers, overhead_s=overhead_s).makespan_s for workers in CANDIDATES
    }
