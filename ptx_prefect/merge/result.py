"""What merging one file gives: the content, what was decided on the way, and what a person has to decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ConflictClass = Literal["file", "import", "type", "dependency", "logic"]
"""The specification's five classes.

``file``: two edits of one place (text, a definition, a section of a document); ``import``: what a name is bound to;
``type``: annotations or types that disagree; ``dependency``: version demands without a common answer; ``logic``: the
texts go together and the meanings do not (a removed name that the other side uses).
"""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One place that a person has to decide.

    ``place`` says where, for a reader (``"lines 10-14"``, ``"imports"``, ``"[project] dependencies"``);
    ``definition`` is the dotted name of the enclosing function or class, None at the top of a file. ``versions``
    holds the rival texts in side order (a deleted one is empty). ``proposal`` is what could be written there, never
    taken silently. ``sections`` names whose edits meet; filled in where whole trees are merged.
    """

    kind: ConflictClass
    path: str
    place: str
    reason: str
    definition: str | None = None
    versions: tuple[str, ...] = ()
    proposal: str | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """One place that two sides changed and that was merged, and why that is right."""

    kind: ConflictClass
    path: str
    place: str
    reason: str
    definition: str | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileMerge:
    """One file merged.

    ``content`` carries conflict markers where ``conflicts`` have a textual place; a logic or type conflict may stand
    in a content without markers, so ask :attr:`is_clean`, not the text.
    """

    content: bytes
    conflicts: tuple[Conflict, ...] = ()
    resolutions: tuple[Resolution, ...] = ()

    @property
    def is_clean(self) -> bool:
        """True when nothing is left for a person to decide."""
        return not self.conflicts
