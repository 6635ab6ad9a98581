"""The scopes of one file while it is read: which name is bound where, and to what as far as that can be known."""

from __future__ import annotations

import builtins

from ptx_prefect.plan.references.facts import ATTRIBUTE, CLASS, FUNCTION, MODULE, VARIABLE, FileFacts

_BY_SITE = frozenset(("copyright", "credits", "exit", "license", "quit"))
"""Put in by `site`, which the reading processes start without."""
BUILTINS = frozenset(dir(builtins)) | _BY_SITE | {"__file__", "__path__", "__builtins__", "__module__", "__qualname__"}

Value = str | tuple[str, "Scope"] | None
"""A binding of a function: encoded, or a chain as written in a scope, or unknown."""


class Scope:
    """A module, class or function body; compared by identity."""

    __slots__ = (
        "bound",
        "elsewhere",
        "indent",
        "kind",
        "lines",
        "members",
        "memo",
        "name",
        "owner",
        "parent",
        "qualname",
        "receiver",
        "texts",
    )

    def __init__(self, kind: str, name: str, qualname: str, owner: int, parent: Scope | None, indent: int) -> None:
        self.kind = kind
        self.name = name
        self.qualname = qualname
        self.owner = owner
        self.parent = parent
        self.indent = indent
        self.bound: dict[str, Value] = {}
        self.members: dict[str, list[str]] = {}
        self.elsewhere: set[str] = set()
        self.receiver = ""
        self.memo: dict[str, str | None] = {}
        self.texts: list[str] = []
        self.lines: list[int] = []


class Scopes:
    """The stack of open scopes, and the look-up of names once the whole file has been read."""

    def __init__(self, facts: FileFacts) -> None:
        self._facts = facts
        self._interface = facts.interface
        module = Scope(MODULE, "", "", 0, None, -1)
        module.members = facts.interface.names
        facts.definitions.append(["", MODULE, 1, 1, 1])
        self._stack = [module]
        self.all = [module]
        self.current = module
        self.owner = 0
        self._values: list[tuple[list[str], str, Scope]] = []
        self._bases: list[tuple[list[str], list[str], Scope]] = []

    def enter(self, name: str, kind: str, *, start: int, line: int, indent: int) -> Scope:
        outer = self.current
        qualname = f"{outer.qualname}.{name}" if outer.qualname else name
        owner = len(self._facts.definitions)
        self._facts.definitions.append([qualname, kind, start, line, line])
        if outer.kind == FUNCTION:
            outer.bound[name] = f"#{qualname}:"
        else:
            _add(outer.members, name, kind)
        scope = Scope(kind, name, qualname, owner, outer, indent)
        if kind == CLASS:
            _, scope.members = self._interface.classes.setdefault(qualname, ([], scope.members))
        else:
            self._interface.functions.append(qualname)
        self._stack.append(scope)
        self.all.append(scope)
        self.current, self.owner = scope, owner
        return scope

    def leave(self, indent: int, last: int) -> None:
        """Closes the scopes that a statement at this indentation is no longer part of."""
        while self.current.indent >= indent and len(self._stack) > 1:
            self._facts.definitions[self.current.owner][4] = last
            self._stack.pop()
            self.current = self._stack[-1]
            self.owner = self.current.owner

    def declare(self, word: str, names: list[str]) -> None:
        if word == "global":
            self.current.elsewhere.update(names)
            for name in names:
                if name not in self._interface.names:
                    _add(self._interface.names, name, VARIABLE)
        else:
            self.current.elsewhere.update(names)

    def bind_variable(self, name: str, value: str | None, first: int, last: int, kind: str = VARIABLE) -> int | None:
        """Binds a name in the current scope; the index of its definition, except in functions."""
        scope = self.current
        if scope.kind == FUNCTION:
            if name not in scope.elsewhere:
                new: Value = (value, scope) if value else None
                if name in scope.bound and scope.bound[name] != new:
                    new = None
                scope.bound[name] = new
            return None
        bindings = _add(scope.members, name, VARIABLE)
        if value is not None:
            self._values.append((bindings, value, scope))
        return self._define(scope, name, kind, first, last)

    def bind_attribute(self, target: str, value: str | None, first: int, last: int) -> None:
        """Notes ``self.name = …`` as an attribute of the class."""
        scope = self.current
        receiver, _, name = target.partition(".")
        if scope.receiver != receiver or not scope.parent or not name.isidentifier():
            return
        if name not in scope.parent.members:
            self._define(scope.parent, name, ATTRIBUTE, first, last)
        bindings = _add(scope.parent.members, name, VARIABLE)
        if value is not None:
            self._values.append((bindings, value, scope))

    def bind_import(self, name: str, module: str, attribute: str) -> None:
        """Binds what an import statement binds: a module, or a name of it."""
        scope = self.current
        if scope.kind == FUNCTION and name not in scope.elsewhere:
            scope.bound[name] = f"@{module}:{attribute}"
            return
        members = self._interface.names if scope.kind == FUNCTION else scope.members
        _add(members, name, f"n={module}:{attribute}" if attribute else f"m={module}")

    def set_bases(self, scope: Scope, bases: list[str], outer: Scope) -> None:
        self._bases.append((self._interface.classes[scope.qualname][0], bases, outer))

    def finish(self) -> None:
        """Rewrites values and bases so that they can be read from outside the scope they stand in."""
        for into, bases, outer in self._bases:
            into.extend(self.chain(outer, base) or "?" for base in bases)
        for bindings, value, scope in self._values:
            chain = self.chain(scope, value)
            if chain and (binding := f"v={chain}") not in bindings:
                bindings.append(binding)

    def let_go(self) -> None:
        """Ends the circles, as a scope's bindings refer to it: nothing else would free the memory."""
        for scope in self.all:
            scope.bound.clear()

    def chain(self, scope: Scope, written: str) -> str | None:
        """A chain as written in a scope, encoded; None when it starts at something local, "" at a builtin."""
        if written[0] in "@#^":
            return written
        head, _, rest = written.partition(".")
        return join(self.globalize(scope, head), rest)

    def globalize(self, scope: Scope, head: str) -> str | None:
        memo = scope.memo
        if head in memo:
            return memo[head]
        memo[head] = None  # a name that is bound to itself stays unknown
        found = memo[head] = self._look_up(scope, head)
        return found

    def _look_up(self, scope: Scope, head: str) -> str | None:
        called = head[-1] == ")"
        name = head[:-2] if called else head
        at: Scope | None = scope
        while at is not None and at.kind != MODULE:
            if name in at.bound:  # in a class these are its type parameters
                return self._value(at.bound[name], called) if at.kind == FUNCTION else None
            if at is scope and name in at.members:
                return f"#{at.qualname}:{head}"
            if name == "__super__" and at.kind == FUNCTION and at.parent and at.parent.kind == CLASS:
                return f"^{at.parent.qualname}:"
            at = at.parent
        if name in self._interface.names:
            return head
        return "" if name in BUILTINS else None if name == "__super__" else head

    def _value(self, value: Value, called: bool) -> str | None:
        if isinstance(value, tuple):
            value = self.chain(value[1], value[0])
        if not value or not called:
            return value
        if value.endswith(("()", "():")) or (value[0] == "@" and value[-1] == ":"):
            return None
        return f"{value[:-1]}():" if value[-1] == ":" else f"{value}()"

    def _define(self, scope: Scope, name: str, kind: str, first: int, last: int) -> int:
        qualname = f"{scope.qualname}.{name}" if scope.qualname else name
        self._facts.definitions.append([qualname, kind, first, first, last])
        return len(self._facts.definitions) - 1


def join(base: str | None, rest: str) -> str | None:
    """An encoded chain continued by attributes."""
    if not base or not rest:
        return base
    return base + rest if base[-1] == ":" else f"{base}.{rest}"


def _add(members: dict[str, list[str]], name: str, binding: str) -> list[str]:
    bindings = members.setdefault(name, [])
    if binding not in bindings:
        bindings.append(binding)
    return bindings
