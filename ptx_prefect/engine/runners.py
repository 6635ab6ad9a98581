"""Where sections run: threads of this process, or a Dask or Ray cluster; one setting, the same flows."""

from __future__ import annotations

import contextlib
import itertools
import secrets
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner

from ptx_prefect.engine.perform import Request
from ptx_prefect.engine.tasks import hand_over, run_batch, run_section, take_done
from ptx_prefect.errors import SpecError
from ptx_prefect.run.outcomes import Failed, Outcome
from ptx_prefect.settings import Settings
from ptx_prefect.workers.model_calls import cancel_calls
from ptx_prefect.workers.process import cancel_all

if TYPE_CHECKING:
    from ptx_prefect.engine.cluster import Freight


class Runner(Protocol):
    """Takes requests to where they are done. A future is Prefect's."""

    def submit(self, requests: Sequence[Request], *, name: str, after: Sequence[Any]) -> Any:
        """One task run for one section or a batch; ``after`` are finished futures that draw the edges to it."""
        ...

    def outcomes(self, future: Any, requests: Sequence[Request]) -> list[Outcome | None]:
        """What came of a future that is done, section by section; None: not begun, to be sent again."""
        ...

    def cancel(self, reason: str, section: str | None = None) -> None:
        """End the work of all that is under way, or of one section. May be called again; does not wait."""
        ...


class HereRunner:
    """Threads of the flow's own process: requests name places on this machine."""

    def __init__(self) -> None:
        self._tokens: dict[Any, str] = {}
        self._name = secrets.token_hex(8)
        self._count = itertools.count()

    def submit(self, requests: Sequence[Request], *, name: str, after: Sequence[Any]) -> Any:
        """As :class:`Runner`."""
        token = f"{self._name}-{next(self._count)}"
        hand_over(token, requests)
        work: Any = run_section if len(requests) == 1 else run_batch
        future = work.submit(name, token, return_state=False, wait_for=after)
        self._tokens[future.task_run_id] = token
        return future

    def outcomes(self, future: Any, requests: Sequence[Request]) -> list[Outcome | None]:
        """As :class:`Runner`."""
        future.wait()  # It is done; but only so it knows its state without asking the server for it.
        outcomes = take_done(self._tokens.pop(future.task_run_id))
        if outcomes is not None:
            return [*outcomes]
        error = future.result(raise_on_failure=False)
        return [Failed(f"{type(error).__name__}: {error}", kind="engine") for _ in requests]

    def cancel(self, reason: str, section: str | None = None) -> None:
        """As :class:`Runner`."""
        cancel_all(reason, section=section)
        if section is None:
            cancel_calls(reason)


def runs_elsewhere(settings: Settings) -> bool:
    """Whether sections leave this process: by the settings, or because the flow was given such a task runner."""
    return settings.task_runner != "concurrent" or not isinstance(_flows_own(), ThreadPoolTaskRunner | None)


@contextlib.contextmanager
def open_runner(settings: Settings, freight: Freight | None) -> Iterator[Runner]:
    """The runner of one run; a cluster of its own starts and ends with the block.

    Args:
        freight: what travels to a cluster; None: sections stay here.

    Raises:
        SpecError: the extra is not installed, or the options do not fit.
    """
    if freight is None:
        yield HereRunner()
        return
    from ptx_prefect.engine.cluster import ClusterRunner

    if settings.task_runner == "concurrent":
        yield ClusterRunner(_flows_own(), freight)
        return
    options = dict(settings.task_runner_options)
    remote_options = options.pop("remote_options", None) if settings.task_runner == "ray" else None
    with contextlib.ExitStack() as stack:
        if remote_options:
            stack.enter_context(import_module("prefect_ray.context").remote_options(**remote_options))
        try:
            runner = stack.enter_context(_make(settings.task_runner, options))
            if settings.task_runner == "dask":
                _ = runner.client  # Made at first use: a cluster that is not there is found now.
        except (TypeError, ValueError, OSError) as error:
            told = f"{settings.task_runner} cannot be used: {error}; look at task_runner_options"
            raise SpecError({"task_runner": told}, "settings") from error
        yield ClusterRunner(runner, freight)


def _make(kind: str, options: dict[str, Any]) -> Any:
    if find_spec(f"prefect_{kind}") is None:
        raise SpecError({"task_runner": f'{kind!r} needs an extra: pip install "ptx-prefect[{kind}]"'}, "settings")
    # By name: neither is there when types are checked without the extras.
    return getattr(import_module(f"prefect_{kind}"), {"dask": "DaskTaskRunner", "ray": "RayTaskRunner"}[kind])(
        **options
    )


def _flows_own() -> Any:
    context = FlowRunContext.get()
    return context.task_runner if context is not None else None
