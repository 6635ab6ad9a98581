"""The JSON task, as the specification prints it and as people get it wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import RunError, SpecError
from ptx_prefect.reading import MAX_SPEC_BYTES
from ptx_prefect.spec import SectioningSpec, VotingSpec, parse_spec, read_spec

PRINTED = Path(__file__).parents[1] / "cases" / "specification"


def sectioning(**main_task: Any) -> dict[str, Any]:
    return {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", **main_task}}


def mistakes_in(task: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(task)
    return caught.value.mistakes


def test_the_printed_sectioning_task_parses() -> None:
    spec = read_spec(PRINTED / "sectioning.json")

    assert isinstance(spec, SectioningSpec)
    assert spec.main_task.components[2] == "PostgreSQL schema for products"
    assert (spec.parallelism_hint, spec.timeout_seconds) == (4, 300)


def test_the_printed_voting_task_parses() -> None:
    spec = read_spec(PRINTED / "voting.json")

    assert isinstance(spec, VotingSpec)
    assert spec.voters == ("functional", "imperative", "hybrid")
    assert spec.aggregation == "weighted_score"
    assert spec.main_task.evaluation_criteria == ("performance", "code_quality", "maintainability")


def test_a_spec_survives_its_own_json() -> None:
    spec = parse_spec(sectioning(components=["a", {"name": "b", "depends_on": ["a"]}]))

    assert parse_spec(json.loads(spec.model_dump_json(by_alias=True))) == spec
    assert parse_spec(spec) == spec


def test_all_mistakes_come_together_each_with_its_place() -> None:
    task = sectioning(
        components=["a", "a", {"name": "b", "depend_on": ["a"]}, {"name": "c", "depends_on": ["x"]}, {"name": 3}]
    )
    task["paralelism_hint"] = 3

    found = mistakes_in(task)

    assert "did you mean 'parallelism_hint'?" in found["paralelism_hint"]
    assert "did you mean 'depends_on'?" in found["main_task.components[2].depend_on"]
    assert "already" in found["main_task.components[1].name"]
    assert "no component is called 'x'" in found["main_task.components[3].depends_on[0]"]
    assert "main_task.components[4].name" in found


def test_a_cycle_prints_its_chain() -> None:
    found = mistakes_in(
        sectioning(
            components=[
                {"name": "a", "depends_on": ["c"]},
                {"name": "b", "depends_on": ["a"]},
                {"name": "c", "depends_on": ["b"]},
            ]
        )
    )

    text = found["main_task.components"]
    assert text.count("->") == 3 and all(repr(name) in text for name in "abc")


@pytest.mark.parametrize(
    ("task", "place", "words"),
    [
        ({}, "mode", "is required"),
        ({"mode": "voteing"}, "mode", "did you mean 'voting'?"),
        ({"mode": ["voting"]}, "mode", "unknown mode"),
        ("[]", "the whole", "JSON object"),
        ("{", "line 1, column 2", "not JSON"),
        ('{"a": 1, "a": 2}', "the JSON", "stands twice"),
        ("[" * 200_000, "the JSON", "nested"),
        ({**sectioning(), "timeout_seconds": -1}, "timeout_seconds", "must be above 0"),
        ({**sectioning(), "parallelism_hint": 10**9}, "parallelism_hint", "at most 1000"),
        ({**sectioning(), "parallelism_hint": "many"}, "parallelism_hint", "found 'many'"),
        (sectioning(level="line"), "main_task.level", "unknown value 'line'; takes 'file'"),
        (sectioning(level="file"), "main_task.root", "needs a directory"),
        (sectioning(level="test", components=["a"]), "main_task.level", "keep one"),
        (sectioning(suite={}), "main_task.suite", "level 'test'"),
        ({**sectioning(), "merged_output": "x"}, "merged_output", "needs a base"),
        ({"task_id": "t", "mode": "voting", "main_task": {"description": "d"}}, "voters", "required"),
        (
            {"task_id": "t", "mode": "voting", "main_task": {"description": "d"}, "voters": ["a", "a"]},
            "voters[1].name",
            "unique",
        ),
    ],
)
def test_a_mistake_says_where_and_what(task: Any, place: str, words: str) -> None:
    assert words in mistakes_in(task)[place]


def test_a_missing_and_an_oversized_file_are_mistakes_too(tmp_path: Path) -> None:
    large = tmp_path / "large.json"
    with large.open("wb") as stream:
        stream.truncate(MAX_SPEC_BYTES + 1)

    for path, words in [
        (tmp_path / "none.json", "does not exist"),
        (large, "at most 16 MB"),
        (tmp_path, "is a directory"),
    ]:
        with pytest.raises(SpecError, match=words):
            read_spec(path)


def test_errors_survive_pickling() -> None:
    error = SpecError({"a": "b"}, "c")

    run_error = pickle.loads(pickle.dumps(RunError("m", {"a": 1})))

    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert (str(run_error), run_error.report) == ("m", {"a": 1})
