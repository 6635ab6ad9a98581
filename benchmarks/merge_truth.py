"""How close a merge comes to what a person committed."""

from __future__ import annotations

import ast
import warnings
from typing import Literal

Closeness = Literal["text", "ast", "imports", "order"]


def closeness(result: bytes, human: bytes) -> Closeness | None:
    """The strictest sense in which both are the same, or None.

    ``text``: byte for byte; ``ast``: equal syntax trees (layout and comments aside); ``imports``: equal but for the
    order and grouping of top-level imports; ``order``: equal but for that and the order of definitions in one body.
    """
    if result == human:
        return "text"
    ours, theirs = tree_of(result), tree_of(human)
    if ours is None or theirs is None:
        return None
    try:
        if ast.dump(ours) == ast.dump(theirs):
            return "ast"
        if _dump(ours, definitions=False) == _dump(theirs, definitions=False):
            return "imports"
        if _dump(ours, definitions=True) == _dump(theirs, definitions=True):
            return "order"
    except RecursionError:
        return None
    return None


def tree_of(content: bytes) -> ast.Module | None:
    """The syntax tree, or None for what this Python cannot parse (Python 2, a syntax error)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _dump(tree: ast.Module, *, definitions: bool) -> str:
    """The tree as text, its imports as one sorted list; with ``definitions`` sorted within each body too."""
    imports: list[str] = []
    rest: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            imports += (f"import {alias.name} as {alias.asname}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            imports += (f"from {module} import {alias.name} as {alias.asname}" for alias in node.names)
        else:
            rest.append(node)
    return "\n".join([*sorted(set(imports)), *_body(rest, definitions)])


def _body(nodes: list[ast.stmt], definitions: bool) -> list[str]:
    if not definitions:
        return [ast.dump(node) for node in nodes]
    defined: list[str] = []
    others: list[str] = []
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            members = _body(node.body, True)
            head = ast.ClassDef(node.name, node.bases, node.keywords, [], node.decorator_list)
            defined.append(ast.dump(head) + "\n".join(members))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            defined.append(ast.dump(node))
        else:
            others.append(ast.dump(node))
    return [*sorted(defined), *others]
