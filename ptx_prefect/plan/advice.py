"""What does not gain from running in parallel, said before it runs: the specification's limitations, applied."""

from __future__ import annotations

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.plan import Plan

SMALL_SUITE_S = 10.0
"""Two workers save half of a suite at most, and starting Prefect takes about five seconds (decision 071)."""
LITTLE_GAIN = 1.1
"""Below this, no number of workers makes a difference that a person would notice."""


def advice_on(plan: Plan) -> tuple[str, ...]:
    """Why this plan gains little or nothing, and what to do; empty where it gains."""
    count = len(plan.sections)
    if count == 1:
        return (
            f"only one section, {plan.sections[0].name!r}: nothing runs beside it, splitting and merging cost more than"
            " they gain; split the work further, or run it directly",
        )
    if count > 1 and plan.max_parallelism == 1:
        chain = " -> ".join(section.name for section in plan.sections[:6]) + (" -> …" if count > 6 else "")
        return (f"every section waits for the one before it ({chain}): nothing runs in parallel; drop a depends_on"
                " that is not needed, or run it as one sequence",)  # fmt: skip
    is_known = all(section.estimate_from in ("spec", "history") for section in plan.sections)
    if plan.level == "test" and is_known and 0 < plan.sequential_s < SMALL_SUITE_S:
        return (
            f"all tests take {plan.sequential_s:.1f} s in one process: Prefect's start alone takes as long as running"
            " them in parallel could gain; run pytest directly",
        )
    if count > 1 and is_known and plan.critical_path_s > 0 and plan.sequential_s / plan.critical_path_s < LITTLE_GAIN:
        share = plan.critical_path_s / plan.sequential_s
        path = " -> ".join(plan.critical_path[:6])
        return (f"the critical path ({path}) is {share:.0%} of all work: more workers gain almost nothing;"
                " split its longest section",)  # fmt: skip
    return ()


def refuse_without_gain(advice: tuple[str, ...]) -> None:
    """For tasks that ask to be refused (`strict`) rather than advised.

    Raises:
        PlanError: there is advice.
    """
    if advice:
        raise PlanError(f"not worth running in parallel: {'; '.join(advice)} (or leave out `strict`)")
