"""Plans of votes: independent parts, as many at once as the task, the settings and the parts allow."""

from __future__ import annotations

import pytest

from ptx_prefect.plan.plan import Plan
from ptx_prefect.plan.votes import Part, plan_votes
from ptx_prefect.settings import Settings
from ptx_prefect.spec import VotingSpec, parse_spec

POOL = {"min_workers": 2, "default_workers": 3, "max_workers": 5}


def plan_of(count: int, *, hint: int | None) -> Plan:
    task = {"task_id": "t", "mode": "voting", "main_task": {"description": "d"}, "voters": ["oop", "functional"]}
    spec = parse_spec(task | ({} if hint is None else {"parallelism_hint": hint}))
    assert isinstance(spec, VotingSpec)
    parts = [Part(str(n), "write", "callable", {"target": "m:f"}, timeout_s=60, given={}) for n in range(count)]
    return plan_votes(spec, parts, Settings.model_validate({"parallelism": POOL}), {"callable:0": 30.0})


@pytest.mark.parametrize(
    ("hint", "count", "workers"), [(None, 6, 3), (1, 6, 1), (4, 6, 4), (9, 6, 5), (4, 3, 3), (4, 1, 2), (None, 0, 2)]
)
def test_a_hint_holds_below_the_least_and_up_to_the_most(hint: int | None, count: int, workers: int) -> None:
    """A hint of one is a person's wish, and stands above `min_workers`."""
    assert plan_of(count, hint=hint).workers == workers


def test_parts_are_one_wave_and_one_after_the_other_with_a_hint_of_one() -> None:
    plan = plan_of(3, hint=1)

    assert plan.waves == (("0", "1", "2"),)
    assert plan.edges == ()
    assert plan.predicted_makespan_s == pytest.approx(plan.sequential_s)
    assert plan.critical_path == ("0",), "it is known to take longest"
