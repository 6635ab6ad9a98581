"""`ptx cache`: what is kept of finished sections, how much it is, and how to get rid of it. `ptx why`: what changed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptx_prefect.cli.commands import SPEC, ptx
from ptx_prefect.cli.exit_codes import OK
from ptx_prefect.cli.variables import with_variables
from ptx_prefect.errors import SpecError

if TYPE_CHECKING:
    from ptx_prefect.engine.store import Store


@ptx.group(short_help="Results that later runs reuse: list, size, prune.")
def cache() -> None:
    """Results of finished sections, which later runs of the same task reuse."""


@cache.command("list")
def list_results() -> int:
    """One line a result, the one used last first."""
    for row in _store().entries():
        age = (time.time() - row.used_at) / 3600
        click.echo(f"{row.key[:12]}  {row.size / 1e6:9.2f} MB  {age:8.1f} h  {row.section or '(not finished)'}")
    return OK


@cache.command()
def size() -> int:
    """How many results there are, and what they take."""
    rows = _store().entries()
    click.echo(f"{len(rows)} result(s), {sum(row.size for row in rows) / 1e6:.1f} MB")
    return OK


_AMOUNT = click.FloatRange(min=0)


@cache.command()
@click.option("--older-than", type=_AMOUNT, metavar="DAYS", help="What was not used for so many days.")
@click.option(
    "--keep",
    "keep_mb",
    type=click.FloatRange(min=0),
    metavar="MB",
    help="What was used longest ago, until so much is left.",
)
def prune(older_than: float | None, keep_mb: float | None) -> int:
    """Remove results. What was used within the last hour stays: a run may be at it."""
    if older_than is None and keep_mb is None:
        raise SpecError({"ptx cache prune": "say what: --older-than DAYS, --keep MB, or both"}, "the command")
    gone = _store().prune(time.time(), older_than_s=None if older_than is None else older_than * 86400, keep_mb=keep_mb)
    click.echo(f"removed {len(gone)} result(s), {sum(row.size for row in gone) / 1e6:.1f} MB")
    return OK


@ptx.command(short_help="Say why a section would run again.")
@click.argument("section")
@SPEC
def why(section: str, spec: Path) -> int:
    """Say why SECTION of the task SPEC would run again: what differs from its last finished result."""
    from ptx_prefect.engine.why import why_again
    from ptx_prefect.settings import load_settings, state_dir
    from ptx_prefect.spec import SectioningSpec, read_spec

    task = read_spec(spec, fill=with_variables)
    if not isinstance(task, SectioningSpec):
        raise SpecError({"mode": "`ptx why` explains sections; this task is a vote"}, str(spec))
    for line in why_again(section, task, load_settings(), state=state_dir()):
        click.echo(line)
    return OK


def _store() -> Store:
    from ptx_prefect.engine.store import Store
    from ptx_prefect.settings import state_dir

    return Store(state_dir())
