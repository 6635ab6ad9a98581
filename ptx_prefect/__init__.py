"""Split one JSON task into sections and run them in parallel on Prefect, or let rival approaches compete.

``sectioning``, ``voting`` and ``execute`` are Prefect flows. They load on first touch: importing this package imports
neither Prefect nor anything slow.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ptx_prefect.errors import MergeError, PlanError, PtxError, RunError, SpecError, TreeError, VoteError, WorkerError

if sys.platform == "win32":
    raise ImportError("ptx_prefect does not run on Windows: use it in WSL (wsl --install) or in a Linux container")

if TYPE_CHECKING:
    from ptx_prefect.engine.execution import on_event
    from ptx_prefect.flows import execute, sectioning, voting
    from ptx_prefect.plan.make import make_plan
    from ptx_prefect.settings import Settings, load_settings
    from ptx_prefect.spec import SectioningSpec, VotingSpec, parse_spec, read_spec

__version__ = "0.1.0"

__all__ = [
    "MergeError",
    "PlanError",
    "PtxError",
    "RunError",
    "SectioningSpec",
    "Settings",
    "SpecError",
    "TreeError",
    "VoteError",
    "VotingSpec",
    "WorkerError",
    "execute",
    "load_settings",
    "make_plan",
    "on_event",
    "parse_spec",
    "read_spec",
    "sectioning",
    "voting",
]

_HOMES = {
    "execute": "flows",
    "sectioning": "flows",
    "voting": "flows",
    "make_plan": "plan.make",
    "on_event": "engine.execution",
    "Settings": "settings",
    "load_settings": "settings",
    "SectioningSpec": "spec",
    "VotingSpec": "spec",
    "parse_spec": "spec",
    "read_spec": "spec",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ptx_prefect' has no attribute {name!r}")
    return getattr(import_module(f"ptx_prefect.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
