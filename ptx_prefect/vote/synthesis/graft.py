"""Take one function or method out of a program, with all that it needs, and put it into another in the old one's place.

What comes along: helpers, constants, imports and the statements that fill them, found by name. What the other program
has in the same form is used as it is; what it has in another form keeps its name there and comes under a new one.
State that changes at run time is never shared between the two: each keeps its own.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from ptx_prefect.vote.synthesis.program import (
    CannotGraftError,
    Function,
    Program,
    attributes_of,
    bound_by,
    bound_names,
    class_of,
    find_part,
    first_line,
    form_of,
    forms_of,
    is_import,
    locals_of,
    own_attributes,
    read_program,
    used_names,
)

_BUILTIN_NAMES = frozenset(dir(builtins))


def graft(base: str, donor: str, part: str, *, donor_name: str, interface: Collection[str] = ()) -> str:
    """The base program with ``part`` as the donor does it.

    Args:
        interface: top-level names that all candidates define alike; the graft uses the base's.

    Raises:
        CannotGraftError: one of them has no such part, or it depends on what cannot come along.
    """
    target, source = read_program(base), read_program(donor)
    old, new = find_part(target, part), find_part(source, part)
    if old is None or new is None:
        raise CannotGraftError(f"{part!r} is not defined exactly once in both programs")
    class_name = part.rpartition(".")[0]
    methods = _methods_along(source, target, class_name, new) if class_name else []
    moved: list[Function] = [new, *methods]
    kept = set(interface) | ({class_name} if class_name else {part})
    helpers = _needed(source, moved, kept)
    renames = _renames(source, target, helpers, donor_name)
    reused = _reusable(source, target, helpers)
    statements = [node for node in helpers if id(node) not in reused]
    imports = [_as_import(node, source, moved, helpers) for node in statements if is_import(node)]
    others = [_piece(source, node, renames) for node in statements if not is_import(node)]
    indent = old.col_offset
    body = "\n".join(_piece(source, node, renames, indent=indent) for node in moved)
    return _assembled(target, old, class_name, [_renamed_text(one, renames) for one in imports if one], others, body)


# --- what has to come along -----------------------------------------------------------------------------------------


def _needed(source: Program, moved: Iterable[ast.AST], kept: Collection[str]) -> list[ast.stmt]:
    """The top-level statements that the moved code depends on, in their order."""
    binders: dict[str, list[ast.stmt]] = {}
    for statement in source.tree.body:
        for name in bound_names(statement):
            binders.setdefault(name, []).append(statement)
    wanted: set[str] = set()
    chosen: dict[int, ast.stmt] = {}
    queue = [name for node in moved for name in used_names(node)]
    while queue:
        name = queue.pop()
        if name in wanted or name in kept:
            continue
        wanted.add(name)
        users = [node for node in source.tree.body if _fills(node) and name in used_names(node)]
        for statement in [*binders.get(name, []), *(users if name in binders else [])]:
            if id(statement) not in chosen:
                chosen[id(statement)] = statement
                queue.extend([] if is_import(statement) else used_names(statement))
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in source.tree.body):
        unknown = sorted(wanted - set(binders) - _BUILTIN_NAMES)
        if unknown:
            raise CannotGraftError(f"a star import hides where {unknown[:3]!r} come from")
    return [node for node in source.tree.body if id(node) in chosen]


def _fills(statement: ast.stmt) -> bool:
    """Whether it acts on names that others define (``TABLE.update(...)``, a loop that fills a list); no self-test."""
    if isinstance(statement, ast.If) and "__name__" in used_names(statement.test):
        return False
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return not is_text and not isinstance(statement, definitions) and not bound_names(statement)


def _methods_along(source: Program, target: Program, class_name: str, method: Function) -> list[Function]:
    """The donor's own methods that the moved one needs and the base's class lacks."""
    theirs, ours = class_of(source, class_name), class_of(target, class_name)
    known = attributes_of(ours)
    along: list[Function] = []
    queue: list[Function] = [method]
    seen = {method.name}
    while queue:
        for name in sorted(own_attributes(queue.pop()) - known - seen):
            helper = next(
                (
                    one
                    for one in theirs.body
                    if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and one.name == name
                ),
                None,
            )
            if helper is None:
                raise CannotGraftError(f"{class_name}.{method.name} needs self.{name}, which only the donor prepares")
            seen.add(name)
            along.append(helper)
            queue.append(helper)
    return along


# --- names that both have -------------------------------------------------------------------------------------------


def _reusable(source: Program, target: Program, helpers: Sequence[ast.stmt]) -> set[int]:
    """Helpers (by id) that the base has in the same form, and all that they need as well."""
    there = {name: forms_of(target, name) for node in helpers for name in bound_names(node)}
    mutable = {name for node in ast.walk(source.tree) if isinstance(node, ast.Global) for name in node.names}
    good = {
        id(node)
        for node in helpers
        if bound_names(node)
        and not bound_names(node) & mutable
        and _is_fixed(node)
        and all(there[name] == [form_of(node, name)] for name in bound_names(node))
    }
    owners = {name: node for node in helpers for name in bound_names(node)}
    while True:
        bad = {
            id(node)
            for node in helpers
            if id(node) in good and any(id(owners[name]) not in good for name in used_names(node) if name in owners)
        }
        if not bad:
            return good
        good -= bad


def _is_fixed(node: ast.stmt) -> bool:
    """Whether sharing it is harmless: a definition, an import, or a constant; not a container that may change."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
        return True
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if value is None:
        return False
    allowed = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.USub, ast.Load, ast.BinOp, ast.operator)
    return all(isinstance(inner, allowed) for inner in ast.walk(value))


def _renames(source: Program, target: Program, helpers: Sequence[ast.stmt], donor_name: str) -> dict[str, str]:
    """New names for the helpers whose name means something else in the base."""
    reused = _reusable(source, target, helpers)
    taken = {name for node in target.tree.body for name in bound_names(node)} | used_names(target.tree)
    slug = re.sub(r"\W+", "_", donor_name).strip("_") or "donor"
    renames: dict[str, str] = {}
    for node in helpers:
        for name in sorted(bound_names(node)) if id(node) not in reused else ():
            same = is_import(node) and forms_of(target, name) == [form_of(node, name)]
            if name in taken and not same:
                renames[name] = _free(f"{name}_{slug}", taken | set(renames.values()))
    return renames


def _free(name: str, taken: Collection[str]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


class _Renamer(ast.NodeTransformer):
    """Renames module-level names; leaves functions alone in which the name is a local one."""

    def __init__(self, renames: Mapping[str, str]) -> None:
        self._renames = renames
        self._local: list[set[str]] = []

    def _new(self, name: str) -> str:
        return name if any(name in scope for scope in self._local) else self._renames.get(name, name)

    def _function(self, node: Function) -> ast.AST:
        node.name = self._new(node.name) if not self._local else node.name
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        self._local.append(locals_of(node))
        node.args = self.visit(node.args)
        node.body = [self.visit(one) for one in node.body]
        self._local.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._new(node.name) if not self._local else node.name
        methods = {one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
        if methods & set(self._renames):
            raise CannotGraftError(f"class {node.name!r} has methods named like helpers that need another name")
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._new(node.id)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._renames.get(name, name) for name in node.names]
        return node

    def visit_alias(self, node: ast.alias) -> ast.AST:
        new = self._new(bound_by(node))
        if new != bound_by(node):
            if "." in node.name and node.asname is None:
                raise CannotGraftError(
                    f"import {node.name!r} binds {bound_by(node)!r}, which means something else here"
                )
            node.asname = new
        return node


# --- text -----------------------------------------------------------------------------------------------------------


def _piece(source: Program, node: ast.stmt, renames: Mapping[str, str], *, indent: int | None = None) -> str:
    """The statement as text: as it was written, or laid out anew where names or indentation have to change."""
    indent = node.col_offset if indent is None else indent
    if not used_names(node) & set(renames) and not bound_names(node) & set(renames) and node.col_offset == indent:
        start, end = _span(source, node)
        return "".join(source.lines[start:end])
    start, _ = _span(source, node)
    above = "".join(line.lstrip() for line in source.lines[start : first_line(node) - 1])
    return _indented(above + _renamed_text(ast.unparse(node), renames), indent)


def _renamed_text(text: str, renames: Mapping[str, str]) -> str:
    if not renames:
        return text if text.endswith("\n") else text + "\n"
    return ast.unparse(_Renamer(renames).visit(ast.parse(text))) + "\n"


def _indented(text: str, indent: int) -> str:
    return "".join(" " * indent + line if line.strip() else line for line in text.splitlines(keepends=True))


def _span(program: Program, node: ast.stmt) -> tuple[int, int]:
    """Line indices of a statement, with its decorators and the comment lines right above."""
    lines = program.lines
    start = first_line(node) - 1
    while start > 0 and re.match(rf"[ \t]{{{node.col_offset}}}#(?!!)", lines[start - 1]):
        start -= 1
    return start, node.end_lineno or node.lineno


def _as_import(node: ast.stmt, source: Program, moved: Sequence[ast.AST], helpers: Sequence[ast.stmt]) -> str:
    """The import statement with only the names that the graft uses; empty for ``__future__``."""
    assert isinstance(node, (ast.Import, ast.ImportFrom))
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return ""
    used = {name for one in [*moved, *helpers] if not is_import(one) for name in used_names(one)}
    names = [alias for alias in node.names if bound_by(alias) in used]
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names))
    return ast.unparse(ast.ImportFrom(node.module, names, node.level))


def _assembled(
    target: Program, old: Function, class_name: str, imports: Sequence[str], helpers: Sequence[str], body: str
) -> str:
    """The base's lines with the old part replaced, helpers right before it, imports after the base's own."""
    lines = target.lines
    start, end = _span(target, old)
    anchor = _span(target, class_of(target, class_name))[0] if class_name else start
    existing = {ast.unparse(node) for node in target.tree.body if is_import(node)}
    fresh = [text for text in imports if text.strip() not in existing]
    top = min(_import_line(target.tree), anchor)
    before = "".join(piece.rstrip("\n") + "\n\n\n" for piece in helpers)
    return (
        "".join(lines[:top])
        + "".join(fresh)
        + "".join(lines[top:anchor])
        + before
        + "".join(lines[anchor:start])
        + body
        + "".join(lines[end:])
    )


def _import_line(tree: ast.Module) -> int:
    """The line index after the leading docstring and imports."""
    line = 0
    for place, node in enumerate(tree.body):
        is_docstring = place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not is_import(node):
            break
        line = node.end_lineno or node.lineno
    return line
