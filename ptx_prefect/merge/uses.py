"""Which names of other modules a Python module uses, by dotted name, with how it calls them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ptx_prefect.merge.surface import (
    A_VALUE,
    AN_ITERATOR,
    BY_STAR,
    CallShape,
    bound_names,
    call_shape,
    key_name,
    own_attributes,
)

_NO_ITERATOR = frozenset(("len", "reversed", "bool", "int", "float", "abs", "round", "str", "repr"))
"""Builtins that an iterator is no good argument of."""
_OF_ITERATORS = frozenset(("send", "throw", "close", "__next__", "__iter__", "gi_frame", "asend", "athrow", "aclose"))

_PATH = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
"""A dotted name in a string."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use. ``name`` is absolute (``pkg.mod.func``, ``pkg.mod.Class.method``); ``call`` None: not called here.

    ``wants`` says what the use needs beside the name (:func:`ptx_prefect.merge.surface.unmet`).
    """

    name: str
    call: CallShape | None = None
    wants: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a use stands: line (from 1), that line's text, dotted name of the enclosing definition."""

    line: int
    text: str
    definition: str | None


def uses_of(content: bytes, *, module: str, is_package: bool) -> dict[Use, list[Place]]:
    """Every use in a module named ``module``; empty when it does not parse."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    finder = _Finder(module, is_package, content.decode("utf-8", errors="replace").splitlines())
    try:
        finder.scan(tree)
    except RecursionError:
        return {}
    return finder.found


@dataclass(slots=True)
class _Scope:
    """Local names: what each stands for (a dotted name), or None where that is not known."""

    names: dict[str, str | None] = field(default_factory=dict)
    instances: dict[str, str] = field(default_factory=dict)


class _Finder(ast.NodeVisitor):
    def __init__(self, module: str, is_package: bool, lines: list[str]) -> None:
        self.module, self.is_package, self.lines = module, is_package, lines
        self.found: dict[Use, list[Place]] = {}
        self.scopes = [_Scope()]
        self.stars: list[str] = []
        self.enclosing: list[str] = []
        self.parents: list[tuple[str | None, frozenset[str]]] = []

    def scan(self, tree: ast.Module) -> None:
        self._bind(tree.body, known_as=self.module)
        for node in tree.body:
            self.visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._note(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        source = self._source(node)
        for alias in node.names:
            self._note(source if alias.name == "*" else f"{source}.{alias.name}", node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outside in (*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)):
            self.visit(outside)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [one for one in (node.args.vararg, node.args.kwarg) if one is not None]
        scope = _Scope({argument.arg: None for argument in arguments})
        for argument in arguments:
            annotation = argument.annotation
            if annotation is not None:
                self.visit(annotation)
                if kind := self._dotted(annotation):
                    scope.instances[argument.arg] = kind
        if node.returns is not None:
            self.visit(node.returns)
        self._inside(node.name, scope, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - named by ast

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(outside)
        parent = self._dotted(node.bases[0]) if len(node.bases) == 1 else None
        own = frozenset(n.name for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        for name in own if parent is not None else ():
            self._note(f"{parent}.{name}", node)  # an override counts on what it overrides
        own |= frozenset(name for item in node.body for name in bound_names(item)) | frozenset(own_attributes(node))
        self.parents.append((parent, own))
        # Names of a class body are not seen from its methods, so they make no scope.
        self.enclosing.append(node.name)
        for item in node.body:
            self.visit(item)
        self.enclosing.pop()
        self.parents.pop()

    def visit_Lambda(self, node: ast.Lambda) -> None:
        names = {argument.arg: None for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        self.scopes.append(_Scope(dict(names)))
        self.visit(node.body)
        self.scopes.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            made_by = self._called(node.value.func) if isinstance(node.value, ast.Call) else []
            self.scopes[-1].instances.pop(node.targets[0].id, None)
            if len(made_by) == 1:
                self.scopes[-1].instances[node.targets[0].id] = made_by[0]

    def visit_Call(self, node: ast.Call) -> None:
        shape = call_shape(node)
        self._note_expression(node.func, shape)
        if isinstance(node.func, ast.Name) and len(node.args) == 1 and not self._is_known(node.func.id):
            wanted = A_VALUE if node.func.id in _NO_ITERATOR else AN_ITERATOR if node.func.id == "next" else ""
            self._note_returned(node.args[0], wanted)
        for part in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(part)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note_expression(node, None)
        else:
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        holder = self._dotted(node.value)
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if holder is not None and isinstance(key, str) and isinstance(node.ctx, ast.Load):
            self._note(key_name(holder, key), node)
        self._note_returned(node.value, A_VALUE)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        self._note_returned(node.value if isinstance(node.value, ast.Call) else None, A_VALUE)  # run for what it does
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._note_returned(node.left, A_VALUE)
        self._note_returned(node.right, A_VALUE)
        self.generic_visit(node)

    def visit_If(self, node: ast.If | ast.While | ast.IfExp | ast.Assert) -> None:
        self._note_returned(node.test, A_VALUE)
        self.generic_visit(node)

    visit_While = visit_IfExp = visit_Assert = visit_If  # noqa: N815 - named by ast

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self._note_returned(node.operand, A_VALUE)
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        self._note_returned(node.value, A_VALUE)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        if all(isinstance(one, ast.Eq | ast.NotEq | ast.Lt | ast.LtE | ast.Gt | ast.GtE) for one in node.ops):
            for operand in (node.left, *node.comparators):
                self._note_returned(operand, A_VALUE)
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and _PATH.fullmatch(node.value):
            self._note(node.value, node)  # the target of a patch, a name in a configuration

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note_expression(node, None)

    def _note_expression(self, node: ast.expr, shape: CallShape | None) -> None:
        if isinstance(node, ast.Attribute):
            self._note_returned(node.value, AN_ITERATOR if node.attr in _OF_ITERATORS else A_VALUE)
        member = self._member(node)
        if member is not None:
            self._note(member, node, shape)
            return
        dotted = self._dotted(node)
        if dotted is not None:
            self._note(dotted, node, shape)
        elif isinstance(node, ast.Name):
            for source in self.stars if not self._is_known(node.id) else ():
                self._note(f"{source}.{node.id}", node, shape)
                self._note(f"{source}.{node.id}", node, wants=BY_STAR)
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)
        else:
            self.generic_visit(node)

    def _note_returned(self, node: ast.expr | None, wants: str) -> None:
        """Note what is wanted of the result of a call: of the call itself, or of the variable that it went to."""
        if node is None or not wants:
            return
        made_by = self._instance(node.id) if isinstance(node, ast.Name) else None
        names = self._called(node.func) if isinstance(node, ast.Call) else [made_by]
        for name in filter(None, names):
            self._note(name, node, wants=wants)

    def _called(self, node: ast.expr) -> list[str]:
        """The names that a called expression may stand for: more than one only where star imports bring it."""
        dotted = self._dotted(node)
        if dotted is not None:
            return [dotted]
        if isinstance(node, ast.Name):
            return [] if self._is_known(node.id) else [f"{source}.{node.id}" for source in self.stars]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
            return [f"{holder}.{node.attr}" for holder in self._called(node.value.func)]
        member = self._member(node) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) else None
        return [] if member is None else [member]

    def _instance(self, name: str) -> str | None:
        """What was called to make the object of that name; None where that is not known."""
        for scope in reversed(self.scopes):
            if name in scope.instances:
                return scope.instances[name]
            if name in scope.names:
                return None
        return None

    def _member(self, node: ast.expr) -> str | None:
        """``Class.method`` where the object is certainly one of that class."""
        if not isinstance(node, ast.Attribute):
            return None
        holder = node.value
        if isinstance(holder, ast.Call):
            if isinstance(holder.func, ast.Name) and holder.func.id == "super" and self.parents:
                parent = self.parents[-1][0]
                return None if parent is None else f"{parent}.{node.attr}"
            self.visit(holder)
            kind = self._dotted(holder.func)
            return None if kind is None else f"{kind}.{node.attr}"
        if not isinstance(holder, ast.Name):
            return None
        if holder.id in ("self", "cls") and self.parents:
            parent, own = self.parents[-1]
            return None if parent is None or node.attr in own else f"{parent}.{node.attr}"
        made_by = self._instance(holder.id)
        return None if made_by is None else f"{made_by}.{node.attr}"

    def _dotted(self, node: ast.expr) -> str | None:
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        for scope in reversed(self.scopes):
            if node.id in scope.names:
                root = scope.names[node.id]
                return None if root is None else ".".join([root, *reversed(parts)])
        return None

    def _is_known(self, name: str) -> bool:
        return any(name in scope.names for scope in self.scopes)

    def _inside(self, name: str, scope: _Scope, body: list[ast.stmt]) -> None:
        self.scopes.append(scope)
        self.enclosing.append(name)
        self._bind(body, known_as=None)
        for node in body:
            self.visit(node)
        self.enclosing.pop()
        self.scopes.pop()

    def _bind(self, body: list[ast.stmt], *, known_as: str | None) -> None:
        """Enter what a body binds: imports by what they name, the rest as this module's own or as unknown."""
        names = self.scopes[-1].names
        for node in _own_nodes(body):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.split(".")[0]
                    names[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom):
                source = self._source(node)
                for alias in node.names:
                    if alias.name == "*":
                        self.stars.append(source)
                    else:
                        names[alias.asname or alias.name] = f"{source}.{alias.name}"
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                names[node.name] = f"{known_as}.{node.name}" if known_as else None
            elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
                names.setdefault(node.id, f"{known_as}.{node.id}" if known_as else None)

    def _source(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.module.split(".")
        kept = parts[: len(parts) - node.level + (1 if self.is_package else 0)]
        return ".".join([*kept, *([node.module] if node.module else [])])

    def _note(self, name: str, node: ast.AST, shape: CallShape | None = None, wants: str = "") -> None:
        line = getattr(node, "lineno", 1)
        text = self.lines[line - 1].strip() if line <= len(self.lines) else ""
        place = Place(line, text, ".".join(self.enclosing) or None)
        self.found.setdefault(Use(name, shape, wants), []).append(place)


def _own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Every node of a body but what stands in a scope of its own."""
    pending: list[ast.AST] = list(reversed(body))
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        pending.extend(ast.iter_child_nodes(node))
