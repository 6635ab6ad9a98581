"""What a type checker sees of the public names. Never run; `make lint` checks it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import ptx_prefect
from ptx_prefect import (
    PtxError,
    RunError,
    SectioningSpec,
    Settings,
    SpecError,
    VotingSpec,
    execute,
    load_settings,
    make_plan,
    on_event,
    parse_spec,
    read_spec,
    sectioning,
    voting,
)
from ptx_prefect.plan.plan import Plan
from ptx_prefect.run.records import Event
from ptx_prefect.vote import Candidate, Decision, vote

task: Mapping[str, Any] = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d"}}

assert_type(ptx_prefect.__version__, str)
assert_type(parse_spec(task), SectioningSpec | VotingSpec)
assert_type(read_spec("task.json"), SectioningSpec | VotingSpec)
assert_type(load_settings(), Settings)
assert_type(load_settings().parallelism.max_workers, int)

spec = parse_spec(task)
if isinstance(spec, SectioningSpec):
    assert_type(make_plan(spec, load_settings(), state_dir=Path()), Plan)
if isinstance(spec, VotingSpec):
    assert_type(spec.main_task.tests, tuple[str, ...])

assert_type(sectioning(task), dict[str, Any])
assert_type(execute(task, fresh=True), dict[str, Any])
assert_type(voting(task), dict[str, Any])

try:
    sectioning(task)
except SpecError as wrong:
    assert_type(wrong.mistakes, dict[str, str])
except RunError as ended:
    assert_type(ended.report, Mapping[str, object] | None)
except PtxError:
    pass


def show(event: Event) -> None:
    assert_type(event.section, str)


with on_event(show):
    sectioning(task)

assert_type(vote([Candidate("a", "f = int")], entry_point="f"), Decision)
