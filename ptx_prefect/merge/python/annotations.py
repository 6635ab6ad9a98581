"""Sides that differ in type annotations only: a union is proposed, and never taken."""

from __future__ import annotations

import ast
import textwrap

from ptx_prefect.merge.python.names import parsed

_LINES_LIMIT = 40


def union_proposal(ours: str, theirs: str) -> str | None:
    """What would be written if both annotations held; None when the sides differ in anything else.

    >>> union_proposal("def f(x: int):\\n", "def f(x: str):\\n")
    'def f(x: int | str):'
    """
    if max(ours.count("\n"), theirs.count("\n")) > _LINES_LIMIT or ":" not in ours + theirs:
        return None
    mine, yours = _tree(ours), _tree(theirs)
    if mine is None or yours is None:
        return None
    our_places, their_places = _annotated(mine), _annotated(yours)
    if len(our_places) != len(their_places):
        return None
    found = [(_annotation(node), _annotation(other)) for node, other in zip(our_places, their_places, strict=True)]
    for node, other in zip(our_places, their_places, strict=True):
        _annotate(node, None)
        _annotate(other, None)
    if ast.dump(mine) != ast.dump(yours) or not any(a and b and ast.dump(a) != ast.dump(b) for a, b in found):
        return None
    for node, (a, b) in zip(our_places, found, strict=True):
        same = a is None or b is None or ast.dump(a) == ast.dump(b)
        _annotate(node, (a or b) if same else ast.BinOp(a, ast.BitOr(), b))  # type: ignore[arg-type]  # both are given
    text = ast.unparse(ast.fix_missing_locations(mine))
    return text.removesuffix("pass").rstrip() if text.endswith("pass") and "pass" not in ours else text


def _tree(text: str) -> ast.Module | None:
    code = textwrap.dedent(text).rstrip()
    # past the cache: the tree is going to be changed
    return parsed.__wrapped__(f"{code}\n    pass\n" if code.endswith(":") else code)


Annotated = ast.arg | ast.AnnAssign | ast.FunctionDef | ast.AsyncFunctionDef


def _annotated(tree: ast.Module) -> list[Annotated]:
    return [node for node in ast.walk(tree) if isinstance(node, Annotated)]


def _annotation(node: Annotated) -> ast.expr | None:
    return node.returns if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else node.annotation


def _annotate(node: Annotated, annotation: ast.expr | None) -> None:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node.returns = annotation
    elif isinstance(node, ast.arg):
        node.annotation = annotation
    else:
        node.annotation = annotation or ast.Constant(None)
