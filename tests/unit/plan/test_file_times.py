"""What files took before decides batches and estimates, and lengthens deadlines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.plan.durations import Durations, Learned
from ptx_prefect.plan.file_times import seconds_of_files, shares_of
from ptx_prefect.plan.make import SECTIONS_SCOPE, make_plan
from ptx_prefect.plan.plan import Plan
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, parse_spec


def plan_of(root: Path, state: Path, settings: Settings | None = None, **task: Any) -> Plan:
    work = {"kind": "command", "argv": ["touch", "{files}"]}
    main = {"description": "d", "level": "file", "root": str(root), **task.pop("main_task", {})}
    spec = parse_spec({"task_id": "t", "mode": "sectioning", "worker": work, "main_task": main, **task})
    assert isinstance(spec, SectioningSpec)
    return make_plan(spec, settings or Settings(), state_dir=state)


def forty_small_files(tmp_path: Path) -> tuple[Path, Path, Plan]:
    """Their tree, a state directory that knows how little each of them takes, and the plan made before it did."""
    root, state = tmp_path / "tree", tmp_path / "state"
    root.mkdir(), state.mkdir()
    for n in range(40):
        (root / f"f{n:02}.py").write_text("pass\n")
    first = plan_of(root, state)
    took = {identity: 0.02 * share for one in first.sections for identity, share in one.shares.items()}
    Durations(state).record(SECTIONS_SCOPE, took)
    return root, state, first


def test_the_files_of_a_section_share_its_time_by_size(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x" * 2999)
    (tmp_path / "b.py").write_text("x" * 999)

    assert shares_of(["a.py", "b.py"], root=tmp_path, kind="command") == {
        "command:a.py@12": 0.75,
        "command:b.py@10": 0.25,
    }


def test_a_file_that_grew_is_expected_to_take_longer(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x" * 4000)
    learned = {
        "command:a.py@10": Learned(1.0, 1.0),
        "chat:a.py@12": Learned(9.0, 9.0),
        "command:gone.py@3": Learned(1, 1),
    }

    assert seconds_of_files(learned, root=tmp_path, kind="command") == {"a.py": 4.0}


def test_small_files_are_batched_once_their_times_are_known(tmp_path: Path) -> None:
    root, state, first = forty_small_files(tmp_path)
    by_history = {"main_task": {"cut_by_history": True}}
    narrow, wide = (plan_of(root, state, parallelism_hint=hint, **by_history) for hint in (2, 8))

    assert len(first.sections) == 40 and {one.estimate_from for one in first.sections} == {"size"}
    assert len(narrow.sections) < len(wide.sections) < 40
    assert {one.estimate_from for one in wide.sections} == {"history"}
    assert sum(one.items for one in wide.sections) == 40
    assert wide.sequential_s == pytest.approx(40 * 0.02)
    argv = wide.sections[0].config["argv"]
    assert len(argv) == 1 + wide.sections[0].items


def test_a_later_plan_has_the_sections_of_the_first(tmp_path: Path) -> None:
    """What is known of times moves estimates, not sections: else what is finished would be done again."""
    root, state, first = forty_small_files(tmp_path)
    later = plan_of(root, state)

    assert {one.name for one in later.sections} == {one.name for one in first.sections}
    assert {one.estimate_from for one in later.sections} == {"history"}


@pytest.mark.parametrize(
    ("choice", "own_s", "deadline_s"),
    [
        ("lengthen", 50.0, 120.0),  # three times the median
        ("lengthen", 500.0, 500.0),
        ("follow", 500.0, 120.0),
        ("off", 50.0, 50.0),
        ("lengthen", None, 300.0),
    ],
)
def test_history_lengthens_a_deadline_and_shortens_it_only_where_asked(
    tmp_path: Path, choice: str, own_s: float | None, deadline_s: float
) -> None:
    for seconds in (40.0, 40.0, 70.0):
        Durations(tmp_path).record(SECTIONS_SCOPE, {"command:a": seconds})
    component = {"name": "a", **({"timeout_seconds": own_s} if own_s else {})}
    settings = Settings.model_validate({"adaptive_deadlines": choice})
    main_task = {"level": None, "root": None, "components": [component]}

    plan = plan_of(tmp_path, tmp_path, settings, main_task=main_task)

    assert plan.sections[0].timeout_s == deadline_s


def test_no_deadline_passes_the_maximum(tmp_path: Path) -> None:
    Durations(tmp_path).record(SECTIONS_SCOPE, {"command:a": 550.0})
    main_task = {"level": None, "root": None, "components": ["a"]}

    assert plan_of(tmp_path, tmp_path, main_task=main_task).sections[0].timeout_s == 600


@pytest.mark.parametrize("absolute", [True, False])
def test_a_command_finds_its_files_where_it_runs(tmp_path: Path, absolute: bool) -> None:
    root = tmp_path / "src"
    root.mkdir()
    (root / "a.py").touch()

    plan = plan_of(root if absolute else Path("./src"), tmp_path, workdir=str(tmp_path))

    (section,) = plan.sections
    assert (tmp_path / section.config["argv"][1]).samefile(root / "a.py")
    assert [tmp_path / path for path in section.writes] == [root / "a.py"]
