"""Merge of any text by lines, and the check that what has a syntax still has it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from ptx_prefect.merge.layout import Layout, is_binary, merge_layout, read_text, write_text
from ptx_prefect.merge.lines import Chunk, Clash, join, merge_lines
from ptx_prefect.merge.markers import DEFAULT_SIZE, has_markers, marked, trimmed, vetoed
from ptx_prefect.merge.result import Conflict, FileMerge, Resolution

Names = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TextMerge:
    """A merge of normalised texts (``\\n`` line ends)."""

    text: str
    conflicts: tuple[Conflict, ...] = ()
    resolutions: tuple[Resolution, ...] = ()


Merger = Callable[[str, str, str, str, Names, int], TextMerge]
"""base, ours, theirs, path, names of the two sides, marker size."""


def merge_pair(
    base: bytes, ours: bytes, theirs: bytes, *, path: str, names: Names, merger: Merger, marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """Two sides merged with ``merger``, whatever the bytes are; identities never look inside."""
    if ours == theirs or theirs == base:
        return FileMerge(ours)
    if ours == base:
        return FileMerge(theirs)
    if is_binary(base) or is_binary(ours) or is_binary(theirs):
        return binary_conflict(ours, theirs, path=path, names=names)
    versions = [read_text(content) for content in (base, ours, theirs)]
    if any("\r" in text for text, _ in versions):
        # One version mixes its line ends: then they are part of the lines in all three, or every line would differ.
        versions = [read_text(content, normalise=False) for content in (base, ours, theirs)]
    (base_text, base_layout), (our_text, our_layout), (their_text, their_layout) = versions
    layout = merge_layout(base_layout, our_layout, their_layout)
    merge = merger(base_text, our_text, their_text, path, names, marker_size)
    if not has_markers(base_text, marker_size):
        for text, name in ((our_text, names[0]), (their_text, names[1])):
            if has_markers(text, marker_size):
                left = Conflict("file", path, "whole file", f"{name!r} left conflict markers in the file")
                merge = replace(merge, conflicts=(*merge.conflicts, left))
    return _written(merge, layout, ours, theirs, path=path, names=names)


def binary_conflict(ours: bytes, theirs: bytes, *, path: str, names: Names) -> FileMerge:
    """Nothing to merge inside: ours stands in the content, both are named."""
    reason = f"both sides changed a binary file; the content is that of {names[0]!r}, take one of the two"
    sizes = tuple(f"<{len(content)} bytes>" for content in (ours, theirs))
    return FileMerge(ours, (Conflict("file", path, "whole file", reason, versions=sizes),))


def _written(merge: TextMerge, layout: Layout, ours: bytes, theirs: bytes, *, path: str, names: Names) -> FileMerge:
    try:
        content = write_text(merge.text, layout)
    except UnicodeEncodeError as error:
        reason = f"the sides use different encodings and {layout.encoding} cannot write {error.object[error.start]!r}"
        conflict = Conflict("file", path, "whole file", reason)
        return replace(binary_conflict(ours, theirs, path=path, names=names), conflicts=(conflict,))
    return FileMerge(content, merge.conflicts, merge.resolutions)


def merge_plain(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    """Lines three-way; a result that lost the syntax which every input had is refused."""
    merge = rendered(merge_lines(base, ours, theirs), path=path, names=names, marker_size=marker_size)
    complaint = syntax_of(path)
    if merge.conflicts or complaint is None or any(complaint(text) for text in (base, ours, theirs) if text):
        return merge
    problem = complaint(merge.text)
    if problem is None:
        return merge
    reason = f"merged line by line the file is no longer valid: {problem}"
    return refused(ours, theirs, reason, path=path, names=names, marker_size=marker_size)


def rendered(
    chunks: tuple[Chunk, ...],
    *,
    path: str,
    names: Names,
    marker_size: int,
    enclosing: Callable[[int], str | None] = lambda line: None,
    around: Callable[[Sequence[str], Sequence[str]], str | None] | None = None,
) -> TextMerge:
    """The text of the chunks, with markers for what clashes.

    ``enclosing`` names the definition at a line of the result (from 0); ``around`` does it from the lines before and
    the first version's lines.
    """
    lines: list[str] = []
    conflicts: list[Conflict] = []
    for chunk in chunks:
        if not isinstance(chunk, Clash):
            lines.extend(chunk.lines)
            continue
        start, end = trimmed(chunk.ours, chunk.theirs)
        mine, yours = chunk.ours[start : len(chunk.ours) - end], chunk.theirs[start : len(chunk.theirs) - end]
        definition = around(lines, chunk.ours or chunk.theirs) if around else enclosing(len(lines))
        lines.extend(chunk.ours[:start])
        first = len(lines) + 1
        lines.extend(marked(mine, yours, names=names, definition=definition, size=marker_size))
        place = f"lines {first}-{len(lines)}"
        reason = (
            "one side deleted what the other changed" if not mine or not yours else "both sides changed these lines"
        )
        conflicts.append(Conflict("file", path, place, reason, definition, (join(mine), join(yours))))
        lines.extend(chunk.ours[len(chunk.ours) - end :])
    return TextMerge(join(lines), tuple(conflicts))


def refused(ours: str, theirs: str, reason: str, *, path: str, names: Names, marker_size: int) -> TextMerge:
    """Both texts side by side, because every way to combine them is doubtful."""
    text, mine, yours = vetoed(ours, theirs, names=names, size=marker_size)
    return TextMerge(text, (Conflict("file", path, "whole file", reason, versions=(mine, yours)),))


def syntax_of(path: str) -> Callable[[str], str | None] | None:
    """What says why a text of this kind is invalid (None: it is valid), or None for a kind without a syntax."""
    return _SYNTAXES.get(PurePosixPath(path).suffix.lower())


def _json_complaint(text: str) -> str | None:
    try:
        json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        return str(error)
    return None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
    return found


def _toml_complaint(text: str) -> str | None:
    import tomllib

    try:
        tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return str(error)
    return None


def _yaml_complaint(text: str) -> str | None:
    try:
        import yaml  # type: ignore[import-untyped]  # no stubs among our dependencies
    except ImportError:  # comes with Prefect; without it YAML is plain text
        return None
    try:
        return next(
            (told for root in yaml.compose_all(text, Loader=yaml.SafeLoader) for told in _repeated_keys(root)), None
        )
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return " ".join(str(error).split())


def _repeated_keys(root: Any) -> Iterator[str]:
    """What says that a key stands twice in one mapping of a YAML document."""
    pending, seen = [root], set[int]()
    while pending:
        node = pending.pop()
        if node is None or id(node) in seen or isinstance(node.value, str):
            continue
        seen.add(id(node))  # an alias leads to a node that was visited
        if node.id == "sequence":
            pending.extend(node.value)
            continue
        keys = [key.value for key, _ in node.value if isinstance(key.value, str) and key.value != "<<"]
        yield from (f"the key {key!r} stands twice in one mapping" for key in keys if keys.count(key) > 1)
        pending.extend(part for pair in node.value for part in pair)


_SYNTAXES: dict[str, Callable[[str], str | None]] = {
    ".json": _json_complaint,
    ".toml": _toml_complaint,
    ".yaml": _yaml_complaint,
    ".yml": _yaml_complaint,
}
