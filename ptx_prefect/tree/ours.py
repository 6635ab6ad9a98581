"""What this tool leaves in directories of the user: told by name or mark, so that no later run takes it for theirs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.globs import OUTPUT_FOLDER, parents_of

MARK = ".ptx-output"
"""A file that says: this directory is written, and cleared, by runs."""
_MARK_TEXT = (
    "ptx writes its reports here, and clears sections/ and review/ in each run; keep your own files elsewhere.\n"
)
_WRITTEN = {
    *("report.json", "report.md", "events.jsonl", "sections", "review", "after"),
    *("junit.xml", "coverage.data", "coverage.xml"),
    *("rationale.md", "rationale.svg", "winner.py", "winner.md", "candidates"),
}
"""What runs write into an output directory."""
_KEPT = re.compile(r"\..+\.ptx-.+", re.DOTALL)
"""Names of trees that publishing keeps or prepares beside its target."""


def is_output(path: str) -> bool:
    """True when a part of ``path`` is a name that only runs make: the default output folder, trees kept for undoing."""
    return any(part == OUTPUT_FOLDER or _KEPT.fullmatch(part) for part in path.split("/"))


def without_outputs(names: Iterable[str]) -> set[str]:
    """``names`` of one tree without what runs left there, by name or by mark."""
    kept = {name for name in names if not is_output(name)}
    marked = {name.removesuffix(f"/{MARK}") for name in kept if name.endswith(f"/{MARK}")}
    return {name for name in kept if not marked.intersection(parents_of(name))} if marked else kept


def without_places(names: Iterable[str], root: Path, places: Collection[str]) -> set[str]:
    """``names`` below ``root`` without what lies in ``places``, absolute paths (``root`` itself does not count)."""
    inside = {Path(place).relative_to(root).as_posix() for place in places if root in Path(place).parents}
    return {name for name in names if name not in inside and not inside.intersection(parents_of(name))}


def check_output_directory(place: Path, *, base: Path | None = None) -> None:
    """Return if reports may be written to ``place``: nothing that lies there would be overwritten, cleared or hidden.

    Args:
        base: the tree that sections work on; what runs write into is no part of it, so files of the user's may not be
            there.

    Raises:
        TreeError: it holds what no run of ours wrote.
    """
    if not (place.is_symlink() or place.exists()):
        return
    if not place.is_dir():
        raise TreeError(f"{str(place)!r} is there and no directory; name another place")
    if (place / MARK).exists() or OUTPUT_FOLDER in place.absolute().parts:
        return
    there = {path.name for path in place.iterdir()}
    is_in_base = base is not None and place.resolve().is_relative_to(base.resolve())
    lost = sorted(there if is_in_base else there & _WRITTEN)
    if lost:
        shown = ", ".join(lost[:3]) + " …" * (len(lost) > 3)
        raise TreeError(
            f"{str(place)!r} holds files that no run wrote ({shown}), and reports go to a directory of their own:"
            f" name a new one, such as {str(place / OUTPUT_FOLDER)!r}"
        )


def mark_output_directory(place: Path) -> None:
    """Say in ``place`` whose it is."""
    mark = place / MARK
    if not mark.exists():
        mark.write_text(_MARK_TEXT, encoding="utf-8")
