"""Merge of dependency manifests: requirements files, ``pyproject.toml`` and ``package.json``.

Lines first. Where they clash, or where the clean result says one thing twice, entry by entry: dependencies are a
union against the base, version ranges are intersected, and demands without a common answer are a conflict.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from ptx_prefect.merge.fold import fold
from ptx_prefect.merge.keyed import Decision, Group, Merger, Piece, Place, Rival, Unmergeable
from ptx_prefect.merge.lines import Chunk, Clash, Kept, merge_lines, split
from ptx_prefect.merge.manifests.checks import comments_kept, complaint_of, doubled_dependencies
from ptx_prefect.merge.manifests.demands import is_dependency_list, merge_demands, merge_python_range
from ptx_prefect.merge.manifests.json_format import read_json
from ptx_prefect.merge.manifests.npm import merge_ranges
from ptx_prefect.merge.manifests.requirements_format import is_plain_list, read_requirements
from ptx_prefect.merge.manifests.toml_format import read_toml
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.result import FileMerge, Resolution
from ptx_prefect.merge.text import Names, TextMerge, refused, rendered

_NPM_TABLES = {"dependencies", "devDependencies", "peerDependencies", "optionalDependencies", "engines"}
_UNORDERED_LISTS = {
    *("keywords", "classifiers", "files", "dynamic", "authors", "maintainers", "contributors"),
    *("select", "extend-select", "ignore", "extend-ignore", "exclude", "extend-exclude", "include", "omit"),
    *("enable", "disable", "markers", "exclude_lines", "exclude_also", "workspaces"),
}
_SORTED_LISTS = {"keywords", "classifiers", "files"}


def merge_manifest(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """Dependency manifests, any number of sides."""
    return fold(base, sides, path=path, names=names, merger=_merge_manifest, marker_size=marker_size)


def _merge_manifest(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    lines = rendered(merge_lines(base, ours, theirs), path=path, names=names, marker_size=marker_size)
    broken = [problem for text in (base, ours, theirs) if text and (problem := complaint_of(text, path))]
    if broken:
        why = f"both sides changed these lines, and a version of the file is not valid ({broken[0]})"
        return _with_reason(lines, why)
    objection = None if lines.conflicts else _objection(lines.text, base, ours, theirs, path)
    if not lines.conflicts and objection is None:
        return lines
    merged = _by_entries(base, ours, theirs, path, names, marker_size)
    if merged is not None:
        objection = None if merged.conflicts else _objection(merged.text, base, ours, theirs, path)
        if objection is None:
            return merged
    if objection is None:
        return lines
    return refused(ours, theirs, objection, path=path, names=names, marker_size=marker_size)


def _objection(text: str, base: str, ours: str, theirs: str, path: str) -> str | None:
    """Why a merged text is not taken although no line clashes."""
    problem = complaint_of(text, path)
    if problem is not None:
        return f"merged, the file is no longer valid: {problem}"
    known = [doubled_dependencies(version, path) for version in (base, ours, theirs)]
    doubled = doubled_dependencies(text, path) - set().union(*known)
    if doubled:
        return f"merged, a dependency is demanded in two places: {', '.join(sorted(doubled))}"
    return None


def _by_entries(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge | None:
    """The merge entry by entry; None where the file is written in a way that cannot be merged so."""
    read, rule, sorter = _format_of(path)
    merger = Merger(rule, sorter, _opens, [])
    try:
        old: Group | None = read(base) if base.strip() else None
        mine, yours = read(ours), read(theirs)
        if read is read_requirements and all(is_plain_list(group) for group in (old, mine, yours) if group):
            merger.sorter = lambda place: str.casefold
        _refuse_rival_table_arrays(old, mine, yours)
        chunks, rivals = _chunks_of(merger.merge(old, mine, yours, ()))
    except (Unmergeable, RecursionError):
        return None
    merge = rendered(chunks, path=path, names=names, marker_size=marker_size)
    if len(merge.conflicts) != len(rivals) or not comments_kept(merge.text, base, ours, theirs):
        return None
    conflicts = tuple(
        type(conflict)(
            rival.kind, path, rival.place or conflict.place, rival.reason, None, conflict.versions, rival.proposal
        )
        for conflict, rival in zip(merge.conflicts, rivals, strict=True)
    )
    resolutions = tuple(Resolution(kind, path, place, reason) for place, reason, kind in merger.decided)
    if not conflicts and not resolutions:
        resolutions = (Resolution("dependency", path, "entries", "both sides changed different entries here"),)
    return TextMerge(merge.text, conflicts, resolutions)


def _chunks_of(pieces: Sequence[Piece]) -> tuple[tuple[Chunk, ...], list[Rival]]:
    chunks: list[Chunk] = []
    rivals: list[Rival] = []
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        if text and not text.endswith("\n"):
            raise Unmergeable("a conflict inside a line")
        chunks += [Kept(split(text)), Clash(split(piece.base), split(piece.ours), split(piece.theirs))]
        rivals.append(piece)
        text = ""
    return (*chunks, Kept(split(text))), rivals


def _refuse_rival_table_arrays(base: Group | None, ours: Group, theirs: Group) -> None:
    """``[[table]]`` entries have no name, only a number, which shifts: only one side may touch them."""
    unnamed = [
        [e.body for e in group.entries if e.key.endswith("]]")] if group else [] for group in (base, ours, theirs)
    ]
    if unnamed[1] != unnamed[2] and unnamed[0] not in unnamed[1:]:
        raise Unmergeable("both sides changed an array of tables")


Sorting = Callable[[str], Any] | None


def _format_of(path: str) -> tuple[Callable[[str], Group], Callable[..., Decision], Callable[[Place], Sorting]]:
    name = PurePosixPath(path).name.lower()
    if name == "package.json":
        return read_json, _npm_rule, _npm_order
    if name.endswith(".toml"):
        return read_toml, _toml_rule, _toml_order
    return read_requirements, merge_demands, lambda place: None


def _opens(place: Place, group: Group) -> bool:
    """Tables always; lists only where the order of the elements has no meaning."""
    if not group.opening.lstrip().startswith("["):
        return True
    flat = _flat(place)
    return is_dependency_list(flat) or flat[-1] in _UNORDERED_LISTS


def _npm_rule(place: Place, base: str | None, ours: str, theirs: str) -> Decision:
    if len(place) == 2 and place[0] in _NPM_TABLES:
        values = [body.partition(":")[2].strip() for body in (ours, theirs)]
        if all(value.startswith('"') for value in values):
            decision = merge_ranges(*values)
            if decision.body is None:
                return decision
            head = ours[: len(ours) - len(values[0])]
            return Decision(head + decision.body, decision.reason, decision.kind)
    return _both_changed(place)


def _npm_order(place: Place) -> Sorting:
    return str if place and (place[0] in _NPM_TABLES or place[-1] in _SORTED_LISTS) else None


def _toml_rule(place: Place, base: str | None, ours: str, theirs: str) -> Decision:
    if len(place) > 1 and is_dependency_list(_flat(place[:-1])):
        return merge_demands(place, base, ours, theirs)
    if _flat(place) == ("project", "requires-python"):
        heads = [body.partition("=")[0] + "= " for body in (ours, theirs)]
        decision = merge_python_range(*(body.partition("=")[2].strip() for body in (ours, theirs)))
        return decision if decision.body is None else Decision(heads[0] + decision.body, decision.reason, "dependency")
    return _both_changed(place)


def _toml_order(place: Place) -> Sorting:
    flat = _flat(place)
    return str.casefold if flat and (is_dependency_list(flat) or flat[-1] in _SORTED_LISTS) else None


def _flat(place: Place) -> Place:
    return tuple(part for name in place for part in name.split("."))


def _both_changed(place: Place) -> Decision:
    reason = f"both sides changed {'.'.join(place)!r}"
    return Decision(None, reason, "dependency" if any("ependenc" in name for name in place) else "file")


def _with_reason(merge: TextMerge, reason: str) -> TextMerge:
    conflicts = tuple(
        type(one)(one.kind, one.path, one.place, reason, one.definition, one.versions) for one in merge.conflicts
    )
    return TextMerge(merge.text, conflicts, merge.resolutions)
