"""Moved files: an edit that another section made at the old place goes along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.result import Conflict
from ptx_prefect.merge.versions import Version, whole_file_conflict
from ptx_prefect.tree.changeset import Changeset


@dataclass(frozen=True, slots=True)
class Carried:
    """An edit of ``old`` by ``editor`` that was carried over to ``new``, where ``mover`` had moved the file."""

    old: str
    new: str
    mover: str
    editor: str
    edit: Version


@dataclass(frozen=True, slots=True)
class Touches:
    """Who left what at each path, in plan order; ``origins`` gives the old place of each moved path."""

    by_path: Mapping[str, Mapping[str, Version]]
    origins: Mapping[str, str]
    carried: tuple[Carried, ...]
    movers: Mapping[str, tuple[tuple[str, str], ...]]


def follow_moves(sides: Sequence[tuple[str, Changeset]], ancestors: Mapping[str, frozenset[str]]) -> Touches:
    """The sides by path, with rival edits of a moved file at its new place."""
    by_path: dict[str, dict[str, Version]] = {}
    movers: dict[str, list[tuple[str, str]]] = {}
    for name, changeset in sides:
        for change in changeset.changes:
            by_path.setdefault(change.path, {})[name] = Version(change.content, change.mode)
            if change.renamed_from is not None:
                movers.setdefault(change.renamed_from, []).append((name, change.path))
    order = {name: rank for rank, (name, _) in enumerate(sides)}
    carried: list[Carried] = []
    for old, moves in movers.items():
        mover, new = moves[0]
        for editor, version in list(by_path.get(old, {}).items()):
            related = editor == mover or editor in ancestors[mover] or mover in ancestors[editor]
            if related or version.content is None or editor in by_path[new]:
                continue
            del by_path[old][editor]
            by_path[new] = dict(sorted([*by_path[new].items(), (editor, version)], key=lambda row: order[row[0]]))
            carried.append(Carried(old, new, mover, editor, version))
    origins = {new: old for old, moves in movers.items() for _, new in moves}
    return Touches(by_path, origins, tuple(carried), {old: tuple(moves) for old, moves in movers.items()})


def move_conflicts(touches: Touches, ancestors: Mapping[str, frozenset[str]]) -> list[Conflict]:
    """What a person should look at: edits that were carried over, files moved to two places, moved and deleted.

    Only between rivals: who builds on a deletion and moves a file from there moves one that was put there since.
    """

    def is_rival(one: str, other: str) -> bool:
        return one != other and one not in ancestors[other] and other not in ancestors[one]

    conflicts = []
    for row in touches.carried:
        if row.editor not in touches.by_path[row.new]:
            continue  # moved on from there, and carried along again
        reason = f"{row.mover!r} moved it from {row.old!r}, {row.editor!r} edited it there; the edit was carried over"
        rivals = [(name, touches.by_path[row.new][name]) for name in (row.mover, row.editor)]
        conflicts.append(whole_file_conflict(row.new, reason, rivals))
    for old, moves in touches.movers.items():
        apart = [row for row in moves if any(row[1] != new and is_rival(row[0], name) for name, new in moves)]
        targets = {new: name for name, new in apart}
        if targets:
            told = " and ".join(f"to {new!r} by {name!r}" for new, name in targets.items())
            rivals = [(name, touches.by_path[new][name]) for new, name in targets.items()]
            conflicts.append(whole_file_conflict(old, f"moved {told}; both places have it", rivals))
        mover, new = moves[0]
        others = [name for name, left in touches.by_path.get(old, {}).items() if left.content is None]
        deleters = [name for name in others if is_rival(name, mover) and name not in {name for name, _ in moves}]
        if deleters:
            reason = f"{mover!r} moved it from {old!r}, {deleters[0]!r} deleted it there; the moved file stands"
            rivals = [(mover, touches.by_path[new][mover]), (deleters[0], Version())]
            conflicts.append(whole_file_conflict(new, reason, rivals))
    return conflicts
