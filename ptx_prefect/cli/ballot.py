"""Votes on the command line without Prefect: a quick choice between files, and what a vote would do."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from ptx_prefect.errors import SpecError
from ptx_prefect.strict import nearest
from ptx_prefect.vote import Candidate, vote
from ptx_prefect.vote.values import Aggregation

if TYPE_CHECKING:
    from ptx_prefect.spec import VotingSpec


def decide_files(
    files: Sequence[Path],
    *,
    entry_point: str,
    tests: Path | None,
    inputs: Path | None,
    aggregation: str,
    as_json: bool,
) -> int:
    """Vote between candidate programs; exit code 1 where none can be chosen.

    Raises:
        SpecError: a file that is missing or no text, a wrong rule.
    """
    if aggregation not in get_args(Aggregation):
        hint = nearest(aggregation, get_args(Aggregation))
        raise SpecError({"--aggregation": f"unknown {aggregation!r}; {hint}"}, "ptx vote")
    decision = vote(
        [Candidate(str(path), _text(path)) for path in files],
        entry_point=entry_point,
        tests=_programs(tests),
        inputs=_lines(inputs),
        aggregation=cast(Aggregation, aggregation),
    )
    if as_json:
        click.echo(json.dumps(_finite(asdict(decision)), indent=2, default=str))
    else:
        from ptx_prefect.vote.page import rationale_page

        click.echo(rationale_page(cast(dict[str, Any], decision.rationale), picture=""))
    return 0 if decision.winner is not None else 1


def show_prospect(spec: VotingSpec, *, form: str | None) -> int:
    """Print what the vote would do.

    Raises:
        SpecError: mistakes in the task, all at once, or a picture that a vote does not have.
    """
    from ptx_prefect.settings import load_settings
    from ptx_prefect.vote.mistakes import mistakes_in_vote
    from ptx_prefect.vote.prospect import mistakes_in_prices, prospect_of, prospect_text

    if form not in (None, "json"):
        raise SpecError(
            {f"--{form}": "draws a graph; voters do not depend on each other: use --json or neither"}, "ptx"
        )
    settings = load_settings()
    mistakes = mistakes_in_vote(spec, workdir=Path(spec.workdir), has_worker=settings.default_worker is not None)
    mistakes |= mistakes_in_prices(spec, settings)
    if mistakes:
        raise SpecError(mistakes)
    prospect = prospect_of(spec, settings)
    click.echo(json.dumps(asdict(prospect), indent=2) if form == "json" else prospect_text(prospect))
    return 0


def _finite(value: Any) -> Any:
    """JSON knows no infinity: what ran out of time has no time."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _programs(path: Path | None) -> tuple[str, ...]:
    """One test a line.

    Raises:
        SpecError: a line is no Python: it would silently be no test.
    """
    found = _lines(path)
    for line in found:
        try:
            compile(line, "test", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            mistake = f"{line[:80]!r} is no Python ({error.msg}); one assert statement a line"
            raise SpecError({str(path): mistake}, "ptx vote") from error
    return found


def _lines(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    return tuple(line for line in (row.strip() for row in _text(path).splitlines()) if line and line[0] != "#")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError({str(path): f"cannot be read: {error}"}, "ptx vote") from error
