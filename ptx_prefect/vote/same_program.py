"""Which candidates are one program: the same but for names, comments, annotations and layout."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterable


@functools.lru_cache(maxsize=1024)
def form_of(source: str) -> str:
    """Text that is equal for programs that differ in nothing that is run."""
    try:
        tree = ast.parse(source)
        names = _own_names(tree)
        return ast.dump(_Plain(names).visit(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source


def largest_copy(sources: Iterable[str]) -> int:
    """How many of the programs are one and the same."""
    return max(Counter(map(form_of, sources)).values(), default=0)


def _own_names(tree: ast.AST) -> dict[str, str]:
    """Names that the program gives to parameters and variables, by the order in which they appear."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            found.setdefault(node.arg, f"v{len(found)}")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.setdefault(node.id, f"v{len(found)}")
    return found


class _Plain(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def generic_visit(self, node: ast.AST) -> ast.AST:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_comment(one)]  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        return super().generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg, node.annotation = self.names.get(node.arg, node.arg), None
        return node


def _is_comment(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
