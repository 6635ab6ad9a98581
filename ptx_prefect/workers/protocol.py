"""What the engine asks of a worker: check before the run, then do one section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ptx_prefect.run.budget import Forecast
from ptx_prefect.run.outcomes import WorkerOutcome


@dataclass(frozen=True, slots=True)
class Job:
    """One section as a worker sees it: plain values, so that it crosses processes.

    ``config`` is the section's ``worker`` object without its ``kind``. ``inputs`` are the values of its
    prerequisites, by section name. ``workdir`` is where it works: its private workspace, or where the user stands.
    ``home`` is where the user stands, where that is not ``workdir``: modules and scripts of the task are found there.
    ``log_path`` takes the captured output. ``state_dir`` holds the registry of children.
    ``attempt`` counts from 1. ``calls_allowed`` is how many model calls the budget covers; None: no budget.
    ``spare`` names the run's idle slots, where this process has them.
    ``hidden`` maps texts that must not be written down (secrets) to what stands in for them.
    """

    section: str
    description: str
    config: Mapping[str, Any]
    workdir: Path
    log_path: Path
    state_dir: Path
    deadline_s: float
    heartbeat_s: float | None = None
    memory_limit_mb: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    attempt: int = 1
    home: Path | None = None
    calls_allowed: int | None = None
    spare: str = ""
    hidden: Mapping[str, str] = field(default_factory=dict)


Beat = Callable[[str], None]
"""Called by a worker with a short line when it has made progress; counts as a heartbeat."""


class Worker(Protocol):
    """Does one section. Never raises for what is expected: a failure is an outcome."""

    kind: str

    def check(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, str]:
        """Mistakes in a section's configuration (place to text), found before anything runs."""
        ...

    def fingerprint(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, Any]:
        """What else decides the result (versions, file digests): goes into the cache key."""
        ...

    def run(self, job: Job, *, beat: Beat) -> WorkerOutcome:
        """Do the work within ``job.deadline_s`` seconds and leave no process behind."""
        ...


@runtime_checkable
class Spender(Protocol):
    """A worker that costs money: can say beforehand how much at most."""

    def forecast(
        self, config: Mapping[str, Any], *, description: str, inputs: Mapping[str, Any], has_files: bool
    ) -> Forecast:
        """The most that one section can spend; ``has_files``: it declares paths to read or write."""
        ...
