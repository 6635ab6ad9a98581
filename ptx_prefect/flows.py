"""The Prefect flows. The files in `flows/` at the top of the project re-export them with a `serve()`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from prefect import Flow
from prefect.context import SettingsContext, get_settings_context
from prefect.runtime import flow_run
from prefect.task_runners import ConcurrentTaskRunner
from pydantic import Field, TypeAdapter, WithJsonSchema

from ptx_prefect.engine.artifacts import finish_artifacts
from ptx_prefect.engine.forms import JSON_BOX, form_of
from ptx_prefect.engine.references import with_variables
from ptx_prefect.engine.sectioning import run_sectioning
from ptx_prefect.engine.server_check import check_server
from ptx_prefect.errors import RunError, SpecError
from ptx_prefect.preflight import check_task
from ptx_prefect.report import Report
from ptx_prefect.settings import Settings, load_settings
from ptx_prefect.spec import SectioningSpec, TaskSpec, VotingSpec, parse_spec

# A run's own pool bounds what is in flight; the runner only needs room for it.
_RUNNER: Any = ConcurrentTaskRunner(max_workers=1000)

MAX_SHOWN = 200_000
"""Characters. Prefect's server refuses a flow run whose parameters take more than 512 KB."""

Fresh = Annotated[bool, Field(description="Run everything, whatever was finished before.")]
# What Prefect's UI draws as a form; `parse_spec` decides what is right.
SectioningForm = Annotated[SectioningSpec, WithJsonSchema(form_of(SectioningSpec))]
VotingForm = Annotated[VotingSpec, WithJsonSchema(form_of(VotingSpec))]
TaskBox = Annotated[TaskSpec, WithJsonSchema(dict(JSON_BOX))]


def _run_name() -> str:
    """``<flow>: <task_id>``, as lists of runs show it."""
    spec = flow_run.parameters.get("spec")
    task_id = spec.get("task_id") if isinstance(spec, dict) else getattr(spec, "task_id", None)
    return f"{flow_run.flow_name}: {task_id or 'task'}"


class CalledFlow(Flow[..., dict[str, Any]]):
    """A flow that costs less around its work.

    It has no heartbeat where a person or a program calls it: the heartbeat's thread costs up to a second at the end of
    every flow. It is there for a server that watches flows of its workers, and a worker, which does not come this way,
    keeps it. And its parameters become JSON without FastAPI, whose import takes a fifth of a second.
    """

    if not TYPE_CHECKING:  # type checkers see the signature of Flow, with its overloads

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            """Run the flow here."""
            check_server()
            context = get_settings_context()
            # Copied, not built anew (`temporary_settings`): that reads every source again and takes 0.15 s.
            quiet = context.settings.flows.model_copy(update={"heartbeat_frequency": None})
            settings = context.settings.model_copy(update={"flows": quiet})
            try:
                with SettingsContext(profile=context.profile, settings=settings):
                    return super().__call__(*args, **kwargs)
            finally:
                finish_artifacts()

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """As Prefect shows them with the flow run; of a long task its outline, since the server refuses 512 KB."""
        plain = TypeAdapter(dict[str, Any])
        try:
            shown = plain.dump_python(parameters, mode="json")
        except ValueError:
            shown = super().serialize_parameters(parameters)
        is_long = len(json.dumps(shown, default=str)) > MAX_SHOWN
        return {name: _outline(value) if is_long else value for name, value in shown.items()}


def _outline(value: Any) -> Any:
    """A task without its components, as far as it is one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value[:1000]
    main_task = value.get("main_task") if isinstance(value, dict) else None
    if not isinstance(main_task, dict):
        return value
    count = len(main_task.get("components") or ())
    about = f"{count} components, too many to show here"
    return {
        "task_id": value.get("task_id"),
        "mode": value.get("mode"),
        "main_task": {"description": str(main_task.get("description", ""))[:1000], "components": [about]},
    }


def _flow(function: Callable[..., Any]) -> CalledFlow:
    return CalledFlow(
        function,
        name=function.__name__,
        flow_run_name=_run_name,
        task_runner=_RUNNER,
        persist_result=False,
        validate_parameters=False,
    )


# Parameters are checked by `parse_spec`, which tells all mistakes at once; Prefect would stop at its own wording.
@_flow
def sectioning(spec: SectioningForm, fresh: Fresh = False) -> dict[str, Any]:
    """Split one task into sections, run them in parallel, merge and validate what they made.

    Args:
        spec: The task. To paste it as JSON, choose that in the menu at the right. (In Python: a mapping or JSON text.)
        fresh: Run everything, whatever was finished before.

    Returns:
        The report as plain JSON.

    Raises:
        SpecError: mistakes in the task, all of them at once.
        RunError: a section did not succeed; the report is written before and stands in ``.report``.
    """
    task = parse_spec(with_variables(spec))
    if not isinstance(task, SectioningSpec):
        raise SpecError({"mode": f"is {task.mode!r}; use the flow `voting`, or `execute` for both"})
    return _closed(_run_sectioning(task, load_settings(), fresh=fresh))


@_flow
def execute(spec: TaskBox, fresh: Fresh = False) -> dict[str, Any]:
    """Run a task of either mode: `sectioning` splits it, `voting` compares approaches.

    Args:
        spec: The task of either mode as JSON, as `ptx run` takes it from a file.
        fresh: Run everything, whatever was finished before.

    Returns and raises as :func:`sectioning` and :func:`voting`.
    """
    task = parse_spec(with_variables(spec))
    if isinstance(task, VotingSpec):
        return _closed(_run_voting(task, load_settings(), fresh=fresh))
    return _closed(_run_sectioning(task, load_settings(), fresh=fresh))


@_flow
def voting(spec: VotingForm, fresh: Fresh = False) -> dict[str, Any]:
    """Run rival approaches to one task, gate and measure them, pick or synthesise the winner.

    Args:
        spec: The task. To paste it as JSON, choose that in the menu at the right. (In Python: a mapping or JSON text.)
        fresh: Let every voter write its candidate anew.

    Returns:
        The report as plain JSON; its ``results.decision`` is the decision with the evidence for it.

    Raises:
        SpecError: mistakes in the task, all of them at once.
        RunError: nothing could be chosen, or the quorum was missed; the report is written before and stands in
            ``.report``.
    """
    task = parse_spec(with_variables(spec))
    if not isinstance(task, VotingSpec):
        raise SpecError({"mode": f"is {task.mode!r}; use the flow `sectioning`, or `execute` for both"})
    return _closed(_run_voting(task, load_settings(), fresh=fresh))


def _run_sectioning(task: SectioningSpec, settings: Settings, *, fresh: bool) -> Report:
    check_task(task, settings)
    return run_sectioning(task, settings, fresh=fresh)


def _run_voting(task: VotingSpec, settings: Settings, *, fresh: bool) -> Report:
    """Loaded when there is a vote: a fifth of our own imports."""
    from ptx_prefect.engine.voting import run_voting

    check_task(task, settings)
    return run_voting(task, settings, fresh=fresh)


def _closed(report: Report) -> dict[str, Any]:
    """The report as the flow's result, or the error that makes the flow run FAILED."""
    data = report.model_dump(mode="json")
    if report.status != "success":
        raise RunError(f"{report.task_id}: {report.status}. {'; '.join(report.next_steps[:3])}", data)
    return data
