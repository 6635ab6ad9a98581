"""pytest files as gate tests: each test function becomes one check that the laboratory can cut in two and judge.

Taken: functions and methods named ``test...``, asynchronous ones too, and literal ``parametrize`` cases, each a test of
its own, with the fixtures of the file that are plain functions. Left out and named: tests that need other fixtures, and
classes with their own set-up; pytest itself does not run, since a candidate in its process could report whatever it
likes.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.file_imports import about_candidate

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_FIXTURE = "_ptx_fixture_"
_SETUP_NAMES = ("setup_method", "setup_class", "setUp", "setUpClass", "__init__")


@dataclass(frozen=True, slots=True)
class FileTests:
    """The tests of one file as programs of statements, and what was left out, with the reason."""

    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    fixtures: dict[str, ast.FunctionDef]
    tests: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def file_tests(text: str, *, entry_point: str, path: str = "the test file") -> FileTests:
    """The tests that a pytest file holds for the entry point.

    The module that the file takes the entry point from is the candidate, by whatever name. All other statements of the
    file come with every test.

    Raises:
        VoteError: the file is not Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise VoteError(f"{path!r} is no Python ({error}); give pytest files") from None
    body = about_candidate(tree, entry_point).body
    shared = [_undecorated(node) if _is_fixture(node) else node for node in body if not _is_test(node)]
    found = _Found(fixtures={node.name: node for node in body if _is_fixture(node)})
    for node in body:
        if isinstance(node, _FUNCTIONS) and node.name.startswith("test"):
            _add(found, node, shared, node.name)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            _add_class(found, node, shared)
    return FileTests(tuple(found.tests), tuple(f"{path}: {reason}" for reason in found.left_out))


def _add_class(found: _Found, node: ast.ClassDef, shared: Sequence[ast.stmt]) -> None:
    names = {one.name for one in node.body if isinstance(one, _FUNCTIONS)}
    if node.bases or names & set(_SETUP_NAMES):
        found.left_out.append(f"{node.name}: has a base class or a set-up of its own")
        return
    for method in node.body:
        if isinstance(method, _FUNCTIONS) and method.name.startswith("test"):
            plain = copy.deepcopy(method)
            receiver = plain.args.args.pop(0).arg if plain.args.args else ""
            uses = {one.id for one in ast.walk(plain) if isinstance(one, ast.Name)}
            if receiver in uses:
                found.left_out.append(f"{node.name}.{method.name}: uses its class")
            else:
                _add(found, plain, shared, f"{node.name}.{method.name}")


def _add(found: _Found, node: _Function, shared: Sequence[ast.stmt], name: str) -> None:
    cases: list[dict[str, ast.expr]] = [{}]
    for decorator in node.decorator_list:
        more = [{}] if _says_asynchronous(decorator) else _parameters(decorator)
        if more is None:
            found.left_out.append(f"{name}: is decorated with {ast.unparse(decorator)[:60]}")
            return
        cases = [{**old, **new} for old in cases for new in more]
    wanted = {one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    wanted -= set(_defaulted(node))
    steps: list[ast.stmt] = []
    missing = _set_up(wanted - set(cases[0]), found.fixtures, steps)
    if missing or any(not wanted <= {*case, *found.fixtures} for case in cases):
        found.left_out.append(f"{name}: needs fixtures {missing or sorted(wanted - set(cases[0]))!r}")
        return
    for case in cases:
        plain = _plain(node, case)
        plain.body = [*copy.deepcopy(steps), *plain.body]
        found.tests.append(ast.unparse(ast.fix_missing_locations(ast.Module([*shared, plain], []))))


def _set_up(wanted: set[str], fixtures: dict[str, ast.FunctionDef], steps: list[ast.stmt]) -> list[str]:
    """Add the steps that make these fixtures, each once and after those that it needs; gives those that are unknown.

    A fixture is a local variable of the test, made by the function of that name under another one.
    """
    missing = sorted(wanted - set(fixtures))
    for name in sorted(wanted & set(fixtures)):
        if any(isinstance(step, ast.Assign) and ast.unparse(step.targets[0]) == name for step in steps):
            continue
        node = fixtures[name]
        needs = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        missing += _set_up(set(needs) - {name}, fixtures, steps)
        made = f"{_FIXTURE}{name}({', '.join(f'{need}={need}' for need in needs)})"
        is_stream = any(isinstance(one, ast.Yield) for one in ast.walk(node))
        # What makes a stream is kept: it would clean up as soon as nobody held it.
        held = f"{_FIXTURE}of_{name} = {made}\n{name} = next({_FIXTURE}of_{name})"
        steps += ast.parse(held if is_stream else f"{name} = {made}").body
    return missing


def _undecorated(node: ast.FunctionDef) -> ast.FunctionDef:
    plain = copy.deepcopy(node)
    plain.name, plain.decorator_list = f"{_FIXTURE}{node.name}", []
    return plain


def _is_fixture(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """Whether it is one without parameters of its own, and not for every test unasked."""
    if not isinstance(node, ast.FunctionDef) or len(node.decorator_list) != 1:
        return False
    mark = node.decorator_list[0]
    asked = {keyword.arg for keyword in mark.keywords} if isinstance(mark, ast.Call) else set()
    return ast.unparse(mark).partition("(")[0] in ("pytest.fixture", "fixture") and asked <= {"scope"}


def _plain(node: _Function, case: dict[str, ast.expr]) -> _Function:
    """The test without decorators and parameters; the case's values are assigned first."""
    plain = copy.deepcopy(node)
    plain.decorator_list = []
    kept = _defaulted(plain)
    assigned: list[ast.stmt] = [
        ast.Assign([ast.Name(name, ast.Store())], value) for name, value in (kept | case).items()
    ]
    stored = {one.id for one in ast.walk(plain) if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load)}
    written = {name: value for name, value in case.items() if name not in stored and _is_fixed(value)}
    plain.body = [*assigned, *(_WrittenOut(written).visit(one) for one in plain.body)]
    plain.args = ast.arguments([], [], None, [], [], None, [])
    return plain


class _WrittenOut(ast.NodeTransformer):
    """Puts a case's values where its parameters stand: what is written out can be judged outside the candidate."""

    def __init__(self, values: dict[str, ast.expr]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.values.get(node.id, node))


def _is_fixed(node: ast.expr) -> bool:
    """Whether it is written out and nobody can change it: a list may be the very thing that a test looks at."""
    try:
        hash(ast.literal_eval(node))
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _defaulted(node: _Function) -> dict[str, ast.expr]:
    positional = [*node.args.posonlyargs, *node.args.args]
    pairs = zip(reversed(positional), reversed(node.args.defaults), strict=False)
    return {argument.arg: value for argument, value in pairs}


def _says_asynchronous(decorator: ast.expr) -> bool:
    """The marks of the plugins that run coroutines; every asynchronous test is run here."""
    return ast.unparse(decorator).partition("(")[0] in ("pytest.mark.asyncio", "pytest.mark.anyio")


def _parameters(decorator: ast.expr) -> list[dict[str, ast.expr]] | None:
    """The cases of a ``parametrize`` mark with written-out values; None for anything else."""
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return None
    if decorator.func.attr != "parametrize" or len(decorator.args) < 2:
        return None
    names = _names(decorator.args[0])
    values = decorator.args[1]
    if names is None or not isinstance(values, (ast.List, ast.Tuple)):
        return None
    cases = []
    for value in values.elts:
        row = _row(value, len(names))
        if row is None:
            return None
        cases.append(dict(zip(names, row, strict=True)))
    return cases


def _names(node: ast.expr) -> list[str] | None:
    try:
        found = ast.literal_eval(node)
    except (ValueError, TypeError):
        return None
    if isinstance(found, str):
        return [name.strip() for name in found.split(",") if name.strip()]
    return [str(name) for name in found] if isinstance(found, (list, tuple)) else None


def _row(value: ast.expr, count: int) -> list[ast.expr] | None:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "param":
        if any(keyword.arg == "marks" for keyword in value.keywords):
            return None
        return list(value.args) if len(value.args) == count else None
    if count == 1:
        return [value]
    return list(value.elts) if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == count else None


def _is_test(node: ast.stmt) -> bool:
    if isinstance(node, _FUNCTIONS):
        return node.name.startswith("test")
    return isinstance(node, ast.ClassDef) and node.name.startswith("Test")
