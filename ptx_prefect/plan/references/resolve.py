"""Chains resolved across the tree to modules, classes, functions and constants."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from ptx_prefect.plan.references.facts import CALL, IMPORT, NAME, FileFacts

MODULE, CLASS, INSTANCE, FUNCTION, VARIABLE, OUTSIDE = "module", "class", "instance", "function", "variable", "outside"

NO_SUCH_MODULE = "no such module in the tree"
_Key = TypeVar("_Key", bound=tuple[Any, ...])
_Value = TypeVar("_Value")


class Target(NamedTuple):
    """Where a step of a chain has arrived; ``value`` is the chain of a variable's value, if it is known."""

    kind: str
    module: str = ""
    qualname: str = ""
    value: str = ""


_OUTSIDE = Target(OUTSIDE)
_DEFINED = {"f": FUNCTION, "c": CLASS}
"""The binding of a name that is nothing but a definition: the most frequent."""
Found = tuple[tuple[Target, ...], frozenset[str]]
_NOTHING: Found = ((), frozenset())
Followed = tuple[Found, tuple[tuple[str, Target], ...], bool]
_CALLED_HERE = "()"
"""As against "(!)", a call that made the value of a local name on another line."""


@dataclass(slots=True)
class Resolved:
    """One file's references. Lines are kept per (owner, kind, target); targets are ``module:qualname``."""

    edges: dict[tuple[int, str, str], list[int]] = field(default_factory=dict)
    notes: dict[tuple[int, str, str], str] = field(default_factory=dict)
    unresolved: dict[tuple[int, str, str], list[int]] = field(default_factory=dict)
    outside: set[str] = field(default_factory=set)
    consulted: set[str] = field(default_factory=set)


class Resolver:
    """Looks names up in the interfaces of all modules; one serves many files.

    Args:
        interfaces: module name to ``Interface.to_list()``.
    """

    def __init__(self, interfaces: Mapping[str, list[Any]]) -> None:
        self._interfaces = interfaces
        self._packages = _packages_around(interfaces)
        self._tops = {name.partition(".")[0] for name in interfaces}
        self._names: dict[tuple[str, str], Found] = {}
        self._members: dict[tuple[Target, str], Found] = {}
        self._values: dict[tuple[Target, str], Found] = {}
        self._chains: dict[tuple[str, str], Followed] = {}
        self._open: dict[tuple[int, tuple[Any, ...]], int] = {}
        self._rests_on = sys.maxsize

    def resolve_file(self, facts: FileFacts) -> Resolved:
        """The edges of one file, what cannot be resolved in it, and every name whose meaning this rests on."""
        result = Resolved()
        for owner, line, module, name, note in facts.imports:
            self._import(result, owner, line, module, name, note)
        module, consulted = facts.module, []
        for (owner, kind, chain), lines in facts.uses.items():
            (targets, keys), passed, complete = self._chain(module, chain)
            consulted.append(keys)
            for use, target in passed:
                _add(result.edges, (owner, use, f"{target.module}:{target.qualname}"), lines)
            for target in targets:
                if target.kind not in (INSTANCE, OUTSIDE):
                    _add(result.edges, (owner, kind if complete else NAME, f"{target.module}:{target.qualname}"), lines)
            if not complete:
                why = "no definition found" if targets or passed else "name not bound in the tree"
                _add(result.unresolved, (owner, _readable(chain), why), lines)
        result.consulted.update(*consulted)
        for (owner, chain), lines in facts.unknown.items():
            why = "computed module name" if chain[-1] == ")" else "type of the receiver is not known"
            _add(result.unresolved, (owner, chain, why), lines)
        return result

    def is_inside(self, module: str) -> bool:
        return module in self._interfaces or module in self._packages

    def with_packages(self, modules: Iterable[str]) -> set[str]:
        """Those of the modules, and of the packages around them, that are files of the tree."""
        found: set[str] = set()
        for module in modules:
            while module and module not in found:
                if module in self._interfaces:
                    found.add(module)
                module = module.rpartition(".")[0]
        return found

    def _import(self, result: Resolved, owner: int, line: int, module: str, name: str, note: str) -> None:
        result.consulted.add(f"{module}:{name}")
        if not self.is_inside(module):
            if module.partition(".")[0] not in self._tops and not module.startswith("."):
                result.outside.add(module)
                return
            _add(result.unresolved, (owner, module, NO_SUCH_MODULE), [line])
            # What is left of the name is a package that runs all the same, such as the one around a compiled module.
            while module and not self.is_inside(module):
                module = module.rpartition(".")[0]
            if not module:
                return
            name = ""
        to: list[str] = []
        if name and name != "*":
            targets, keys = self.look_up(module, name)
            result.consulted |= keys
            if self.is_inside(f"{module}.{name}"):
                to.append(f"{module}.{name}:")
            if any(target.kind != MODULE for target in targets) or not to:
                to.append(f"{module}:")
            if not targets and len(to) == 1 and to[0] == f"{module}:" and module in self._interfaces:
                _add(result.unresolved, (owner, f"{module}.{name}", "name not bound in the module"), [line])
            for target in targets:
                if target.kind not in (OUTSIDE, MODULE):
                    _add(result.edges, (owner, IMPORT, f"{target.module}:{target.qualname}"), [line])
        else:
            to.append(f"{module}:")
        for key in to:
            _add(result.edges, (owner, IMPORT, key), [line])
            if note:
                result.notes[(owner, key, str(line))] = note

    def look_up(self, module: str, name: str) -> Found:
        """What a name of a module is, with every (module, name) that had to be looked at."""
        key = (module, name)
        found = self._names.get(key)
        if found is None:
            own = frozenset((f"{module}:{name}",))
            interface = self._interfaces.get(module)
            kind = _DEFINED.get(*interface[0][name]) if interface and len(interface[0].get(name, ())) == 1 else None
            if kind:
                found = self._names[key] = (Target(kind, module, name),), own
            else:
                found = self._once(self._names, key, self._find_name, ((), own))
        return found

    def _find_name(self, module: str, name: str) -> Found:
        targets: list[Target] = []
        keys = {f"{module}:{name}"}
        interface = self._interfaces.get(module)
        bindings = interface[0].get(name, ()) if interface else ()
        for binding in bindings:
            found, more = self._binding(module, name, binding)
            targets += found
            keys |= more
        if not bindings and interface and interface[3]:
            keys.add(f"{module}:*")
            for star in interface[3]:
                found, more = self._through_star(star, name)
                targets += found
                if found:
                    keys |= more
        if not targets and self.is_inside(f"{module}.{name}"):
            targets.append(Target(MODULE, f"{module}.{name}"))
        return _best(targets), frozenset(keys)

    def _through_star(self, star: str, name: str) -> Found:
        if star not in self._interfaces:
            return _NOTHING
        exported = self._interfaces[star][4]
        if name not in exported if exported is not None else name.startswith("_"):
            return _NOTHING
        return self.look_up(star, name)

    def _binding(self, module: str, qualname: str, binding: str) -> Found:
        sign, value = binding[0], binding[2:]
        if sign == "f":
            return (Target(FUNCTION, module, qualname),), frozenset()
        if sign == "c":
            return (Target(CLASS, module, qualname),), frozenset()
        if sign == "v":
            return (Target(VARIABLE, module, qualname, value),), frozenset()
        if sign == "m":
            return ((Target(MODULE, value) if self.is_inside(value) else _OUTSIDE),), frozenset()
        source, _, name = value.partition(":")
        if not self.is_inside(source):
            return (_OUTSIDE,), frozenset()
        return self.look_up(source, name)

    def _member(self, target: Target, name: str) -> Found:
        key = (target, name)
        found = self._members.get(key)
        top = f"{target.module}:{target.qualname.partition('.')[0]}"
        return found or self._once(self._members, key, self._find_member, ((), frozenset((top,))))

    def _find_member(self, target: Target, name: str) -> Found:
        top = f"{target.module}:{target.qualname.partition('.')[0]}"
        bases, members = self._interfaces[target.module][1].get(target.qualname, ((), {}))
        keys = {top}
        targets: list[Target] = []
        for binding in members.get(name, ()):
            found, more = self._binding(target.module, f"{target.qualname}.{name}", binding)
            targets += found
            keys |= more
        if not targets:
            found, more = self._inherited(target, bases, name)
            targets += found
            keys |= more
        return _best(targets), frozenset(keys)

    def _inherited(self, target: Target, bases: Iterable[str], name: str) -> Found:
        keys: set[str] = set()
        outside = False
        for base in bases:
            if base == "?":
                continue
            (classes, consulted), _, complete = self._chain(target.module, base)
            keys |= consulted
            for parent in classes if complete else ():
                outside |= parent.kind == OUTSIDE
                if parent.kind == CLASS and (parent.qualname, parent.module) != (target.qualname, target.module):
                    found, consulted = self._member(parent, name)
                    keys |= consulted
                    if any(one.kind != OUTSIDE for one in found):
                        return found, frozenset(keys)
                    outside |= bool(found)
        return ((_OUTSIDE,) if outside else ()), frozenset(keys)

    def _chain(self, module: str, chain: str) -> Followed:
        """(targets and keys, what is passed on the way with the kind of use, whether the whole chain was followed)."""
        key = (module, chain)
        found = self._chains.get(key)
        if found is None and chain.isidentifier():
            name = self.look_up(module, chain)
            if name[0] and not any(target.value for target in name[0]):
                found = self._chains[key] = name, (), True
        return found or self._once(self._chains, key, self._follow, (_NOTHING, (), False))

    def _once(self, memo: dict[_Key, _Value], key: _Key, find: Callable[..., _Value], unknown: _Value) -> _Value:
        """Finds and remembers. A question that comes up while it is being answered is unknown there; what rests on such
        an answer is not remembered, as it would depend on who asked first."""
        question = (id(memo), key)
        if question in self._open:
            self._rests_on = min(self._rests_on, self._open[question])
            return unknown
        depth = self._open[question] = len(self._open)
        before, self._rests_on = self._rests_on, depth
        found = find(*key)
        del self._open[question]
        if self._rests_on >= depth:
            memo[key] = found
            self._rests_on = before
        else:
            self._rests_on = min(before, self._rests_on)
        return found

    def _follow(self, module: str, chain: str) -> Followed:
        (targets, first), steps = self._start(module, chain)
        keys = first
        passed: list[tuple[str, Target]] = []
        for step in steps:
            if any(target.kind == OUTSIDE for target in targets):
                inside = tuple(target for target in targets if target.kind != OUTSIDE)
                if not inside:
                    return ((_OUTSIDE,), keys), tuple(passed), True
                targets = inside
            if step[0] == "(":
                if step == _CALLED_HERE:
                    passed += [(CALL, target) for target in targets if target.kind in (FUNCTION, CLASS, VARIABLE)]
                targets = tuple(instance for target in targets for instance in self._call(target))
                if not targets:
                    return ((), keys), tuple(passed), False
                continue
            found: list[Target] = []
            for target in targets:
                if target.kind in (VARIABLE, CLASS):
                    passed.append((NAME, target))
                more, consulted = self._step(target, step)
                keys = keys | consulted if keys else consulted
                found += more
            if not found:
                known = any(target.kind != INSTANCE for target in targets)
                return (targets if known else (), keys), tuple(passed), False
            targets = _best(found)
        if not targets:
            return (targets, keys), tuple(passed), False
        extra: list[Target] = []
        for target in targets:
            if target.kind == VARIABLE and target.value and not target.value.endswith(")"):
                (values, seen), _, complete = self._chain(target.module, target.value)
                keys = keys | seen
                extra += [value for value in values if complete and value.kind in (FUNCTION, CLASS)]
        return (_best([*targets, *extra]), keys), tuple(passed), True

    def _start(self, module: str, chain: str) -> tuple[Found, list[str]]:
        """What the chain starts from, and the names and calls that follow."""
        sign = chain[0]
        if sign not in "@#^":
            steps = _steps(chain)
            return self.look_up(module, steps[0]), steps[1:]
        base, _, written = chain[1:].partition(":")
        steps = _steps(written) if written else []
        if sign == "@":
            if not self.is_inside(base):
                return ((_OUTSIDE,), frozenset((f"{base}:",))), steps
            if not steps:
                return ((Target(MODULE, base),), frozenset()), steps
            return self.look_up(base, steps[0]), steps[1:]
        qualname = base.partition("(")[0]
        is_class = qualname in self._interfaces[module][1]
        if sign == "#":
            kind = (INSTANCE if base != qualname else CLASS) if is_class else FUNCTION
            if kind == FUNCTION and base != qualname:
                return _NOTHING, steps
            return ((Target(kind, module, qualname),), frozenset()), steps
        bases = self._interfaces[module][1].get(qualname, ((), {}))[0]
        return self._inherited(Target(CLASS, module, qualname), bases, steps[0]) if steps else _NOTHING, steps[1:]

    def _call(self, target: Target) -> tuple[Target, ...]:
        if target.kind == CLASS:
            return (Target(INSTANCE, target.module, target.qualname),)
        if target.kind == OUTSIDE:
            return (_OUTSIDE,)
        if target.kind == VARIABLE and target.value and not target.value.endswith(")"):
            (values, _), _, complete = self._chain(target.module, target.value)
            return tuple(i for value in values if complete and value.kind == CLASS for i in self._call(value))
        return ()

    def _step(self, target: Target, name: str) -> Found:
        if target.kind == MODULE:
            return self.look_up(target.module, name)
        if target.kind in (CLASS, INSTANCE):
            if name == "__class__" and target.kind == INSTANCE:
                return (Target(CLASS, target.module, target.qualname),), frozenset()
            return self._member(target, name)
        if target.kind == VARIABLE and target.value:
            return self._through_value(target, name)
        return _NOTHING

    def _through_value(self, target: Target, part: str) -> Found:
        key = (target, part)
        found = self._values.get(key)
        return found or self._once(self._values, key, self._step_in_value, _NOTHING)

    def _step_in_value(self, target: Target, part: str) -> Found:
        (values, keys), _, complete = self._chain(target.module, target.value)
        if not complete:
            return (), keys
        targets: list[Target] = []
        consulted = set(keys)
        for value in values:
            if value.kind == OUTSIDE:
                targets.append(value)
            elif value != target:
                found, more = self._step(value, part)
                targets += found
                consulted |= more
        return tuple(targets), frozenset(consulted)


def _best(targets: list[Target]) -> tuple[Target, ...]:
    """Without repetition; a variable without a known value gives way to the same name with one."""
    if len(targets) < 2:
        return tuple(targets)
    unique = dict.fromkeys(targets)
    valued = {(t.module, t.qualname) for t in unique if t.value or t.kind in (FUNCTION, CLASS, MODULE)}
    return tuple(t for t in unique if t.kind != VARIABLE or t.value or (t.module, t.qualname) not in valued)


def _steps(chain: str) -> list[str]:
    return chain.replace("(", ".(").split(".") if "(" in chain else chain.split(".")


def _packages_around(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for module in modules:
        while (module := module.rpartition(".")[0]) and module not in found:
            found.add(module)
    return found


def _readable(chain: str) -> str:
    chain = chain.replace("(!)", "()")
    if chain[0] in "#@":
        return chain[1:].replace(":", ".", 1)
    if chain[0] == "^":
        return f"super({chain[1:].partition(':')[0]}).{chain.partition(':')[2]}"
    return chain


def _add(edges: dict[tuple[int, str, str], list[int]], key: tuple[int, str, str], lines: list[int]) -> None:
    known = edges.get(key)
    if known is None:
        edges[key] = list(lines)
    else:
        known.extend(line for line in lines if line not in known)
