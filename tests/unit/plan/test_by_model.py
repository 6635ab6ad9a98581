"""Sections proposed by a model: checked like any task, repaired once, then refused; remembered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.by_model import needs_components, with_proposed_components
from ptx_prefect.spec import SectioningSpec, parse_spec

TASK = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "Build a todo app."}}
GOOD = {
    "sections": [
        {"name": "backend", "description": "Express API", "writes": ["api/**"]},
        {"name": "frontend", "description": "React", "writes": ["web/**"]},
        {"name": "integration", "description": "compose", "depends_on": ["backend", "frontend"]},
    ]
}
CYCLE = {
    "sections": [
        {"name": "a", "description": "x", "depends_on": ["b"]},
        {"name": "b", "description": "y", "depends_on": ["a"]},
    ]
}


class Planner:
    """Answers in turn; keeps what it was asked."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self.answers = list(answers)
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> Mapping[str, Any]:
        self.prompts.append(prompt)
        return self.answers[len(self.prompts) - 1]


def task() -> SectioningSpec:
    spec = parse_spec(TASK)
    assert isinstance(spec, SectioningSpec) and needs_components(spec)
    return spec


def test_a_proposal_becomes_components(tmp_path: Path) -> None:
    planner = Planner(GOOD)
    proposed = with_proposed_components(task(), planner, who="m", cache_dir=tmp_path)
    names = [getattr(row, "name", row) for row in proposed.spec.main_task.components]

    assert names == ["backend", "frontend", "integration"] and proposed.note == "3 sections proposed by m"
    assert "Build a todo app." in planner.prompts[0] and not needs_components(proposed.spec)


def test_a_proposal_is_asked_for_once(tmp_path: Path) -> None:
    with_proposed_components(task(), Planner(GOOD), who="m", cache_dir=tmp_path)
    nobody = Planner()
    again = with_proposed_components(task(), nobody, who="m", cache_dir=tmp_path)
    other = Planner(GOOD)
    with_proposed_components(task(), other, who="another model", cache_dir=tmp_path)

    assert nobody.prompts == [] and again.note == "3 sections proposed by m earlier, remembered"
    assert len(other.prompts) == 1


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (CYCLE, "circle"),
        ({"sections": []}, "sections"),
        ({"parts": [1]}, "unknown key 'parts'"),
        ({"sections": [{"name": "a", "description": "x", "depends_on": ["b"]}]}, "no component is called 'b'"),
        ({"sections": [{"name": n, "description": "x", "writes": ["f.py"]} for n in "ab"]}, "'f.py' is written by 'a'"),
        ({"sections": [{"name": "a", "description": "x"}] * 2}, "names are unique"),
    ],
)
def test_what_is_no_plan_is_sent_back_once_with_the_reasons(tmp_path: Path, bad: dict[str, Any], told: str) -> None:
    planner = Planner(bad, GOOD)
    proposed = with_proposed_components(task(), planner, who="m", cache_dir=tmp_path)

    assert told in planner.prompts[1] and len(proposed.spec.main_task.components) == 3


def test_two_bad_proposals_are_refused_with_the_reasons_and_not_remembered(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"m proposed no usable plan, twice: .*circle.*by hand"):
        with_proposed_components(task(), Planner(CYCLE, CYCLE), who="m", cache_dir=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_damaged_memory_is_asked_again(tmp_path: Path) -> None:
    with_proposed_components(task(), Planner(GOOD), who="m", cache_dir=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text('{"sections": 3}')

    assert (
        len(with_proposed_components(task(), Planner(GOOD), who="m", cache_dir=tmp_path).spec.main_task.components) == 3
    )
