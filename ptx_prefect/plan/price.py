"""What a plan would cost before anything is spent: makespan by number of workers, sequential time, the bound."""

from __future__ import annotations

from ptx_prefect.plan.plan import Plan
from ptx_prefect.run.ready import remaining_paths
from ptx_prefect.run.simulate import simulate

CANDIDATES = range(2, 11)
"""Numbers of workers that `ptx plan` prices: the specification's range."""


def makespans_of(plan: Plan) -> dict[int, float]:
    """Number of workers to the predicted makespan in seconds, by simulating the real scheduler."""
    seconds = {section.name: section.estimate_s for section in plan.sections}
    priority = remaining_paths(plan.after, seconds)
    return {
        workers: simulate(plan.after, seconds, workers=workers, priority=priority).makespan_s for workers in CANDIDATES
    }
