"""What a change of a Python file changes: functions, classes, constants, or what runs when it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import PlanError, TreeError
from ptx_prefect.tree.git import run_git
from ptx_prefect.tree.scan import is_litter


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file before and after; None where it does not exist. Binary content is None on both sides."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What has changed in one file.

    Args:
        definitions: qualified names, in the new file, whose own code is new or other than before.
        whole: why the change counts as one of the module itself (all that imports it), or "" if it does not.
    """

    definitions: frozenset[str]
    whole: str = ""


def changes_since(root: Path, revision: str) -> tuple[FileChange, ...]:
    """Every file below ``root`` that differs from a git revision, untracked ones included but for what tools leave.

    Raises:
        PlanError: no git repository, or no such revision.
    """
    tracked = _names(_git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", revision, "--"))
    new = {
        name for name in _names(_git(root, "ls-files", "--others", "--exclude-standard", "-z")) if not is_litter(name)
    }
    paths = sorted(tracked | new)
    return tuple(FileChange(path, _at_revision(root, revision, path), _on_disk(root / path)) for path in paths)


def changed_in(before: str | None, after: str | None) -> Changed:
    """Compares two versions by syntax tree, so that comments and layout do not count.

    A constant with a value free of calls counts for itself. Any other statement outside functions and classes runs at
    import and counts as a change of the module; so does the loss of a function, whose users cannot be seen any more.
    """
    try:
        old = _parts(ast.parse(before or ""))
        new = _parts(ast.parse(after or ""))
    except (SyntaxError, ValueError, RecursionError) as error:
        return Changed(frozenset(), f"it cannot be compared: {error}")
    if after is None:
        return Changed(frozenset(), "it was deleted")
    changed = {name for name, code in new.definitions.items() if old.definitions.get(name) != code}
    whole = ""
    for lost in old.definitions.keys() - new.definitions.keys():
        outer = lost.rpartition(".")[0]
        if outer in new.definitions:
            changed.add(outer)
        elif not outer:
            whole = f"{lost} is gone"
    for name in old.constants.keys() | new.constants.keys():
        if old.constants.get(name) != new.constants.get(name):
            if name in new.constants:
                changed.add(name)
            else:
                whole = f"{name} is gone"
    if old.running != new.running:
        whole = "code that runs at import has changed"
    if names := old.imported ^ new.imported:
        if any(inside for _, _, inside in names) and not {m for m, _, _ in new.imported} <= {
            m for m, _, _ in old.imported
        }:
            whole = whole or "it imports another module of its package"
        changed |= new.users_of({name for _, name, _ in names})
    return Changed(frozenset(changed), whole)


@dataclass(frozen=True, slots=True)
class _Parts:
    """A module taken apart. Code is kept as dumped syntax, without positions."""

    definitions: dict[str, str]
    constants: dict[str, str]
    running: tuple[str, ...]
    imported: frozenset[tuple[str, str, bool]]
    names: dict[str, frozenset[str]]

    def users_of(self, names: set[str]) -> set[str]:
        return {definition for definition, used in self.names.items() if not used.isdisjoint(names)}


def _parts(module: ast.Module) -> _Parts:
    definitions: dict[str, str] = {}
    names: dict[str, frozenset[str]] = {}
    constants: dict[str, str] = {}
    running: list[str] = []
    imported: set[tuple[str, str, bool]] = set()
    for statement in module.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for qualname, code, used in _definitions(statement, ""):
                # A name may be defined twice, under two conditions: both count.
                definitions[qualname] = definitions.get(qualname, "") + code
                names[qualname] = names.get(qualname, frozenset()) | used
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            imported |= set(_imported(statement))
        elif (targets := _constants(statement)) is not None:
            for name in targets:
                constants[name] = constants.get(name, "") + ast.dump(statement)
                names[name] = _names_in(statement)
        elif not _is_docstring(statement):
            running.append(ast.dump(statement))
    return _Parts(definitions, constants, tuple(running), frozenset(imported), names)


def _definitions(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, outer: str
) -> Iterator[tuple[str, str, frozenset[str]]]:
    """The definition with its own code alone, then those inside it."""
    qualname = f"{outer}.{node.name}" if outer else node.name
    inner = [one for one in _own_nodes(node) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    used = _names_in(node)
    for one in inner:
        yield from _definitions(one, qualname)
    if isinstance(node, ast.ClassDef):
        own = [*node.bases, *node.keywords, *node.decorator_list, *(one for one in node.body if one not in inner)]
        yield qualname, "".join(map(ast.dump, own)), used
    else:
        yield qualname, ast.dump(node), used  # a function runs what is inside it


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own_nodes(child)


def _names_in(node: ast.AST) -> frozenset[str]:
    return frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _constants(statement: ast.stmt) -> tuple[str, ...] | None:
    """The names of an assignment that calls nothing."""
    if isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, value = [statement.target], statement.value
    else:
        return None
    runs = any(isinstance(one, ast.Call | ast.Await | ast.NamedExpr) for one in ast.walk(value))
    if runs or not all(isinstance(target, ast.Name) for target in targets):
        return None
    return tuple(target.id for target in targets if isinstance(target, ast.Name))


def _imported(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str, bool]]:
    """(what is imported, the name it gets, whether the import is relative)."""
    for alias in statement.names:
        name = alias.asname or alias.name.partition(".")[0]
        if isinstance(statement, ast.Import):
            yield alias.name, name, False
        else:
            yield f"{'.' * statement.level}{statement.module or ''}", name, statement.level > 0


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _git(root: Path, *arguments: str) -> bytes:
    try:
        return run_git(root, *arguments)
    except (TreeError, OSError) as error:
        said = str(error).splitlines()[0]
        raise PlanError(
            f"git cannot tell what changed below {str(root)!r}: {said}; is that a repository with this revision?"
        ) from error


def _names(listing: bytes) -> set[str]:
    return {name for name in listing.decode("utf-8", "surrogateescape").split("\0") if name}


def _at_revision(root: Path, revision: str, path: str) -> str | None:
    try:
        return _text(run_git(root, "show", f"{revision}:./{path}"))
    except (TreeError, OSError):
        return None


def _on_disk(path: Path) -> str | None:
    try:
        return _text(path.read_bytes())
    except OSError:
        return None


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
