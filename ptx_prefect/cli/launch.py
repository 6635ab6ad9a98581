"""A run from the command line: Prefect made ready, progress shown, the outcome as an exit code."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from ptx_prefect.cli.exit_codes import INTERRUPTED, NOT_DONE, OK
from ptx_prefect.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import Popen

    from ptx_prefect.run.records import Event, Observer
    from ptx_prefect.spec import TaskSpec

_PREFECT_DEFAULTS = {
    # The embedded server needs 16–25 s on a busy machine; Prefect gives up after 20.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # Our display says what happens; Prefect's own lines would tear it up.
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    # Each section that fails or is stopped would be a traceback of Prefect's task engine; they still reach its UI.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}


def launch(task: TaskSpec, *, fresh: bool, as_json: bool, command: str, as_jsonl: bool = False) -> int:
    """Run a task as a Prefect flow in this process. Returns the exit code.

    Args:
        command: what to type to go on, for the person who stopped it.
    """
    try:
        return _launched(task, fresh=fresh, as_json=as_json, command=command, as_jsonl=as_jsonl)
    except KeyboardInterrupt:
        click.echo(f"\nstopped; what was finished is kept. To go on: {command}", err=True)
        return INTERRUPTED


def _launched(task: TaskSpec, *, fresh: bool, as_json: bool, command: str, as_jsonl: bool) -> int:
    from ptx_prefect.cli.display import Display, result_text
    from ptx_prefect.cli.server import provide_server
    from ptx_prefect.settings import state_dir
    from ptx_prefect.workers.spawners import shared_spawner

    _make_ready()
    server = provide_server(state_dir())
    _begin_to_collect(task, state_dir())
    # Its imports take as long as some of ours: both at once.
    threading.Thread(target=shared_spawner().warm_up, daemon=True).start()
    with Display(task.task_id, quiet=as_json or as_jsonl) as display:
        display.say("starting Prefect")
        observers = (display, _print_event) if as_jsonl else (display,)
        report, code = _executed(task, server, observers, fresh=fresh, command=command)
    if not as_jsonl:
        click.echo(_as_json(report) if as_json else result_text(report))
    return code


def _begin_to_collect(task: TaskSpec, state: Path) -> None:
    """A suite is collected by a process of its own: while Prefect starts, there is a core for it."""
    from ptx_prefect.spec import SectioningSpec

    if isinstance(task, SectioningSpec) and task.main_task.level == "test":
        from ptx_prefect.plan.by_suite import collect_suite_early  # Not for other tasks.

        collect_suite_early(task, state_dir=state)


def _make_ready() -> None:
    """Prefect's settings for this process, and signals that stop a run in order."""
    from ptx_prefect.cli.profile import check_profile

    for name, value in _PREFECT_DEFAULTS.items():
        os.environ.setdefault(name, value)
    check_profile(os.environ)
    _make_home(Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # As `nohup` and background jobs of a shell have it.
            signal.signal(number, _Stop())


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        told = f"Prefect's home {str(home)!r} cannot be made ({error.strerror}); set PREFECT_HOME"
        raise RunError(f"{told} to a directory that you may write to") from error


def _executed(
    task: TaskSpec, server: Popen[bytes] | None, observers: tuple[Observer, ...], *, fresh: bool, command: str
) -> tuple[Any, int]:
    """The report and the exit code; a run that did not succeed has both.

    Raises:
        RunError: there is no report: the run could not begin, or Prefect's server failed it.
    """
    from ptx_prefect.cli.server import wait_until_up
    from ptx_prefect.engine.execution import OBSERVERS
    from ptx_prefect.flows import execute

    OBSERVERS.set((*OBSERVERS.get(), *observers))
    try:
        wait_until_up(server)
        return execute(task, fresh=fresh), OK
    except RunError as error:
        if error.report is None:
            raise
        return error.report, NOT_DONE
    except Exception as error:
        if not _is_of_the_server(error):
            raise
        raise RunError(
            f"Prefect's server at {os.environ.get('PREFECT_API_URL', '(its default place)')} did not do its part:"
            f" {str(error).strip().splitlines()[0]}. What was finished is kept; to go on: {command}"
        ) from error


def _print_event(event: Event) -> None:
    import json

    from ptx_prefect.engine.output import event_to_json

    click.echo(json.dumps(event_to_json(event)))


def _is_of_the_server(error: BaseException | None) -> bool:
    """Whether the server refused a request or could not be reached, as far as the exceptions tell."""
    while error is not None:
        kind = type(error)
        if kind.__module__.split(".")[0] in ("httpx", "httpcore") or kind.__name__.startswith("PrefectHTTP"):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Stop:
    """A signal's handler: the first one stops the run in order, a second one at once."""

    has_come = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if not _Stop.has_come:
            _Stop.has_come = True
            raise KeyboardInterrupt
        # Supervisors notice that the run is gone and end their sections; the server notices too.
        os.write(2, b"\nstopped at once; what was finished is kept\n")
        os._exit(128 + number)


def _as_json(report: Any) -> str:
    import json

    return json.dumps(report, indent=2)
