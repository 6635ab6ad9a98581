"""The merged tree taken apart again: what each section adds to those before it, for one commit a section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ptx_prefect.merge.folders import without_clashes
from ptx_prefect.merge.histories import Histories, difference, in_order
from ptx_prefect.merge.lineage import ancestors_of
from ptx_prefect.merge.versions import Version
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of


def steps_of(
    base: Base,
    sides: Iterable[tuple[str, Changeset]],
    *,
    after: Mapping[str, Sequence[str]] | None = None,
    order: Sequence[str] | None = None,
) -> tuple[tuple[str, Changeset], ...]:
    """Each section's part of the merged tree, in plan order, each on top of those before it: one commit a section.

    Where a part cannot be merged with those before it, the file stays as it was; what settles it comes last, as the
    difference to the merged histories.
    """
    ordered = in_order(list(sides), order)
    histories = Histories(base, ordered, ancestors_of([name for name, _ in ordered], after or {}))
    final = {path: histories.settled(path).version for path in histories.touches.by_path}
    clashing = {conflict.path for conflict in without_clashes(base, final, histories.touches.by_path)[1]}
    current: dict[str, Version] = {}
    steps = []
    for position, (name, _) in enumerate(ordered):
        before = frozenset(other for other, _ in ordered[: position + 1])
        reached = {}
        for path, versions in histories.touches.by_path.items():
            if name in versions and path not in clashing:
                result = histories.settled(path, among=before & versions.keys())
                reached[path] = current.get(path, histories.base_version(path)) if result.conflicts else result.version
        steps.append((name, difference(histories, current, reached)))
        current |= reached
    return tuple(steps)


def rest_after(base: Base, steps: Sequence[tuple[str, Changeset]], merged: Changeset) -> Changeset:
    """What is still to change after all ``steps`` to get the merged tree: the resolutions."""
    reached: dict[str, FileChange] = {change.path: change for _, step in steps for change in step.changes}
    wanted = {change.path: change for change in merged.changes}
    changes = []
    for path in sorted(reached.keys() | wanted.keys()):
        now, want = reached.get(path), wanted.get(path)
        content = None if now is None or now.content is None else now.content
        if now is not None and want is not None and (now.content, now.mode) == (want.content, want.mode):
            continue
        old = digest_of(content) if content is not None else (None if now else base.digests_at([path]).get(path))
        if want is not None:
            changes.append(FileChange(path, old, want.content, want.mode))
        elif path in base.entries:
            changes.append(FileChange(path, old, base.read(path), base.entries[path].mode))
        elif content is not None:
            changes.append(FileChange(path, old, None))
    return Changeset(tuple(changes))
