"""Plans that gain nothing from running in parallel are advised against, or refused where the task says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.advice import advice_on
from ptx_prefect.plan.make import finish_plan
from ptx_prefect.plan.plan import Plan, Section
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec
from ptx_prefect.workers.planner import plan_task


def plan_of(tmp_path: Path, rows: list[dict[str, Any]], **keys: Any) -> Plan:
    main = {"description": "d", "components": rows}
    worker = {"kind": "command", "argv": ["true"]}
    spec = parse_spec({"task_id": "t", "mode": "sectioning", "main_task": main, "worker": worker, **keys})
    assert isinstance(spec, SectioningSpec)
    return plan_task(spec, Settings(), state_dir=tmp_path)[1]


def chain(length: int) -> list[dict[str, Any]]:
    return [{"name": f"s{i}", "depends_on": [f"s{i - 1}"] if i else []} for i in range(length)]


def test_one_atomic_section(tmp_path: Path) -> None:
    assert plan_of(tmp_path, [{"name": "all"}]).notes[-1].startswith("only one section, 'all'")


def test_a_pure_chain(tmp_path: Path) -> None:
    assert (
        plan_of(tmp_path, chain(3)).notes[-1].startswith("every section waits for the one before it (s0 -> s1 -> s2)")
    )


def test_a_critical_path_that_is_nearly_everything(tmp_path: Path) -> None:
    rows = [{"name": "long", "estimate_seconds": 100}, {"name": "short", "estimate_seconds": 1}]

    assert plan_of(tmp_path, rows).notes[-1].startswith("the critical path (long) is 99% of all work")


@pytest.mark.parametrize(
    ("seconds", "source", "is_advised"), [(2.0, "history", True), (2.0, "counts", False), (20.0, "history", False)]
)
def test_a_suite_that_is_known_to_be_small(seconds: float, source: str, is_advised: bool) -> None:
    spec = SectioningSpec.model_validate({"task_id": "t", "main_task": {"description": "d", "level": "test"}})
    rows = [Section(f"tests-{n}", "", "pytest", {}, (), 60.0, seconds, source) for n in (1, 2)]
    plan = finish_plan(spec, rows, (), Settings(), level="test")

    assert any("run pytest directly" in text for text in advice_on(plan)) == is_advised


def test_independent_sections_get_no_advice(tmp_path: Path) -> None:
    assert plan_of(tmp_path, [{"name": "a"}, {"name": "b"}]).notes == ()


def test_strict_refuses(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="not worth running in parallel: every section waits"):
        plan_of(tmp_path, chain(2), strict=True)
