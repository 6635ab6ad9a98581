"""`ptx review`: the questions of a run that waits for a person, asked in a terminal, answered as Prefect's UI does."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptx_prefect.cli.commands import ptx
from ptx_prefect.cli.exit_codes import OK
from ptx_prefect.errors import RunError, SpecError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from ptx_prefect.engine.waiting import Waiting


@ptx.command(short_help="Answer a run that waits for a review.")
@click.argument("run", required=False)
@click.option("--answer", metavar="JSON", help='The answers as JSON, or "@FILE"; without it you are asked.')
@click.option("--show", is_flag=True, help="Only print what is asked.")
def review(run: str | None, answer: str | None, show: bool) -> int:
    """Answer the review that RUN (id or name of a flow run) waits for. Without RUN: which runs of here wait."""
    from ptx_prefect.engine.waiting import all_waiting
    from ptx_prefect.settings import state_dir

    waiting = all_waiting(state_dir())
    if run is None:
        for row in waiting:
            click.echo(f"{row.run_id}  {row.name}  {(time.time() - row.since_s) / 60:.0f} min  {row.about}")
        click.echo("answer with `ptx review RUN`" if waiting else "no run of this machine waits for a review")
        return OK
    known = next((row for row in waiting if run in (row.run_id, row.name)), None)
    _use_server_of(known)
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return _answer(client, _find(client, known.run_id if known else run), answer, show=show)


def _use_server_of(row: Waiting | None) -> None:
    """The server on which the run waits; it may be the temporary one of a `ptx run`.

    Raises:
        RunError: none answers there.
    """
    from ptx_prefect.cli.profile import check_profile
    from ptx_prefect.cli.server import kept_url
    from ptx_prefect.settings import state_dir

    if row is not None and row.api:
        os.environ["PREFECT_API_URL"] = row.api
    elif not os.environ.get("PREFECT_API_URL") and (url := kept_url(state_dir())):
        os.environ["PREFECT_API_URL"] = f"{url}/api"
    check_profile(os.environ)


def _find(client: SyncPrefectClient, run: str) -> FlowRun:
    from uuid import UUID

    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_flow_run(UUID(run))
    except (ValueError, ObjectNotFound):
        named = FlowRunFilter(name=FlowRunFilterName(any_=[run]))
        found = client.read_flow_runs(flow_run_filter=named, sort=FlowRunSort.START_TIME_DESC, limit=20)
    paused = [row for row in found if row.state is not None and row.state.is_paused()]
    if not (paused or found):
        raise RunError(f"no flow run is called {run!r}; `ptx review` lists those of this machine that wait")
    return (paused or found)[0]


def _answer(client: SyncPrefectClient, run: FlowRun, given: str | None, *, show: bool) -> int:
    state = run.state
    keyset = state.state_details.run_input_keyset if state is not None else None
    if state is None or not state.is_paused() or not keyset:
        now = state.name if state is not None else "not begun"
        raise RunError(f"{run.name!r} does not wait for a review: it is {now}; somebody may have answered already")
    from prefect.input.actions import read_flow_run_input

    schema: Any = read_flow_run_input(keyset["schema"], flow_run_id=run.id)
    page: Any = read_flow_run_input(keyset["description"], flow_run_id=run.id)
    if show:
        click.echo(f"{page}\n\n{json.dumps(schema, indent=2)}")
        return OK
    answers = _read(given) if given is not None else _ask(str(page), schema)
    result = client.resume_flow_run(run.id, run_input=answers)
    if result.status.value != "ACCEPT":
        raise RunError(f"the answer was not taken: {getattr(result.details, 'reason', result.status)}; the run waits")
    click.echo("answered; the run goes on (it asks again where the answer cannot be carried out)")
    return OK


def _read(given: str) -> dict[str, Any]:
    try:
        text = Path(given[1:]).read_text(encoding="utf-8") if given.startswith("@") else given
        data = json.loads(text)
    except (OSError, ValueError) as error:
        raise SpecError({"--answer": f"cannot be read as JSON: {error}"}, "ptx review") from error
    if not isinstance(data, dict):
        raise SpecError({"--answer": 'takes an object, like {"publish": "approve"}'}, "ptx review")
    return data


def _ask(page: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Each field in turn; an edited text in the editor, and only where it is wanted."""
    from ptx_prefect.engine.review import EDITED

    if not sys.stdin.isatty():
        raise SpecError({"--answer": "is needed where there is no terminal; --show prints what is asked"}, "ptx review")
    click.echo(page)
    answers: dict[str, Any] = {}
    for name, field in schema["properties"].items():
        title = field.get("title", name)
        if "enum" in field:
            answers[name] = _choose(title, field["enum"], field.get("default"))
        elif answers.get(name.removesuffix("_text")) == EDITED:
            answers[name] = click.edit(field.get("default", "")) or field.get("default", "")
    return answers


def _choose(title: str, choices: list[str], default: str | None) -> str:
    click.echo(f"\n{title}")
    for number, choice in enumerate(choices, start=1):
        click.echo(f"  {number}  {choice}")
    first = choices.index(default) + 1 if default in choices else None
    number = click.prompt("which", type=click.IntRange(1, len(choices)), default=first)
    return choices[int(number) - 1]
