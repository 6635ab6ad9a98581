"""What each set of sections makes of each path: heirs hold what they inherited, rivals are merged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ptx_prefect.errors import MergeError
from ptx_prefect.merge.lineage import closest, heirs_last
from ptx_prefect.merge.moves import Touches, follow_moves
from ptx_prefect.merge.versions import Settled, Version, settle, whole_file_conflict
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of


def in_order(sides: list[tuple[str, Changeset]], order: Sequence[str] | None) -> list[tuple[str, Changeset]]:
    """The sides in the plan's order.

    Raises:
        MergeError: a name twice, or unknown to ``order``.
    """
    names = [name for name, _ in sides]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise MergeError(f"{twice[0]!r} is given twice; give each section's changes once")
    if order is None:
        return sides
    ranks = {name: rank for rank, name in enumerate(order)}
    unknown = [name for name in names if name not in ranks]
    if unknown:
        raise MergeError(f"{unknown[0]!r} is not in the plan's order; give the order of all sections")
    return sorted(sides, key=lambda side: ranks[side[0]])


@dataclass(frozen=True, slots=True)
class Histories:
    """The sides by path. ``settled`` answers what a set of sections makes of a path, each question computed once."""

    base: Base
    sides: Sequence[tuple[str, Changeset]]
    ancestors: Mapping[str, frozenset[str]]
    touches: Touches = field(init=False)
    known: dict[tuple[str, frozenset[str]], Settled] = field(default_factory=dict)

    base_digests: Mapping[str, str] = field(init=False)
    contested: Mapping[str, bytes] = field(init=False)

    def __post_init__(self) -> None:
        touches = follow_moves(self.sides, self.ancestors)
        object.__setattr__(self, "touches", touches)
        # What the base holds is asked for in bulk: a question of its own for each file would cost a process each.
        object.__setattr__(self, "base_digests", self.base.digests_at(touches.by_path))
        rivalled = (path for path, rows in touches.by_path.items() if len(rows) > 1 and path in self.base.entries)
        object.__setattr__(self, "contested", dict(self.base.read_many(rivalled)))

    def base_version(self, path: str) -> Version:
        """What the base holds at ``path``, or at the place that it was moved from."""
        origin = self.origin_of(path)
        entry = self.base.entries.get(origin)
        if entry is None:
            return Version()
        content = self.contested[origin] if origin in self.contested else self.base.read(origin)
        return Version(content, entry.mode)

    def origin_of(self, path: str) -> str:
        """The place in the base of a file that was moved, perhaps several times; else ``path`` itself."""
        seen = {path}
        while path not in self.base.entries and (origin := self.touches.origins.get(path, path)) not in seen:
            seen.add(origin)
            path = origin
        return path

    def settled(self, path: str, among: Collection[str] | None = None) -> Settled:
        """What the sections (default: all) leave at ``path``."""
        versions = self.touches.by_path[path]
        chosen = frozenset(versions) if among is None else frozenset(among)
        if (path, chosen) not in self.known:
            self.known[path, chosen] = self._settle(path, chosen)
        return self.known[path, chosen]

    def _settle(self, path: str, chosen: frozenset[str]) -> Settled:
        versions = self.touches.by_path[path]
        tips = heirs_last([name for name in versions if name in chosen], self.ancestors)
        if not tips:
            return Settled(self.base_version(path))
        if len(tips) == 1:
            return self._taken(path, tips[0])
        histories = [frozenset(self.ancestors[tip] & versions.keys()) | {tip} for tip in tips]
        nodes = [_Node((tip,), history, Settled(versions[tip])) for history, tip in zip(histories, tips, strict=True)]
        while len(nodes) > 1:
            shared, members = closest([node.history for node in nodes])
            start = self.settled(path, among=shared) if shared else Settled(self.base_version(path))
            joined = _merged(path, start.version, [nodes[index] for index in members])
            rest = [node for index, node in enumerate(nodes) if index not in members]
            nodes = [*rest[: members[0]], joined, *rest[members[0] :]]
        return nodes[0].state

    def _taken(self, path: str, name: str) -> Settled:
        """One section's version as it is: never parsed."""
        version = self.touches.by_path[path][name]
        if not version.has_markers or self.base_version(path).has_markers:
            return Settled(version)
        reason = f"{name!r} left conflict markers in the file"
        return Settled(version, (whole_file_conflict(path, reason, [(name, version)]),))

    def before(self, name: str, path: str) -> Settled | None:
        """The state of ``path`` that a section started from, None: the base's."""
        inherited = self.ancestors[name] & self.touches.by_path[path].keys()
        return self.settled(path, among=inherited) if inherited else None


@dataclass(frozen=True, slots=True)
class _Node:
    """A state of one path: whose it is, all that went into it, and what it took so far."""

    tips: tuple[str, ...]
    history: frozenset[str]
    state: Settled


def _merged(path: str, base: Version, nodes: Sequence[_Node]) -> _Node:
    tips_of = {" + ".join(node.tips): node.tips for node in nodes}
    merged = settle(path, base, list(zip(tips_of, (node.state.version for node in nodes), strict=True)))

    def named(labels: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tip for label in labels for tip in tips_of[label])

    conflicts = [conflict for node in nodes for conflict in node.state.conflicts]
    conflicts += [replace(conflict, sections=named(conflict.sections)) for conflict in merged.conflicts]
    resolutions = [resolution for node in nodes for resolution in node.state.resolutions]
    resolutions += [replace(row, sections=named(row.sections)) for row in merged.resolutions]
    return _Node(
        tuple(tip for node in nodes for tip in node.tips),
        frozenset[str]().union(*(node.history for node in nodes)),
        Settled(merged.version, tuple(conflicts), tuple(resolutions)),
    )


def difference(histories: Histories, before: Mapping[str, Version], now: Mapping[str, Version]) -> Changeset:
    """What turns the states ``before`` (elsewhere: the base) into those of ``now``."""
    elsewhere = (path for path in now if path not in histories.touches.by_path)
    olds = {**histories.base_digests, **histories.base.digests_at(elsewhere)}
    changes = []
    for path, version in sorted(now.items()):
        if path in before:
            same = before[path].identity == version.identity
            content = before[path].content
            old = None if content is None else digest_of(content)
        else:
            old = olds.get(path)
            new = None if version.content is None else digest_of(version.content)
            same = old == new and (new is None or histories.base.entries[path].mode == version.mode)
        if not same:
            origin = histories.origin_of(path) if old is None else path
            moved_from = origin if origin != path and origin in histories.base.entries else None
            changes.append(FileChange(path, old, version.content, version.mode, moved_from))
    return Changeset(tuple(changes))
