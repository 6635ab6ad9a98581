"""Where the places that a task names lie on this machine."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.spec import Base, TaskSpec
from ptx_prefect.tree.globs import OUTPUT_FOLDER


def place_in(workdir: Path | str, path: str) -> Path:
    """A place that a task names: relative ones start in its ``workdir``."""
    return Path(workdir) / path


def slug_of(text: str) -> str:
    """A directory name for any text: readable, safe on every file system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "task"


def own_slug_of(text: str) -> str:
    """As :func:`slug_of`, and no other text has the same one: where it does not say all, a digest does."""
    slug = slug_of(text)
    return slug if slug == text else f"{slug}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def output_place(spec: TaskSpec) -> Path:
    """Where the reports of a task go, unless another run is writing there."""
    if spec.output_dir is not None:
        return place_in(spec.workdir, spec.output_dir)
    # Blanks alone make no other task; letters that a slug has no place for do.
    slug, name = slug_of(spec.task_id), spec.task_id.replace(" ", "-")
    return Path(OUTPUT_FOLDER) / (slug if slug == name else own_slug_of(spec.task_id))


def place_of_base(base: Base | str, workdir: Path | str) -> Path:
    """The directory of a base: its path, or where the named package is installed (which is not imported).

    Raises:
        TreeError: no such package.
    """
    if isinstance(base, str):
        return place_in(workdir, base)
    if base.package is None:
        return place_in(workdir, base.path)
    try:
        found = importlib.util.find_spec(base.package)
    except (ImportError, ValueError) as error:
        raise TreeError(f"base.package {base.package!r} cannot be found: {error}") from error
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise TreeError(f"base.package {base.package!r} is no installed package; install it, or give a path")
    return Path(places[0])
