"""What sections changed, merged into one change of the base."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.folders import without_clashes
from ptx_prefect.merge.histories import Histories, difference, in_order
from ptx_prefect.merge.lineage import ancestors_of
from ptx_prefect.merge.logic import Edit, logic_conflicts
from ptx_prefect.merge.module_names import package_of
from ptx_prefect.merge.moves import move_conflicts
from ptx_prefect.merge.result import Conflict, Resolution
from ptx_prefect.merge.versions import Version, whole_file_conflict
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged tree as one change of its base, what was decided on the way, and what a person has to decide.

    ``sections`` are those merged, in plan order.
    """

    changeset: Changeset
    sections: tuple[str, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def is_clean(self) -> bool:
        """True when nothing is left for a person to decide."""
        return not self.conflicts


def merge_changesets(
    base: Base,
    sides: Iterable[tuple[str, Changeset]],
    *,
    after: Mapping[str, Sequence[str]] | None = None,
    order: Sequence[str] | None = None,
) -> Merged:
    """The changes of all ``sides`` (section name, what it changed), merged.

    A changeset is against the state its section started from: the base with what its prerequisites changed, merged.
    So a section is no rival of those it builds on; its version of a file holds theirs.

    Args:
        after: the prerequisites of each section, by name; those that are no side still pass on what they build on.
        order: the plan's order of the names; the sides are sorted by it, so the order of arrival is of no effect.
            Without it the sides count as given.

    Raises:
        MergeError: a name twice, or unknown to ``order``.
    """
    ordered = in_order(list(sides), order)
    histories = Histories(base, ordered, ancestors_of([name for name, _ in ordered], after or {}))
    settled = {path: histories.settled(path) for path in sorted(histories.touches.by_path)}
    versions = {path: result.version for path, result in settled.items()}
    versions, clashes = without_clashes(base, versions, histories.touches.by_path)
    conflicts = [conflict for result in settled.values() for conflict in result.conflicts]
    conflicts += [
        *move_conflicts(histories.touches, histories.ancestors),
        *_wrong_starts(histories),
        *clashes,
        *_logic(histories, versions),
    ]
    return Merged(
        difference(histories, {}, versions),
        tuple(name for name, _ in ordered),
        tuple(resolution for result in settled.values() for resolution in result.resolutions),
        tuple(sorted(dict.fromkeys(conflicts), key=lambda conflict: conflict.path)),
    )


def _wrong_starts(histories: Histories) -> list[Conflict]:
    """A change made on another state than its prerequisites give would undo what it never saw."""
    olds = histories.base_digests
    carried = {(row.editor, row.old) for row in histories.touches.carried}
    conflicts = []
    for name, changeset in histories.sides:
        for change in changeset.changes:
            if (name, change.path) in carried:
                continue
            start = histories.before(name, change.path)
            if start is not None and start.conflicts:
                continue
            expected = olds.get(change.path) if start is None else start.version.digest
            if change.old_digest != expected:
                reason = f"{name!r} started from another state of the file than the base and its prerequisites give"
                version = Version(change.content, change.mode)
                conflicts.append(whole_file_conflict(change.path, reason, [(name, version)]))
    return conflicts


def _logic(histories: Histories, final: Mapping[str, Version]) -> tuple[Conflict, ...]:
    names = [name for name, _ in histories.sides]
    related = {name: {name, *histories.ancestors[name]} for name in names}
    rivals = {
        name: frozenset(other for other in names if other not in related[name] and name not in related[other])
        for name in names
    }
    if not any(rivals.values()):
        return ()
    paths = {path for path in histories.base.entries if path not in final}
    paths |= {path for path, version in final.items() if version.content is not None}
    contents = {path: version.content for path, version in final.items() if path.endswith(".py")}
    package = package_of(histories.base.folder, paths)
    return logic_conflicts(tuple(_edits(histories)), contents, rivals=rivals, paths=frozenset(paths), package=package)


def _edits(histories: Histories) -> Iterator[Edit]:
    """What each section did to each Python file, against the state that it started from."""
    touched = [path for path in histories.touches.by_path if path.endswith(".py")]
    bases = dict(histories.base.read_many(path for path in touched if path in histories.base.entries))
    for path in touched:
        for name, version in histories.touches.by_path[path].items():
            start = histories.before(name, path)
            if start is not None:
                old = start.version.content
            else:
                old = bases[path] if path in bases else histories.base_version(path).content
            yield Edit(name, path, old, version.content)
