"""Sections on a tree: the pinned base, what a section starts from, and its work collected as a changeset."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ptx_prefect.errors import TreeError
from ptx_prefect.run.outcomes import Done, Failed, WorkerOutcome
from ptx_prefect.spec import Base as BaseSpec
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree import Base, Changeset, Refused, open_workspace
from ptx_prefect.tree.location import place_of_base
from ptx_prefect.tree.publish import own_places

_PINNED: dict[str, Base] = {}
_LOCK = threading.Lock()


def pin(spec: BaseSpec | str, *, workdir: Path | str = ".", own: Sequence[str] = ()) -> tuple[Base, dict[str, Any]]:
    """The base as it is now, and a reference to it that crosses processes.

    Args:
        workdir: where a relative path starts.
        own: absolute paths of what this run writes to.

    Raises:
        TreeError: no such directory or revision.
    """
    wanted = BaseSpec(path=spec) if isinstance(spec, str) else spec
    place = place_of_base(wanted, workdir)
    base = Base.of_revision(place, wanted.revision) if wanted.revision else Base.of_directory(place, own=own)
    return base, {**adopt(base), "own": list(own)}


def pin_for(spec: SectioningSpec, output: Path) -> tuple[Base, dict[str, Any]] | tuple[None, None]:
    """The base of a task whose reports go to ``output``; None twice where it has none.

    Raises:
        TreeError: no such directory or revision.
    """
    if spec.base is None:
        return None, None
    return pin(spec.base, workdir=spec.workdir, own=own_places(spec, output))


def adopt(base: Base) -> dict[str, Any]:
    """A reference to a base that this process has from elsewhere."""
    with _LOCK:
        _PINNED[base.digest] = base
    return {"path": str(base.root), "revision": base.revision, "digest": base.digest}


def empty_base(state: Path) -> tuple[Base, dict[str, Any]]:
    """A tree with nothing in it, for workers that only need a private place."""
    place = state / "empty"
    place.mkdir(mode=0o700, exist_ok=True)
    return pin(str(place))


def base_of(reference: Mapping[str, Any]) -> Base:
    """The base behind a reference; read again where this process has not pinned it.

    Raises:
        TreeError: it is not what it was when the run began.
    """
    with _LOCK:
        known = _PINNED.get(reference["digest"])
        if known is not None:
            return known
        revision = reference["revision"]
        path = reference["path"]
        own = reference.get("own", ())
        base = Base.of_revision(path, revision) if revision else Base.of_directory(path, own=own)
        if base.digest != reference["digest"]:
            raise TreeError(f"the base {path!r} changed since the run began; run the task again")
        _PINNED[base.digest] = base
        return base


def in_workspace(
    reference: Mapping[str, Any],
    start: Changeset,
    work: Callable[[Path], WorkerOutcome],
    *,
    section: str,
    root: Path,
    writes: tuple[str, ...],
) -> WorkerOutcome:
    """Do ``work`` in a private workspace; its change is what differs there, whatever the worker says."""
    with open_workspace(base_of(reference), [start], root=root, name=section) as workspace:
        outcome = work(workspace.path)
        if not isinstance(outcome, Done):
            return outcome
        found = workspace.collect(writes or None)
        if isinstance(found, Refused):
            return Failed(found.reason, kind="outside_writes", permanent=True, usage=outcome.usage, log=outcome.log)
        return replace(outcome, changeset=found)
