"""Files in which what both sides insert at one place may stand one after the other, since order means nothing there.

Lines of ``.gitignore`` and its kin; entries of YAML mappings, where the data of the result proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ptx_prefect.merge.fold import fold
from ptx_prefect.merge.lines import Clash, Kept, merge_lines
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.result import FileMerge, Resolution
from ptx_prefect.merge.text import Names, TextMerge, merge_plain, syntax_of


def merge_ignores(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """A list of patterns, such as ``.gitignore``."""
    return fold(base, sides, path=path, names=names, merger=_merge_patterns, marker_size=marker_size)


def merge_yaml(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """A YAML document, by lines; entries that both sides put into one mapping stand one after the other."""
    return fold(base, sides, path=path, names=names, merger=_merge_mappings, marker_size=marker_size)


def _merge_patterns(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    text = _one_after_the_other(base, ours, theirs, _are_patterns)
    if text is None:
        return merge_plain(base, ours, theirs, path, names, marker_size)
    return TextMerge(text, (), (Resolution("file", path, "whole file", "both sides added patterns"),))


def _merge_mappings(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    text = _one_after_the_other(base, ours, theirs, lambda mine, yours: True)
    if text is None or not _says_what_both_say(base, ours, theirs, text, path):
        return merge_plain(base, ours, theirs, path, names, marker_size)
    return TextMerge(text, (), (Resolution("file", path, "whole file", "both sides added entries of a mapping"),))


Lines = tuple[str, ...]


def _one_after_the_other(base: str, ours: str, theirs: str, may_follow: Callable[[Lines, Lines], bool]) -> str | None:
    """The text with both insertions wherever the sides insert at one place; None where anything else clashes."""
    lines: list[str] = []
    chunks = merge_lines(base, ours, theirs)
    for chunk in chunks:
        if isinstance(chunk, Kept):
            lines += chunk.lines
        elif chunk.base or not may_follow(chunk.ours, chunk.theirs):
            return None
        else:
            lines += _both(chunk)
    return "".join(lines) if any(isinstance(chunk, Clash) for chunk in chunks) else None


def _both(clash: Clash) -> Lines:
    """Sorted, so that swapping the sides changes nothing."""
    first, second = (_ended(lines) for lines in sorted((clash.ours, clash.theirs)))
    return (*first, *second)


def _ended(lines: Lines) -> Lines:
    return tuple(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _are_patterns(ours: Lines, theirs: Lines) -> bool:
    """A pattern with ``!`` takes back what stands above it: there, order counts. So do comments: they head a group."""
    return not any(line.startswith(("!", "#")) for line in (*ours, *theirs))


def _says_what_both_say(base: str, ours: str, theirs: str, merged: str, path: str) -> bool:
    """Whether the data of the text is the three-way merge of the data; False where it cannot be read."""
    try:
        import yaml  # type: ignore[import-untyped]  # no stubs among our dependencies
    except ImportError:
        return False
    complaint = syntax_of(path)
    if complaint is not None and complaint(merged):
        return False
    try:
        old, mine, yours, both = ([*yaml.safe_load_all(text)] for text in (base, ours, theirs, merged))
    except (yaml.YAMLError, RecursionError, ValueError):
        return False
    if not len(old) == len(mine) == len(yours) == len(both):
        return False
    return all(_joined(*row) == [data] for row, data in zip(zip(old, mine, yours, strict=True), both, strict=True))


def _joined(old: Any, mine: Any, yours: Any) -> list[Any]:
    """The merged data, in a list; empty where the sides are at odds."""
    if mine == yours or yours == old:
        return [mine]
    if mine == old:
        return [yours]
    if not isinstance(mine, dict) or not isinstance(yours, dict) or not isinstance(old, dict | None):
        return []
    before, joined = old or {}, {}
    for key in {**mine, **yours}:
        if key in mine and key in yours:
            values = _joined(before.get(key), mine[key], yours[key])
            if not values:
                return []
            joined[key] = values[0]
        elif key not in before:
            joined[key] = mine[key] if key in mine else yours[key]
        elif before[key] != (mine if key in mine else yours)[key]:
            return []
    return [joined]
