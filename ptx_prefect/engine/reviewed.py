"""What a review leaves of a merge; without one, the merge as it is. Imports nothing of Prefect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ptx_prefect.merge.changesets import Merged
from ptx_prefect.merge.result import Conflict
from ptx_prefect.tree import Changeset
from ptx_prefect.validate import Validation

Sides = Sequence[tuple[str, Changeset]]
Check = Callable[[Sides, Callable[[Merged], Merged] | None], Validation]
"""Merges and validates; the second argument puts decisions into each merge."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the review left: the tree as it is to be published, or not.

    ``kept_as_merged`` are conflicts that the person accepted; ``left_out`` says why a section is out.
    """

    found: Validation
    approved: bool
    record: Mapping[str, Any]
    failures: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    kept_as_merged: frozenset[Conflict] = frozenset()
