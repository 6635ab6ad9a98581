"""One path of a tree as rival sections left it: present or not, with content and mode."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ptx_prefect.merge import merge_file
from ptx_prefect.merge.result import Conflict, Resolution
from ptx_prefect.tree.changeset import REGULAR, SYMLINK, digest_of

_MARKERS = re.compile(rb"^<{7,} .*^={7,}\r?$.*^>{7,} ", re.MULTILINE | re.DOTALL)
WHOLE = "whole file"
Side = tuple[str, "Version"]


@dataclass(frozen=True, slots=True)
class Version:
    """A file's state; ``content`` None: there is none."""

    content: bytes | None = None
    mode: int = REGULAR

    @property
    def identity(self) -> tuple[bytes | None, int]:
        """Equal for equal states: a missing file has no mode."""
        return (self.content, 0 if self.content is None else self.mode)

    @property
    def digest(self) -> str | None:
        """The content's sha256, None where there is no file."""
        return None if self.content is None else digest_of(self.content)

    @property
    def has_markers(self) -> bool:
        """True when the text looks like one in which a conflict was left."""
        return self.content is not None and b"<<<<<<<" in self.content and bool(_MARKERS.search(self.content))

    def shown(self) -> str:
        """The text for a reader."""
        if self.content is None:
            return ""
        if b"\0" in self.content[:8000]:
            return f"<{len(self.content)} bytes, sha256 {digest_of(self.content)[:12]}>"
        return self.content.decode("utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Settled:
    """What a path holds after a merge, and what it took to get there."""

    version: Version
    conflicts: tuple[Conflict, ...] = ()
    resolutions: tuple[Resolution, ...] = ()


def settle(path: str, base: Version, sides: Sequence[Side]) -> Settled:
    """One version out of the rival ``sides``, in their order.

    Nobody's content is thrown away: where only one can stand, the others are in the conflict.
    """
    changed = [(name, version) for name, version in sides if version.identity != base.identity]
    distinct = {version.identity: version for _, version in changed}
    if len(distinct) < 2:
        version = next(iter(distinct.values()), base)
        return Settled(version, resolutions=_agreed(path, [name for name, _ in changed]))
    names = tuple(name for name, _ in changed)
    present = [(name, version) for name, version in changed if version.content is not None]
    if len(present) < len(changed):
        return _edited_and_deleted(path, base, changed, present)
    if any(version.mode == SYMLINK for _, version in changed):
        reason = "one of the rivals is a symbolic link, links cannot be merged; the first stands"
        return Settled(changed[0][1], (whole_file_conflict(path, reason, changed),))
    conflicts, mode = _mode_of(path, base, changed)
    merged = merge_file(
        b"" if base.mode == SYMLINK else base.content or b"",
        [version.content or b"" for _, version in changed],
        path=path,
        names=names,
    )
    return Settled(
        Version(merged.content, mode),
        (*conflicts, *(replace(conflict, sections=names) for conflict in merged.conflicts)),
        tuple(replace(resolution, sections=names) for resolution in merged.resolutions)
        or _merged_by_lines(path, names, merged.is_clean),
    )


def _agreed(path: str, names: Sequence[str]) -> tuple[Resolution, ...]:
    if len(names) < 2:
        return ()
    return (Resolution("file", path, WHOLE, "the sections made the same change", sections=tuple(names)),)


def _merged_by_lines(path: str, names: tuple[str, ...], is_clean: bool) -> tuple[Resolution, ...]:
    if not is_clean:
        return ()
    return (Resolution("file", path, WHOLE, "the sections changed different places", sections=names),)


def _edited_and_deleted(path: str, base: Version, changed: Sequence[Side], present: Sequence[Side]) -> Settled:
    kept = settle(path, base, present)
    gone = ", ".join(repr(name) for name, version in changed if version.content is None)
    edited = ", ".join(repr(name) for name, _ in present)
    conflict = whole_file_conflict(path, f"deleted by {gone}, edited by {edited}; the edited file stands", changed)
    return Settled(kept.version, (conflict, *kept.conflicts), kept.resolutions)


def _mode_of(path: str, base: Version, changed: Sequence[Side]) -> tuple[tuple[Conflict, ...], int]:
    before = None if base.content is None else base.mode
    modes = {version.mode for _, version in changed if version.mode != before}
    if len(modes) < 2:
        return (), next(iter(modes), before or REGULAR)
    reason = "the sections gave the file different modes; the first stands"
    told = tuple(f"mode {version.mode:o}" for _, version in changed)
    names = tuple(name for name, _ in changed)
    return (Conflict("file", path, "file mode", reason, versions=told, sections=names),), changed[0][1].mode


def whole_file_conflict(path: str, reason: str, sides: Sequence[Side]) -> Conflict:
    """A conflict about the file as a whole, with every version."""
    return Conflict(
        "file",
        path,
        WHOLE,
        reason,
        versions=tuple(version.shown() for _, version in sides),
        sections=tuple(name for name, _ in sides),
    )
