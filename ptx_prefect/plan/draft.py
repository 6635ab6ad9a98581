"""A section as the decomposition proposes it, before the plan gives it a place in the graph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SectionDraft:
    """One proposed section.

    Args:
        name: unique among the drafts of one decomposition.
        reads: paths or globs, relative to the root, with forward slashes.
        writes: paths or globs that the section may change.
        depends_on: (name of another draft, why) pairs.
        estimate_s: seconds it is expected to take; 0 when nothing is known.
        files: the files that the section is about, sorted.
        why: one sentence for the plan: why these files form one section.
    """

    name: str
    description: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    depends_on: tuple[tuple[str, str], ...] = ()
    estimate_s: float = 0.0
    files: tuple[str, ...] = ()
    why: str = ""
