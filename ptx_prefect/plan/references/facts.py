"""What one file says about itself, as plain lists and dictionaries that `marshal` can carry.

Chains are dotted names as written, in one of four encodings: ``a.b`` starts at a name of this module;
``@pkg.mod:a.b`` in another module; ``#C.f:a`` at a definition of this file; ``^C:a`` at the bases of class C.
``A()`` inside a chain means "what calling A gives": an instance where A is a class; ``A(!)`` the same, called
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FUNCTION, CLASS, VARIABLE, MADE, ATTRIBUTE, MODULE = "f", "c", "v", "w", "a", "m"
"""Kinds of definition; a variable is MADE when its value comes out of a call; an ATTRIBUTE is ``self.x = …``."""

CALL, NAME, BASE, DECORATOR, IMPORT = "c", "n", "b", "d", "i"
"""Kinds of use."""


@dataclass(slots=True)
class Interface:
    """What other files can see of a module; changes of lines and bodies leave it as it is.

    names: name to its bindings. A binding is ``f``, ``c``, ``v`` (a definition here), ``v=CHAIN`` (a variable with
    a known value), ``m=a.b`` (a module) or ``n=a.b:c`` (a name of another module).
    classes: qualified name to (bases as chains, member name to its bindings).
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    classes: dict[str, tuple[list[str], dict[str, list[str]]]] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    exported: list[str] | None = None

    def to_list(self) -> list[object]:
        return [self.names, self.classes, self.functions, self.stars, self.exported]


@dataclass(slots=True)
class Pytest:
    """What pytest finds by name instead of by reference; keys are indices of definitions."""

    parameters: dict[int, list[str]] = field(default_factory=dict)
    fixtures: dict[int, list[object]] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FileFacts:
    """All that is read from one file before anything is known about the others.

    definitions: [qualified name, kind, first line with decorators, line of the name, last line]; the first is the
        module itself. Everything else refers to them by index ("owner").
    uses: (owner, kind, chain) to the lines.
    imports: (owner, line, module, name or "", note); a name of "*" is a star import.
    unknown: (owner, chain as written) to the lines: the receiver or the name cannot be known.
    """

    path: str
    module: str
    is_package: bool
    definitions: list[list[object]] = field(default_factory=list)
    interface: Interface = field(default_factory=Interface)
    uses: dict[tuple[int, str, str], list[int]] = field(default_factory=dict)
    imports: list[tuple[int, int, str, str, str]] = field(default_factory=list)
    unknown: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    pytest: Pytest = field(default_factory=Pytest)
