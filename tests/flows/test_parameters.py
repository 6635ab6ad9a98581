"""What Prefect keeps of a run's parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ptx_prefect import execute, parse_spec


def task(count: int) -> dict[str, Any]:
    rows = [{"name": f"s{index}", "description": "x" * 300} for index in range(count)]
    return {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", "components": rows}}


def test_a_short_task_is_shown_whole() -> None:
    assert execute.serialize_parameters({"spec": task(2), "fresh": True}) == {"spec": task(2), "fresh": True}


@pytest.mark.parametrize("form", [lambda value: value, json.dumps, parse_spec])
def test_a_task_longer_than_the_server_takes_is_shown_as_an_outline(form: Any) -> None:
    shown = execute.serialize_parameters({"spec": form(task(3000)), "fresh": False})

    assert len(json.dumps(shown)) < 2000
    assert shown["spec"]["task_id"] == "t" and "3000 components" in shown["spec"]["main_task"]["components"][0]
