"""How a section ended: closed cases to match on, plain data that crosses processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    """The section did not do its work. A ``permanent`` failure (missing command, syntax error) is not tried again."""

    reason: str
    kind: str = "error"
    permanent: bool = False
    usage: Usage = field(default_factory=Usage)
    log: str | None = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """Killed with its whole process group. ``why`` is ``"deadline"`` or ``"silent"`` (no heartbeat)."""

    limit_s: float
    why: str = "deadline"
    usage: Usage = field(default_factory=Usage)
    log: str | None = None


@dataclass(frozen=True, slots=True)
class OverMemory:
    """Stopped because its process tree passed the memory limit."""

    peak_mb: float
    limit_mb: float
    usage: Usage = field(default_factory=Usage)
    log: str | None = None


@dataclass(frozen=True, slots=True)
class RateLimited:
    """The provider asked to wait. Not a failure: takes no attempt."""

    provider: str
    retry_after_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    log: str | None = None


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
