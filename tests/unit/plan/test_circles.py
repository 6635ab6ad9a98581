"""Circles of dependencies: declared ones are refused, merged or cut; derived ones merged, cut or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.errors import PlanError, SpecError
from ptx_prefect.plan.by_file import sections_by_file
from ptx_prefect.plan.by_module import sections_by_module
from ptx_prefect.plan.graph import cut_cycles, cycles_of
from ptx_prefect.plan.make import make_plan
from ptx_prefect.plan.plan import Plan
from ptx_prefect.plan.references import read_references
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec

CIRCLE = [
    {"name": "api", "depends_on": ["types"], "reads": ["types.py"], "writes": ["api.py"]},
    {"name": "types", "depends_on": ["docs"], "writes": ["types.py"]},
    {"name": "docs", "depends_on": ["api"], "reads": ["api.py"], "writes": ["docs.md"]},
    {"name": "site", "depends_on": ["docs"], "writes": ["site"]},
]


def plan_of(tmp_path: Path, components: list[dict[str, Any]], **task: Any) -> Plan:
    work = {"kind": "command", "argv": ["true"]}
    spec = parse_spec(
        {"task_id": "t", "mode": "sectioning", "worker": work, **task}
        | {"main_task": {"description": "d", "components": components}}
    )
    assert isinstance(spec, SectioningSpec)
    return make_plan(spec, Settings(), state_dir=tmp_path)


@pytest.mark.parametrize("choice", [None, "error"])
def test_a_declared_circle_is_refused_with_its_chain(tmp_path: Path, choice: str | None) -> None:
    with pytest.raises(SpecError, match=r"in a circle: .* -> .* -> .*set on_cycle to 'merge' or 'cut'"):
        plan_of(tmp_path, CIRCLE, on_cycle=choice)


def test_a_declared_circle_is_cut_where_no_file_is_passed_along(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, CIRCLE, on_cycle="cut")

    assert plan.waves == (("types",), ("api",), ("docs",), ("site",))
    assert any("'types' no longer waits for 'docs'" in note and "circle" in note for note in plan.notes)


def test_a_declared_circle_becomes_one_section(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, CIRCLE, on_cycle="merge")

    assert [(one.name, one.depends_on) for one in plan.sections] == [
        ("api + types + docs", ()),
        ("site", ("api + types + docs",)),
    ]
    assert plan.sections[0].writes == ("api.py", "types.py", "docs.md")
    assert all({edge.source, edge.target} <= {"api + types + docs", "site"} for edge in plan.edges)


def test_sections_with_different_workers_are_not_merged(tmp_path: Path) -> None:
    other = [{**CIRCLE[0], "worker": {"kind": "command", "argv": ["false"]}}, *CIRCLE[1:]]

    with pytest.raises(PlanError, match="their workers differ"):
        plan_of(tmp_path, other, on_cycle="merge")


def test_files_in_a_circle_are_told_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("\nimport b\n\ndef f():\n    return b.g() + b.g()\n")
    (tmp_path / "b.py").write_text("def g():\n    import a\n    return a.f\n")
    references = read_references(tmp_path)
    merged_notes: list[str] = []
    cut_notes: list[str] = []

    merged = sections_by_file(tmp_path, ["*.py"], references=references, notes=merged_notes)
    cut = sections_by_file(tmp_path, ["*.py"], references=references, on_cycle="cut", notes=cut_notes)
    with pytest.raises(PlanError, match=r"in a circle: .*a\.py:2 refers to b.*on_cycle"):
        sections_by_file(tmp_path, ["*.py"], references=references, on_cycle="error")

    assert len(merged) == 1 and "a.py:2 refers to b" in merged_notes[0] and "b.py:2 refers to a" in merged_notes[0]
    assert {one.name: one.depends_on for one in cut} == {"a.py": (("b.py", "a.py:2 refers to b"),), "b.py": ()}
    assert cut_notes[0].startswith("the order a.py -> b.py was given up (b.py:2 refers to a)")


def test_modules_that_need_each_other_are_cut_merged_or_refused(tmp_path: Path) -> None:
    # Two groups of equal size, each a chain, that refer to each other without any file in a circle.
    for group, other in (("p", "q"), ("q", "p")):
        (tmp_path / group).mkdir()
        for n in range(6):
            below = f"from {group}.m{n - 1} import f{n - 1}\nf{n - 1}()\n" * 3 if n else ""
            across = f"from {other}.m0 import f0\n" if n == 5 else ""
            (tmp_path / group / f"m{n}.py").write_text(f"{below}{across}def f{n}(): ...\n")
    references = read_references(tmp_path)

    cut = sections_by_module(references, cap=2)
    merged = sections_by_module(references, cap=2, on_cycle="merge")
    with pytest.raises(PlanError, match=r"need each other in a circle.*m5\.py:\d+ refers to"):
        sections_by_module(references, cap=2, on_cycle="error")

    assert len(cut.sections) == 2 and len(cut.dropped) == 1
    assert len(merged.sections) == 1 and not merged.dropped


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=40))
def test_cutting_removes_cycles_and_nothing_else(pairs: list[tuple[int, int]]) -> None:
    after = {str(n): list(dict.fromkeys(str(b) for a, b in pairs if a == n)) for n in range(8)}

    kept, cuts = cut_cycles(after, lambda source, target: (int(source), int(target)))

    assert cycles_of(kept) == ()
    gone = {(cut.target, cut.source) for cut in cuts}
    assert {(a, b) for a, sources in after.items() for b in sources} == gone | {
        (a, b) for a, sources in kept.items() for b in sources
    }
    assert all(cut.chain[0] == cut.chain[-1] for cut in cuts)
