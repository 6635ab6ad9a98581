"""What must hold for a merged manifest, whatever made it."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ptx_prefect.merge.keyed import comments_of
from ptx_prefect.merge.manifests.demands import is_dependency_list, project_of, requirement_of
from ptx_prefect.merge.manifests.requirements_format import read_requirements
from ptx_prefect.merge.text import syntax_of

_RUNTIME_AND_DEVELOPMENT = ("dependencies", "devDependencies")


def complaint_of(text: str, path: str) -> str | None:
    """Why the text is not valid for its kind; None when it is."""
    complaint = syntax_of(path)
    return complaint(text) if complaint is not None else None


def doubled_dependencies(text: str, path: str) -> set[str]:
    """The projects that one list demands twice under one marker, or that are both runtime and development."""
    name = PurePosixPath(path).name.lower()
    if name.endswith(".json"):
        return _doubled_in_json(text)
    if name.endswith(".toml"):
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError):
            return set()
        return {
            f"{'.'.join(place)}: {project}" for place, found in _toml_lists(data, ()) for project in _doubled(found)
        }
    return _doubled([entry.body for entry in read_requirements(text).entries])


def comments_kept(text: str, base: str, ours: str, theirs: str) -> bool:
    """True when every comment line that a side wrote is there, none more often than in any version.

    Not when both sides rewrote one comment.
    """
    merged, old, mine, yours = (Counter(comments_of(version)) for version in (text, base, ours, theirs))
    if (old - mine) & (old - yours) and mine - old and yours - old and mine - old != yours - old:
        return False
    for comment in {*merged, *mine, *yours}:
        counts = old[comment], mine[comment], yours[comment]
        if merged[comment] > max(counts) or (max(counts) > old[comment] and merged[comment] < max(counts)):
            return False
    return True


def _toml_lists(data: dict[str, Any], place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    for key, value in data.items():
        if isinstance(value, dict) and len(place) < 20:
            yield from _toml_lists(value, (*place, key))
        elif isinstance(value, list) and is_dependency_list((*place, key)):
            yield (*place, key), [item for item in value if isinstance(item, str)]


def _doubled(lines: list[str]) -> set[str]:
    named = [(name, line) for line in lines if (name := project_of(line)) is not None]
    repeated = {name for name, count in Counter(name for name, _ in named).items() if count > 1}
    found = [(name, requirement_of(line)) for name, line in named if name in repeated]
    counts = Counter((name, str(one.marker)) for name, one in found if one is not None)
    bare = {name for name, marker in counts if marker == "None"}
    marked = {name for name, marker in counts if marker != "None"}
    return {name for (name, _), count in counts.items() if count > 1} | (bare & marked)


def _doubled_in_json(text: str) -> set[str]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return set()
    tables = [data.get(name) for name in _RUNTIME_AND_DEVELOPMENT] if isinstance(data, dict) else []
    first, second = (set(table) if isinstance(table, dict) else set() for table in (*tables, None, None)[:2])
    return first & second
