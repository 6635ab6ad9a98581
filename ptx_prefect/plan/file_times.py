"""What single files took, whatever sections they were worked on in: remembered by worker, path and size.

A section of many files takes one time; each file gets its part of it by size. A file that has grown since is expected
to take longer in proportion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ptx_prefect.plan.durations import Learned


def bytes_of(files: Iterable[str], *, root: Path) -> int:
    """The size of some files together; never nothing."""
    return sum(_size(root / path) for path in files)


def shares_of(files: Iterable[str], *, root: Path, kind: str) -> dict[str, float]:
    """Identity of each file to its part of the section's time; the parts add up to 1."""
    sizes = {path: _size(root / path) for path in files}
    total = sum(sizes.values())
    return {f"{kind}:{path}@{size.bit_length()}": size / total for path, size in sizes.items()}


def seconds_of_files(learned: Mapping[str, Learned], *, root: Path, kind: str) -> dict[str, float]:
    """Expected seconds of every file that is known, by path."""
    nearest: dict[str, tuple[int, float]] = {}
    for identity, one in learned.items():
        of_kind, _, rest = identity.partition(":")
        path, _, size_class = rest.rpartition("@")
        if of_kind != kind or not path or not size_class.isdigit():
            continue
        try:
            grown = _size(root / path, must_exist=True).bit_length() - int(size_class)
        except OSError:
            continue
        if path not in nearest or abs(grown) < abs(nearest[path][0]):
            nearest[path] = (grown, one.median_s * 2.0**grown)
    return {path: seconds for path, (_, seconds) in nearest.items()}


def _size(path: Path, *, must_exist: bool = False) -> int:
    """In bytes, and never nothing: an empty file takes its time too."""
    try:
        return path.stat().st_size + 1
    except OSError:
        if must_exist:
            raise
        return 1
