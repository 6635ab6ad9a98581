"""The form that Prefect draws of a task: what it lets through is ours to refuse, what is right it never refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ptx_prefect.engine.forms import JSON_BOX, WORKER_FORM, form_of
from ptx_prefect.spec import SectioningSpec, VotingSpec
from ptx_prefect.workers.known import KNOWN, worker_for

EXAMPLES = sorted(Path("examples").glob("*.json"))


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits_its_form(path: Path) -> None:
    task = json.loads(path.read_text())
    task.pop("$schema", None)
    form = form_of(VotingSpec if task["mode"] == "voting" else SectioningSpec)

    jsonschema.validate(task, form)


@pytest.mark.parametrize("model", [SectioningSpec, VotingSpec])
def test_what_is_required_stands_first_and_everything_has_a_title(
    model: type[SectioningSpec] | type[VotingSpec],
) -> None:
    form = form_of(model)
    names = list(form["properties"])

    assert names[:2] == ["task_id", "main_task"]
    assert [form["properties"][name]["position"] for name in names] == list(range(len(names)))
    assert all("title" in inner for node in nodes(form) for inner in node.get("properties", {}).values())
    assert not any("$ref" in node or node.get("default", ...) == {} for node in nodes(form))


def test_a_number_that_may_be_left_out_is_a_plain_field() -> None:
    field = form_of(SectioningSpec)["properties"]["parallelism_hint"]

    assert field["type"] == "integer" and "anyOf" not in field and "default" not in field


def test_a_wrong_type_and_an_unknown_key_do_not_fit() -> None:
    form = form_of(SectioningSpec)
    right = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", "components": ["a"]}}
    jsonschema.validate(right, form)

    for wrong in ({**right, "parallelism_hint": "two"}, {**right, "paralelism_hint": 2}, {"mode": "sectioning"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, form)


def test_the_form_of_a_worker_names_keys_that_the_worker_knows(tmp_path: Path) -> None:
    kinds = {}
    for branch in WORKER_FORM["anyOf"]:
        for kind in branch.get("properties", {}).get("kind", {}).get("enum", []):
            kinds[kind] = [key for key in branch["properties"] if key != "kind"]

    assert set(kinds) == set(KNOWN)
    for kind, keys in kinds.items():
        told = worker_for(kind).check(dict.fromkeys(keys, ""), workdir=tmp_path)
        assert not [text for text in told.values() if "unknown key" in text], kind


def test_any_worker_fits_as_json() -> None:
    worker = {"kind": "command", "argv": ["true"], "expect_exit": [0, 1], "set_env": {"A": "b"}}

    jsonschema.validate(worker, dict(WORKER_FORM))
    jsonschema.validate("chat", dict(WORKER_FORM))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(3, dict(WORKER_FORM))


def test_the_json_box_takes_any_object() -> None:
    jsonschema.validate({"mode": "voting"}, dict(JSON_BOX))

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(["voting"], dict(JSON_BOX))
