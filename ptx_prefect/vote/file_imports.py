"""What a test file imports: the candidate, under the name of the module that the tests were written for, and the rest.

Where candidates run, the candidate is the module ``candidate``; of the user's own directory there is nothing.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder

from ptx_prefect.vote.inside.runner import MODULE
from ptx_prefect.vote.sandbox import library_paths

_TRIED = (ast.Try, ast.TryStar)
_RUNNER = "pytest"  # its everyday words are understood without it


def about_candidate(tree: ast.Module, entry_point: str) -> ast.Module:
    """The file with the module under test replaced by the candidate, in imports and where it is used."""
    module = _module_under_test(tree, entry_point)
    if module is None:
        return tree
    changed: ast.Module = _Rebound(module, entry_point).visit(tree)
    changed.body = [node for node in changed.body if not isinstance(node, ast.Pass)]
    return ast.fix_missing_locations(changed)


def missing_imports(text: str, entry_point: str) -> tuple[str, ...]:
    """Modules that the file needs and that are not there where candidates run; those it can do without are left out."""
    tree = about_candidate(ast.parse(text), entry_point)
    names = dict.fromkeys(_imported(tree))
    return tuple(name for name in names if not _is_there(name))


def _is_there(name: str) -> bool:
    top = name.partition(".")[0]
    if top in (MODULE, _RUNNER) or _is_standard(name):
        return True
    return PathFinder.find_spec(top, library_paths()) is not None


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")
    elif not isinstance(node, _TRIED):
        for child in ast.iter_child_nodes(node):
            yield from _imported(child)


def _module_under_test(tree: ast.Module, entry_point: str) -> str | None:
    """The module that the entry point is imported from, or used of as an attribute; no library is under test."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        if isinstance(node, ast.ImportFrom) and any(alias.name == entry_point for alias in node.names):
            return _full_name(node)
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    used = {ast.unparse(node.value) for node in attributes if node.attr == entry_point}
    for node in imports:
        for alias in node.names:
            if (alias.asname or alias.name) in used:
                name = alias.name if isinstance(node, ast.Import) else _joined(_full_name(node), alias.name)
                return None if _is_standard(name) else name
    return None


def _full_name(node: ast.ImportFrom) -> str:
    return "." * node.level + (node.module or "")


def _is_standard(name: str) -> bool:
    return name.partition(".")[0] in sys.stdlib_module_names


def _joined(package: str, name: str) -> str:
    return f"{package}{name}" if package.endswith(".") else f"{package}.{name}"


class _Rebound(ast.NodeTransformer):
    """Puts the candidate in the place of a module."""

    def __init__(self, module: str, entry_point: str) -> None:
        self.module, self.entry_point = module, entry_point
        self.bound = {module}

    def visit_Import(self, node: ast.Import) -> ast.AST | list[ast.stmt]:
        others = [alias for alias in node.names if alias.name != self.module]
        own = [alias.asname or alias.name for alias in node.names if alias.name == self.module]
        return self._instead([ast.Import(others)] if others else [], own) if own else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.stmt]:
        package = _full_name(node)
        if package == self.module:
            return self._from_candidate(node)
        own = [alias.asname or alias.name for alias in node.names if _joined(package, alias.name) == self.module]
        others = [alias for alias in node.names if _joined(package, alias.name) != self.module]
        left: list[ast.stmt] = [ast.ImportFrom(node.module, others, node.level)] if others else []
        return self._instead(left, own) if own else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        text = ast.unparse(node.value)
        if text in self.bound and node.attr == self.entry_point:
            return ast.Name(self.entry_point, node.ctx)
        if "." in text and text == self.module:
            return ast.Attribute(ast.Name(MODULE, ast.Load()), node.attr, node.ctx)
        return self.generic_visit(node)

    def _from_candidate(self, node: ast.ImportFrom) -> list[ast.stmt]:
        """The entry point stands in the namespace already; the rest comes from the candidate."""
        again: list[ast.stmt] = [
            ast.Assign([ast.Name(alias.asname, ast.Store())], ast.Name(self.entry_point, ast.Load()))
            for alias in node.names
            if alias.name == self.entry_point and alias.asname and alias.asname != self.entry_point
        ]
        others = [alias for alias in node.names if alias.name != self.entry_point]
        source, level = (node.module, node.level) if _is_standard(self.module) else (MODULE, 0)
        return [*([ast.ImportFrom(source, others, level)] if others else []), *again] or [ast.Pass()]

    def _instead(self, left: list[ast.stmt], names: list[str]) -> list[ast.stmt]:
        self.bound |= set(names)
        made = [ast.alias(MODULE, None if "." in name or name == MODULE else name) for name in names]
        return [*left, ast.Import(made)]
