"""Which worker does a component, and how it is configured; knows no graph and imports nothing slow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptx_prefect.errors import SpecError
from ptx_prefect.run.models import with_model
from ptx_prefect.settings import Settings
from ptx_prefect.spec import Component, WorkerRef

NO_WORKER = (
    "no worker can do {!r}: name one here (worker), for all (the task's worker), or in the settings (default_worker);"
    ' for example {{"kind": "command", "argv": ["make", "x"]}}'
)
FILES = "{files}"
"""An argument of a command that stands for the files of a derived section."""
THINKING = ("chat", "agent")
"""Kinds of workers that are told why their result was not taken, and try again by themselves."""
_CHECKS_ADVICE = "for others, add a component that depends on this one and runs the command"


def worker_of(reference: WorkerRef | None) -> tuple[str, dict[str, Any]] | None:
    """A worker reference as (kind, configuration)."""
    if reference is None:
        return None
    if isinstance(reference, str):
        return reference, {}
    return str(reference.get("kind", "")), {key: value for key, value in reference.items() if key != "kind"}


def config_of(component: Component, kind: str, config: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The worker's configuration for one component: its model resolved, its checks added.

    Raises:
        SpecError: an unknown model, or checks for a worker that cannot be told about them.
    """
    found = with_model(kind, config, settings)
    if component.checks:
        if kind not in THINKING:
            raise SpecError({"checks": f"are for workers that think ({', '.join(THINKING)}); {_CHECKS_ADVICE}"})
        found["checks"] = [list(argv) for argv in component.checks]
    return found
