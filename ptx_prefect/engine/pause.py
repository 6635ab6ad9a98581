"""A flow run that waits for a person: Prefect's pause with a form, in a loop of our own.

``pause_flow_run`` ends with the first request that a restarting server does not answer, never sees that the run was
cancelled, and leaves a run that timed out unable to end with its own verdict. The states, the form and the resuming
are Prefect's, so its UI and API serve both alike.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.input.run_input import RunInput, keyset_from_paused_state
from prefect.runtime import flow_run
from prefect.settings import get_current_settings
from prefect.states import Cancelled, Paused, Running
from pydantic import ValidationError

from ptx_prefect.engine.waiting import Waiting, forget_waiting, note_waiting
from ptx_prefect.errors import RunError

logger = logging.getLogger("prefect.ptx")
Form = TypeVar("Form", bound=RunInput)
POLL_S = 2.0
SLACK_S = 3600.0
"""Prefect's own limit lies so much later than ours: past its own a run could not end with our verdict."""


class CancelledWhilePausedError(RunError):
    """Somebody cancelled the run while it waited for an answer."""


def ask(form: type[Form], *, key: str, timeout_s: float, waiting: Path, about: str) -> Form | None:
    """Pause the flow run around us until ``form`` is filled in; None: nobody did in time.

    Args:
        key: tells this pause from others of the run.
        waiting: the state directory; there stands who waits, for `ptx review`.
        about: one line on what is asked.

    Raises:
        CancelledWhilePausedError: the run was cancelled.
        RunError: Prefect does not let the run pause.
    """
    run_id = UUID(str(flow_run.get_id()))
    state: State[Any] = Paused(timeout_seconds=int(timeout_s + SLACK_S), reschedule=False, pause_key=key)
    keyset = keyset_from_paused_state(state)
    state.state_details.run_input_keyset = {str(part): name for part, name in keyset.items()}
    note = Waiting(str(run_id), str(flow_run.get_name()), str(get_current_settings().api.url or ""), about, time.time())
    with get_client(sync_client=True) as client, _noted(note, waiting):
        form.save(keyset, flow_run_id=run_id)  # Before the pause: whoever sees it finds the form.
        answer = client.set_flow_run_state(run_id, state)
        if answer.state is None or not answer.state.is_paused():
            raise RunError(f"Prefect does not let the run pause: {getattr(answer.details, 'reason', answer.status)}")
        if _wait(client, run_id, time.monotonic() + timeout_s) or not _end_pause(client, run_id):
            try:
                return cast(Form, form.load(keyset, flow_run_id=run_id))
            except ValidationError as error:
                logger.warning("the run was resumed without an answer that fits the form: %s", error)
    return None


def _wait(client: SyncPrefectClient, run_id: UUID, deadline_s: float) -> bool:
    """True when the run goes on; False at the deadline. A server that is away for a while is waited for."""
    is_away = False
    while time.monotonic() < deadline_s:
        try:
            state = client.read_flow_run(run_id).state
        except httpx.HTTPError as error:
            if not is_away:
                logger.warning("Prefect's server does not answer (%s); still waiting for the review", error)
            is_away = True
            state = None
        else:
            is_away = False
        if state is not None and _goes_on(client, run_id, state):
            return True
        time.sleep(min(POLL_S, max(0.0, deadline_s - time.monotonic())))
    return False


def _goes_on(client: SyncPrefectClient, run_id: UUID, state: State[Any]) -> bool:
    if state.is_running():
        return True
    if state.is_cancelling() or state.is_final():
        if state.is_cancelling():
            # No worker is there to do it for a run that was started by hand.
            client.set_flow_run_state(run_id, Cancelled(message="cancelled while it waited for a review"), force=True)
        raise CancelledWhilePausedError("the run was cancelled while it waited for a review")
    return False


def _end_pause(client: SyncPrefectClient, run_id: UUID) -> bool:
    """Take the run out of its pause. False: an answer came at the last moment."""
    try:
        state = client.read_flow_run(run_id).state
        if state is not None and state.is_running():
            return False
        client.set_flow_run_state(run_id, Running(message="nobody answered in time"))
    except httpx.HTTPError as error:
        logger.warning("Prefect's server does not answer (%s); the review counts as unanswered", error)
    return True


@contextlib.contextmanager
def _noted(note: Waiting, state_dir: Path) -> Iterator[None]:
    note_waiting(state_dir, note)
    try:
        yield
    finally:
        forget_waiting(state_dir, note.run_id)
