"""The references of a tree, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

EdgeKind = Literal["import", "call", "name", "base", "decorator"]
DefinitionKind = Literal["module", "class", "function", "constant", "attribute"]


@dataclass(frozen=True, slots=True)
class Definition:
    """Something that a file defines.

    Args:
        qualname: dotted inside the module (``Class.method``, ``function.inner``); empty for the module itself.
        kind: a constant is any variable of a module or class; an attribute is set on ``self``.
        first_line: the first decorator's, else ``line``.
    """

    path: str
    module: str
    qualname: str
    kind: DefinitionKind
    first_line: int
    line: int
    end_line: int

    @property
    def name(self) -> str:
        """The full dotted name."""
        return f"{self.module}.{self.qualname}" if self.qualname else self.module


@dataclass(frozen=True, slots=True)
class Edge:
    """One reference. ``from a import f`` gives two imports: of the module ``a``, and of the definition ``f``.

    Args:
        source: qualified name of the definition that the line belongs to; empty for the module's own code.
        target: full dotted name of what is referred to; ``target_module`` and ``target_qualname`` are its parts.
        target_path: the file that defines it; empty for a directory without ``__init__.py``.
        note: for imports ``"type-checking"``, ``"star"`` or ``"dynamic"``, else empty.
    """

    path: str
    line: int
    kind: EdgeKind
    source: str
    target: str
    target_module: str
    target_qualname: str
    target_path: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """All references of one file to another: how many, and the one that stands first."""

    references: int
    first: Edge


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A reference that reading alone cannot resolve, as written; ``?`` stands for an expression."""

    path: str
    line: int
    source: str
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Unparsable:
    """A file that was left out."""

    path: str
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class TestHints:
    """What pytest finds by name in a file instead of by reference.

    Args:
        parameters: (qualified name of a test or fixture, its parameters).
        fixtures: (qualified name, name it is asked for by, whether it applies by itself).
        used: fixtures that the file asks for as strings; ``*`` when the name is computed.
    """

    __test__ = False

    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    fixtures: tuple[tuple[str, str, bool], ...] = ()
    used: tuple[str, ...] = ()
