"""How a section ended: closed cases to match on, plain data that crosses processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ptx_prefect.tree.changeset import Changeset


@dataclass(frozen=True, slots=True)
class Usage:
    """What one section cost. ``None`` means: not measured (never: zero).

    ``cpu_s`` and ``peak_rss_mb`` are of the whole process tree; the model figures are what the provider billed.
    """

    wall_s: float = 0.0
    cpu_s: float | None = None
    peak_rss_mb: float | None = None
    calls: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The section did its work. ``value`` is plain JSON; ``changeset`` is what differs in its workspace."""

    value: object = None
    changeset: Changeset | None = None
    usage: Usage = field(default_factory=Usage)
    log: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The section did not do its work. A ``permanent`` failure (missing command, syntax error) is not tried again.

    ``value`` is plain JSON, where there is something to show all the same: a test section's reports.
    """

    reason: str
    kind: str = "error"
    permanent: bool = False
    usage: Usage = field(default_factory=Usage)
    log: str | None = None
    value: object = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Killed with its whole process group. ``why`` is ``"deadline"`` or ``"silent"`` (no heartbeat).

    ``during`` is what it was at, where the worker knows: the test that ran.
    """

    limit_s: float
    why: str = "deadline"
    usage: Usage = field(default_factory=Usage)
    log: str | None = None
    during: str = ""


@dataclass(frozen=True, slots=True)
class OverMemory:
    """Stopped because its process tree passed the memory limit."""

    peak_mb: float
    limit_mb: float
    usage: Usage = field(default_factory=Usage)
    log: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The provider asked to wait. Not a failure: takes no attempt.

    ``was_asked`` False: nothing was sent, because an earlier refusal still holds.
    """

    provider: str
    retry_after_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    log: str | None = None
    was_asked: bool = True


@dataclass(frozen=True, slots=True)
class Skipped:
    """Never started, because of a prerequisite, a budget or an open circuit breaker."""

    because_of: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Stopped from outside (Ctrl-C, a cancel from the Prefect UI, fail_fast)."""

    reason: str = ""
    usage: Usage = field(default_factory=Usage)


WorkerOutcome = Done | Failed | TimedOut | OverMemory | RateLimited | Cancelled
Outcome = WorkerOutcome | Skipped


def headline_of(outcome: Outcome) -> str:
    """One line that says how a section ended."""
    match outcome:
        case Done():
            return "done"
        case Failed(reason=reason):
            return reason
        case TimedOut(limit_s=limit_s, why="silent", during=during):
            what = f"silent for {limit_s:g} s: no output, no CPU, no beat"
            return f"{what}{f' in {during}' if during else ''}; killed with its children"
        case TimedOut(limit_s=limit_s, during=during):
            what = f"not done within its deadline of {limit_s:g} s"
            return f"{what}{f'; {during} was running' if during else ''}; killed with its children"
        case OverMemory(peak_mb=peak, limit_mb=limit):
            return f"used {peak:.0f} MB, the limit is {limit:.0f} MB; stopped"
        case RateLimited(provider=provider, retry_after_s=wait):
            return f"{provider} asked to wait{f' {wait:g} s' if wait else ''}"
        case Skipped(reason=reason):
            return reason
        case Cancelled(reason=reason):
            return reason or "cancelled"


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """Plain JSON, with the case's name under ``case``."""
    data: dict[str, Any] = {"case": "Done" if isinstance(outcome, Done) else type(outcome).__name__}
    for item in fields(outcome):
        value = getattr(outcome, item.name)
        if isinstance(value, Usage):
            value = {part.name: getattr(value, part.name) for part in fields(value)}
        elif isinstance(value, Changeset):
            value = value.to_json()
        data[item.name] = value
    return data


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    """The mirror of :func:`outcome_to_json`."""
    values = {key: value for key, value in data.items() if key != "case"}
    if "usage" in values:
        values["usage"] = Usage(**values["usage"])
    if values.get("changeset") is not None:
        values["changeset"] = Changeset.from_json(values["changeset"])
    outcome: Outcome = _CASES[data["case"]](**values)
    return outcome


_CASES: Mapping[str, Any] = {
    case.__name__: case for case in (Done, Failed, TimedOut, OverMemory, RateLimited, Skipped, Cancelled)
}
