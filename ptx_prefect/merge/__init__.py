"""N-way merge of what sections changed. Importing it is cheap: the heavy parts load on need."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from ptx_prefect.errors import MergeError
from ptx_prefect.merge.result import Conflict, ConflictClass, FileMerge, Resolution

__all__ = ["Conflict", "ConflictClass", "FileMerge", "Resolution", "merge_file"]

FileMerger = Callable[..., FileMerge]

_BY_SUFFIX = {
    **dict.fromkeys((".py", ".pyi", ".pyw"), ("python", "merge_python")),
    **dict.fromkeys((".md", ".markdown", ".rst"), ("documents", "merge_document")),
    **dict.fromkeys((".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs"), ("javascript", "merge_javascript")),
    **dict.fromkeys((".yaml", ".yml"), ("insertions", "merge_yaml")),
}
_MANIFESTS = ("pyproject.toml", "package.json")
_IGNORES = re.compile(r"\.(git|docker|npm|prettier|eslint|hg|helm|gcloud|vscode)ignore")


def merge_file(
    base: bytes, sides: Sequence[bytes], *, path: str, names: Sequence[str] | None = None, marker_size: int = 7
) -> FileMerge:
    """One file merged from any number of sides against one base (empty when every side added the file).

    Args:
        path: relative, with ``/``; its name decides how the content is understood.
        names: what the sides are called in conflict markers, in the order of the plan, which is the order of chapters
            that several add; ``side 1``, ``side 2`` … unless given: then no order of the sides has a meaning.

    Raises:
        MergeError: no side is given, or the names do not match the sides.
    """
    labels = tuple(names) if names is not None else tuple(f"side {number + 1}" for number in range(len(sides)))
    if not sides or len(labels) != len(sides):
        raise MergeError(f"{path!r}: {len(sides)} sides and {len(labels)} names; give at least one side, one name each")
    changed: dict[bytes, str] = {}
    for side, name in zip(sides, labels, strict=True):
        if side != base:
            changed.setdefault(side, name)
    if len(changed) < 2:
        return FileMerge(next(iter(changed), base))
    merger = _merger_for(path, is_ordered=names is not None)
    return merger(base, tuple(changed), path=path, names=tuple(changed.values()), marker_size=marker_size)


def _merger_for(path: str, *, is_ordered: bool) -> FileMerger:
    name = PurePosixPath(path).name.lower()
    is_listed = name.startswith(("requirements", "constraints")) or PurePosixPath(path).parent.name == "requirements"
    is_requirements = is_listed and name.endswith((".txt", ".in"))
    kind = ("manifests", "merge_manifest") if is_requirements or name in _MANIFESTS else None
    kind = ("insertions", "merge_ignores") if _IGNORES.fullmatch(name) else kind
    module, function = kind or _BY_SUFFIX.get(PurePosixPath(name).suffix) or ("fold", "merge_text")
    if is_ordered and module == "documents":
        function = "merge_chapters"
    merger: FileMerger = getattr(importlib.import_module(f"ptx_prefect.merge.{module}"), function)
    return merger
