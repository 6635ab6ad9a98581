"""A program as its definitions and names: what binds a name, what uses it, on which lines it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef


class CannotGraftError(Exception):
    """The part cannot be moved; the message is the reason, for the rationale."""


@dataclass(frozen=True, slots=True)
class Program:
    """A parsed program whose statements each stand on lines of their own."""

    text: str
    tree: ast.Module

    @property
    def lines(self) -> list[str]:
        """The lines, with their ends."""
        return self.text.splitlines(keepends=True)


def read_program(text: str) -> Program:
    """The program; laid out anew if two statements share a line.

    Raises:
        CannotGraftError: it is not Python.
    """
    try:
        tree = ast.parse(text)
        # Form feeds and the like end a line for str.splitlines and not for the parser.
        if _is_crowded(tree) or len(text.splitlines()) != len(re.split(r"\r\n|\r|\n", text.removesuffix("\n"))):
            text = ast.unparse(tree) + "\n"
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CannotGraftError(f"is not Python: {error}") from None
    return Program(text if text.endswith("\n") else text + "\n", tree)


def find_part(program: Program, part: str) -> Function | None:
    """The function ``name`` or method ``Class.name`` defined once at the top of the program; else None."""
    outer, _, inner = part.partition(".")
    body: Sequence[ast.stmt] = program.tree.body
    if inner:
        classes = [node for node in body if isinstance(node, ast.ClassDef) and node.name == outer]
        body = classes[0].body if len(classes) == 1 else []
    found = [
        node
        for node in body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == (inner or outer)
    ]
    return found[0] if len(found) == 1 else None


def used_names(node: ast.AST) -> set[str]:
    """The names that the code takes from outside of it, and those that it declares global; no function's locals."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Global):
        return set(node.names)
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        found |= used_names(child)
    if isinstance(node, ast.Lambda):
        return found - {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        outside = [*node.decorator_list, node.args, *([node.returns] if node.returns else [])]
        return (found - locals_of(node)).union(*(used_names(one) for one in outside))
    return found


def locals_of(function: Function) -> set[str]:
    """Parameters, and names that the body binds without declaring them global."""
    arguments = {node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)}
    declared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    stored = {name for statement in function.body for name in bound_names(statement)}
    return (arguments | stored) - declared


def bound_names(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement defines."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    found: set[str] = set()
    for node in _same_scope(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {bound_by(alias) for alias in node.names} - {"*"}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
    return found


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            yield child
        else:
            yield from _same_scope(child)


def bound_by(alias: ast.alias) -> str:
    """The name that one part of an import statement binds."""
    return alias.asname or alias.name.partition(".")[0]


def is_import(node: ast.AST) -> bool:
    """Whether it is an import statement."""
    return isinstance(node, (ast.Import, ast.ImportFrom))


def class_of(program: Program, name: str) -> ast.ClassDef:
    """The class of this name at the top of the program, which must be there."""
    return next(node for node in program.tree.body if isinstance(node, ast.ClassDef) and node.name == name)


def attributes_of(node: ast.ClassDef) -> set[str]:
    """Every name that instances of the class are known to have."""
    found = set(dir(object))
    for statement in node.body:
        found |= bound_names(statement)
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found |= own_attributes(statement, stored=True)
    return found


def own_attributes(method: Function, *, stored: bool = False) -> set[str]:
    """Attributes of the first argument that the method reads, or those that it stores."""
    arguments = method.args.posonlyargs + method.args.args
    if not arguments:
        return set()
    uses = [
        node
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == arguments[0].arg
    ]
    stores = {node.attr for node in uses if isinstance(node.ctx, ast.Store)}
    return stores if stored else {node.attr for node in uses if not isinstance(node.ctx, ast.Store)}


def forms_of(program: Program, name: str) -> list[str]:
    """The forms of all top-level statements that bind the name."""
    return [form_of(node, name) for node in program.tree.body if name in bound_names(node)]


def form_of(node: ast.stmt, name: str) -> str:
    """What the statement makes of the name, independent of layout and of the other names of an import."""
    if isinstance(node, ast.Import):
        return " ".join(f"import {alias.name}" for alias in node.names if bound_by(alias) == name)
    if isinstance(node, ast.ImportFrom):
        module = "." * node.level + (node.module or "")
        return " ".join(f"from {module} import {alias.name}" for alias in node.names if bound_by(alias) == name)
    return ast.dump(node)


def _is_crowded(tree: ast.Module) -> bool:
    """Whether two statements of the top or of a class share a line."""
    holders: list[ast.Module | ast.ClassDef] = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    for holder in holders:
        last = holder.lineno if isinstance(holder, ast.ClassDef) else 0
        for node in holder.body:
            if first_line(node) <= last:
                return True
            last = node.end_lineno or node.lineno
    return False


def first_line(node: ast.stmt) -> int:
    """The line (from 1) on which the statement starts, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])
