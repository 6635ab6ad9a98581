"""The bill of a plan: calls, tokens and money before anything is spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ptx_prefect.plan.make import make_plan
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec
from ptx_prefect.workers.bill import Bill, bill_of, bill_text, bill_to_json

SETTINGS = Settings.model_validate(
    {
        "models": {"mine": {"provider": "openai", "model": "m-1", "base_url": "http://localhost:1/v1", "key_env": ""}},
        "prices": {"m-1": {"input": 1.0, "output": 10.0}},
    }
)


def bill(tmp_path: Path, components: list[Any], settings: Settings = SETTINGS, **task: Any) -> Bill | None:
    main = {"description": "d", "components": components}
    spec = parse_spec({"task_id": "t", "mode": "sectioning", "main_task": main, **task})
    assert isinstance(spec, SectioningSpec)
    return bill_of(make_plan(spec, settings, state_dir=tmp_path), settings, spec.budget)


def test_sections_that_call_no_model_cost_nothing(tmp_path: Path) -> None:
    assert bill(tmp_path, ["a"], worker={"kind": "command", "argv": ["true"]}) is None


def test_repairs_are_the_difference_between_once_and_at_worst(tmp_path: Path) -> None:
    worker = {"kind": "chat", "model": "mine", "max_tokens": 1000, "repairs": 2, "output": "text"}
    found = bill(tmp_path, ["a", "b"], worker=worker)

    assert found is not None and (found.sections, found.models) == (2, ("m-1",))
    assert (found.once.calls, found.at_worst.calls) == (2, 6)
    assert 2 * 1000 < found.once.tokens < found.at_worst.tokens
    assert 2 * 1000 * 10e-6 < found.once.usd < found.at_worst.usd
    assert "2 calls" in bill_text(found) and "6 calls" in bill_text(found)
    assert bill_to_json(found)["once"]["calls"] == 2


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    components = [
        {"name": "a", "worker": {"kind": "chat", "model": "mine", "repairs": 0}},
        {"name": "b", "worker": {"kind": "agent", "argv": ["true"]}},
        {"name": "c", "worker": {"kind": "agent", "argv": ["true"], "repairs": 0, "reserve": {"usd": 0.5}}},
    ]
    unpriced = SETTINGS.model_copy(update={"prices": {}})

    found = bill(tmp_path, components, unpriced, budget={"calls": 1})

    assert found is not None and found.unpriced == ("m-1",) and found.unbounded == ("b",)
    assert found.at_worst.usd == 0.5 and found.at_worst.calls == 2
    text = bill_text(found)
    assert "no price is known for m-1" in text and "nothing bounds what b may spend" in text
    assert "budget: 1 calls; at worst more calls" in text
