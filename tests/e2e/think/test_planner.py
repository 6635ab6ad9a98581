"""The planner against the stand-in: one call, remembered, within the budget."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import PlanError, SpecError
from ptx_prefect.run.budget import Ledger
from ptx_prefect.settings import Price, Settings
from ptx_prefect.spec import Budget, SectioningSpec, parse_spec
from ptx_prefect.workers.planner import Planning, with_components
from tests.e2e.think.conftest import model_at
from tests.fakes.provider import Answer, Fault, Provider

PROPOSAL = {"sections": [{"name": name, "description": f"write the {name}"} for name in ("api", "web")]}


def task(provider: Provider | None, **keys: Any) -> SectioningSpec:
    main: dict[str, Any] = {"description": "Build a shop."}
    if provider is not None:
        main["planner"] = {"kind": "chat", "model": model_at(provider), "max_tokens": 500}
    spec = parse_spec({"task_id": "t", "mode": "sectioning", "main_task": main, **keys})
    assert isinstance(spec, SectioningSpec)
    return spec


def names(spec: SectioningSpec) -> list[str]:
    return [getattr(row, "name", row) for row in spec.main_task.components]


def test_a_bare_description_gets_its_sections_from_one_call(tmp_path: Path) -> None:
    planning = Planning(tmp_path, limit_s=20)
    with Provider(Answer(data=PROPOSAL)) as provider:
        first = with_components(task(provider), Settings(), planning)
        second = with_components(task(provider), Settings(), planning)

    assert names(first.spec) == names(second.spec) == ["api", "web"]
    assert provider.count == 1 and "remembered" in second.note


def test_a_busy_provider_is_waited_for(tmp_path: Path) -> None:
    waits: list[float] = []
    answers = [Answer(fault=Fault.OVERLOADED, retry_after_s=1), Answer(data=PROPOSAL)]

    def sleep(wait_s: float) -> None:
        waits.append(wait_s)
        time.sleep(wait_s)

    with Provider(answers) as provider:
        with_components(task(provider), Settings(), Planning(tmp_path, limit_s=20, sleep=sleep))

    assert waits == [1.0] and provider.count == 2


def test_the_budget_covers_the_planner_too(tmp_path: Path) -> None:
    ledger = Ledger(Budget(tokens=100), lambda model: Price(input=1, output=1))
    with Provider(Answer(data=PROPOSAL)) as provider, pytest.raises(PlanError, match="the planner was not asked"):
        with_components(task(provider), Settings(), Planning(tmp_path, limit_s=20, ledger=ledger))

    assert provider.count == 0


def test_what_the_planner_spent_stands_in_the_ledger(tmp_path: Path) -> None:
    ledger = Ledger(Budget(tokens=50_000), lambda model: Price(input=1, output=1))
    with Provider(Answer(data=PROPOSAL)) as provider:
        with_components(task(provider), Settings(), Planning(tmp_path, limit_s=20, ledger=ledger))

    assert ledger.spent.tokens == provider.billed_tokens and ledger.reserved.tokens == 0


def test_without_a_planner_the_mistake_shows_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r'"planner": \{"kind": "chat"'):
        with_components(task(None), Settings(), Planning(tmp_path, limit_s=20))
