"""Paths that would be a file and a folder at once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ptx_prefect.merge.result import Conflict
from ptx_prefect.merge.versions import Version
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.globs import parents_of


def without_clashes(
    base: Base, versions: Mapping[str, Version], touches: Mapping[str, Mapping[str, Version]]
) -> tuple[dict[str, Version], list[Conflict]]:
    """A path cannot be a file and a folder: the folder stays, the file goes beside it under its section's name."""
    present = {path for path in base.entries if path not in versions}
    present |= {path for path, version in versions.items() if version.content is not None}
    added = {path for path in versions if path in present and path not in base.entries}
    folders = {parent for path in (present if added else ()) for parent in parents_of(path)}
    folders |= {parent for path in added for parent in parents_of(path)}
    result, conflicts = dict(versions), []
    for path in sorted(folders & present):
        names = tuple(touches.get(path, {})) or ("base",)
        beside = f"{path}~{re.sub(r'[^A-Za-z0-9_.-]', '_', names[-1])}"
        rivals = tuple(
            dict.fromkeys(n for other in added if other.startswith(f"{path}/") for n in touches.get(other, ()))
        )
        version = versions.get(path) or Version(base.read(path), base.entries[path].mode)
        result[beside] = version
        result[path] = Version()
        makers = ", ".join(map(repr, rivals)) or "the base"
        reason = f"a folder of that name is made by {makers}; the file is at {beside!r}"
        shown = (version.shown(),)
        conflicts.append(Conflict("file", path, "whole file", reason, versions=shown, sections=names + rivals))
    return result, conflicts
