"""Merge of JavaScript, TypeScript and JSX: by lines first, by statements where lines clash, guards on every result.

The grammars come with the extra ``js``; without it, and where a version does not parse, the merge is by lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ptx_prefect.merge.fold import fold
from ptx_prefect.merge.javascript.clashes import Solver
from ptx_prefect.merge.javascript.guards import lost_names, objection_to
from ptx_prefect.merge.javascript.syntax import definition_at, is_installed, language_for
from ptx_prefect.merge.lines import Chunk, Clash, join, merge_lines
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.result import Conflict, FileMerge, Resolution
from ptx_prefect.merge.text import Names, TextMerge, refused, rendered

if TYPE_CHECKING:
    from tree_sitter import Language

_SIZE_LIMIT = 2_000_000
"""Characters: generated bundles beyond it are merged by lines."""


def merge_javascript(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """JavaScript and TypeScript files, any number of sides."""
    return fold(base, sides, path=path, names=names, merger=_merge_source, marker_size=marker_size)


def _merge_source(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    chunks = merge_lines(base, ours, theirs)
    language, why_not = _language(base, ours, theirs, path)
    if language is None:
        merge = rendered(chunks, path=path, names=names, marker_size=marker_size)
        note = Resolution("file", path, "whole file", f"merged by lines only: {why_not}")
        return TextMerge(merge.text, merge.conflicts, (*merge.resolutions, note))
    solver = Solver(language, path)
    chunks = solver.solve(chunks)
    around = iter(_definitions_around(chunks, language))
    merge = rendered(chunks, path=path, names=names, marker_size=marker_size, enclosing=lambda line: next(around, None))
    if merge.conflicts:
        return TextMerge(merge.text, merge.conflicts, tuple(solver.resolutions))
    objection = objection_to(merge.text, base, ours, theirs, language)
    if objection is not None:
        return refused(ours, theirs, objection, path=path, names=names, marker_size=marker_size)
    conflicts = tuple(
        Conflict("logic", path, name, f"one side removed {name!r}, the other uses it: it is no longer defined here")
        for name in lost_names(merge.text, base, ours, theirs, language)
    )
    return TextMerge(merge.text, conflicts, tuple(solver.resolutions))


def _language(base: str, ours: str, theirs: str, path: str) -> tuple[Language | None, str]:
    if not is_installed():
        return None, "the grammars are not installed; install ptx-prefect[js]"
    if max(map(len, (base, ours, theirs))) > _SIZE_LIMIT:
        return None, "the file is too large to be parsed for a merge"
    language = language_for(path, base, ours, theirs)
    return language, "" if language is not None else "a version does not parse"


def _definitions_around(chunks: Sequence[Chunk], language: Language) -> list[str | None]:
    """For each clash the name of the definition around it, as our side has it."""
    if not any(isinstance(chunk, Clash) for chunk in chunks):
        return []
    text = join([line for chunk in chunks for line in (chunk.ours if isinstance(chunk, Clash) else chunk.lines)])
    names, line = [], 0
    for chunk in chunks:
        if isinstance(chunk, Clash):
            names.append(definition_at(text, line, language))
            line += len(chunk.ours)
        else:
            line += len(chunk.lines)
    return names
