"""The plan: what will run, in which order and why; frozen, printable, made without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Section:
    """One unit of work as it will be dispatched.

    ``worker`` is the kind, ``config`` the rest of the worker object. ``estimate_from`` says where ``estimate_s``
    comes from: ``"spec"``, ``"history"``, ``"counts"``, ``"size"`` or ``"default"``. ``timeout_s`` is its deadline.
    ``identity`` is what stays the same between runs while content changes: durations are remembered by it.
    ``content`` is the digest of its inputs, where planning has read them anyway. Silent for ``heartbeat_s`` seconds
    it counts as stuck (None: never). ``given`` are inputs beside the values of its prerequisites. ``shares`` are
    identities of its parts, each with its part of the section's time.
    """

    name: str
    description: str
    worker: str
    config: Mapping[str, Any]
    depends_on: tuple[str, ...]
    timeout_s: float
    estimate_s: float
    estimate_from: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    identity: str = ""
    items: int = 1
    content: str = ""
    heartbeat_s: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """``target`` waits for ``source``; ``reason`` says why (declared, imports at file:line, both write a file …)."""

    source: str
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class ForecastConflict:
    """Two sections that would change the same paths without an order between them, and what the plan does about it."""

    sections: tuple[str, str]
    paths: tuple[str, ...]
    choice: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything known before the first section starts. All seconds are estimates.

    ``waves`` are for display: dispatch is by readiness. ``sync_points`` counts them, as the specification does.
    ``bound_s`` is max(critical path, work / workers); no schedule beats it.
    """

    task_id: str
    level: str
    sections: tuple[Section, ...]
    edges: tuple[Edge, ...]
    waves: tuple[tuple[str, ...], ...]
    critical_path: tuple[str, ...]
    critical_path_s: float
    workers: int
    predicted_makespan_s: float
    sequential_s: float
    bound_s: float
    forecast_conflicts: tuple[ForecastConflict, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sync_points(self) -> int:
        """Wait points between waves."""
        return len(self.waves)

    @property
    def max_parallelism(self) -> int:
        """The widest wave."""
        return max((len(wave) for wave in self.waves), default=0)

    @property
    def after(self) -> dict[str, tuple[str, ...]]:
        """Section to its prerequisites, in plan order."""
        return {section.name: section.depends_on for section in self.sections}
