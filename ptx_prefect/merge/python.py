"""Merge of Python source: by lines first; structure only where lines clash; guards on whatever comes out."""

from __future__ import annotations

from collections.abc import Sequence

from ptx_prefect.merge.fold import fold
from ptx_prefect.merge.lines import merge_lines
from ptx_prefect.merge.markers import DEFAULT_SIZE
from ptx_prefect.merge.result import FileMerge
from ptx_prefect.merge.text import Names, TextMerge, rendered


def merge_python(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str], marker_size: int = DEFAULT_SIZE
) -> FileMerge:
    """Python files, any number of sides."""
    return fold(base, sides, path=path, names=names, merger=_merge_source, marker_size=marker_size)


def _merge_source(base: str, ours: str, theirs: str, path: str, names: Names, marker_size: int) -> TextMerge:
    chunks = merge_lines(base, ours, theirs)
    return rendered(chunks, path=path, names=names, marker_size=marker_size)
