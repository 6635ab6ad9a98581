"""Sections whose changes conflict: the later one of a conflict goes, and comes back where its rival went too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.changesets import Merged
from ptx_prefect.merge.lineage import ancestors_of
from ptx_prefect.merge.result import Conflict
from ptx_prefect.merge.versions import Version
from ptx_prefect.tree.changeset import FileChange
from ptx_prefect.validate.guilty import to_eject

Merge = Callable[[frozenset[str]], Merged]
"""The merge of these sections."""


@dataclass(frozen=True, slots=True)
class Ejection:
    """A section whose changes are not in the tree.

    ``together_with`` are the sections beside which it fails (empty: it fails alone); ``because_of`` is the ejected
    section that it builds on; ``conflicts`` are those that it was ejected for, ``marked`` the files with their markers.
    """

    section: str
    reason: str
    together_with: tuple[str, ...] = ()
    because_of: str | None = None
    conflicts: tuple[Conflict, ...] = ()
    marked: tuple[FileChange, ...] = ()


def without_conflicts(
    names: Sequence[str], merge: Merge, *, after: Mapping[str, Sequence[str]]
) -> tuple[Merged, list[Ejection]]:
    """A merge without conflict markers, which could pass nothing, and the sections that are not in it, in plan order.

    Each of these is told with the conflicts that it alone has with what stays: among more sections, the places of one
    conflict hold the markers of others.
    """
    merged, gone = merge(frozenset(names)), list[str]()
    while rows := _marked(merged):
        last = max((row.sections[-1] for row in rows), key=names.index)
        gone += to_eject([last], merged.sections, after=after)
        merged = merge(frozenset(names) - set(gone))
    ancestors = ancestors_of(names, after)
    ejected: dict[str, Ejection] = {}
    # What a section builds on is looked at before it.
    for name in sorted(gone, key=lambda name: (len(ancestors[name]), names.index(name))):
        first = next((other for other in names if other in ancestors[name] and other in ejected), None)
        if first is not None:
            ejected[name] = follower(name, ejected[first].because_of or first)
            continue
        trial = merge(frozenset((*merged.sections, name)))
        if rows := _marked(trial):
            ejected[name] = _conflicting(name, trial, rows)
        else:
            merged = trial
    return merged, [ejected[name] for name in names if name in ejected]


def follower(name: str, first: str) -> Ejection:
    """A section that goes because it builds on one that goes."""
    return Ejection(name, f"it builds on {first!r}, which was ejected", because_of=first)


def _marked(merged: Merged) -> tuple[Conflict, ...]:
    contents = {change.path: change.content for change in merged.changeset.changes}
    return tuple(row for row in merged.conflicts if row.sections and Version(contents.get(row.path)).has_markers)


def _conflicting(name: str, trial: Merged, rows: tuple[Conflict, ...]) -> Ejection:
    others = tuple(dict.fromkeys(other for row in rows for other in row.sections if other != name))
    paths = tuple(dict.fromkeys(row.path for row in rows))
    told = ", ".join(map(repr, paths[:5])) + " …" * (len(paths) > 5)
    against = f" with {', '.join(map(repr, others))}" if others else ""
    texts = tuple(change for change in trial.changeset.changes if change.path in paths)
    return Ejection(name, f"conflicts{against} in {told}; review it", others, None, rows, texts)
