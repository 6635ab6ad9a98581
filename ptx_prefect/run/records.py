"""What a run was: one record a section and one event a change, for report, progress and timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ptx_prefect.run.outcomes import Outcome

EventKind = Literal[
    "run_started",
    "section_started",
    "section_retry",
    "section_finished",
    "section_reused",
    "pool_changed",
    "note",
    "run_finished",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened ``at_s`` seconds after the run began."""

    kind: EventKind
    at_s: float
    section: str = ""
    detail: str = ""
    outcome: Outcome | None = None


Observer = Callable[[Event], None]
"""Is told every event, in order, from the flow's thread. Progress displays, logs and artifacts are observers."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a section was tried. Times are seconds since the run began; ``worker`` is its row there."""

    outcome: Outcome
    started_s: float
    ended_s: float
    worker: int | None


@dataclass(frozen=True, slots=True)
class SectionRecord:
    """How one section went. Times are seconds since the run began; None where it never started or was reused.

    They are of its last attempt; ``earlier`` holds those before.
    """

    name: str
    outcome: Outcome
    attempts: int
    started_s: float | None
    ended_s: float | None
    busy_s: float
    reused: bool
    key: str | None
    worker: int | None = None
    directory: str | None = None
    earlier: tuple[Attempt, ...] = ()

    @property
    def tried(self) -> tuple[Attempt, ...]:
        """All its attempts, in order."""
        if self.started_s is None:
            return self.earlier
        return (*self.earlier, Attempt(self.outcome, self.started_s, self.ended_s or self.started_s, self.worker))

    @property
    def held_s(self) -> float:
        """For how long its last attempt kept a worker, dispatch and start-up included: what plans count with."""
        return (self.ended_s or 0.0) - (self.started_s or 0.0)
