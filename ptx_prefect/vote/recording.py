"""Tests of many statements as programs that record what they see; what is expected stays outside of them.

An assert records the value that it looks at; ``pytest.raises`` records what was raised, as names of its classes and
text; ``assert False`` and ``pytest.fail()`` record that they were reached, which must not happen. So pytest itself is
seldom needed where candidates run.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SEEN = "_ptx_seen"
KEPT = "_ptx_kept"
"""A function that the runner puts there: what a value is now, since the test may go on to change it."""
NOTED = "_ptx_noted"
"""Another one: records a value where it is plain, and gives it back."""
Known = tuple[str, object]
"""What must be true of a recorded value: an operator's class name and the literal to its right; ``raises`` with names
and pattern; ``approx`` with value and tolerances; ``unreached`` with the statement."""

_RUN = {ast.FunctionDef: "{}()", ast.AsyncFunctionDef: "__import__('asyncio').run({}())"}
_RAISED = "return [kind.__name__ for kind in type(error).__mro__], str(error)[:2000], pattern"
_RAISED_KIND = "return next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == 'builtins')"
_START = f"""
{SEEN} = []
def _ptx_raised(error, pattern):
    {_RAISED}
class _ptx_info:
    def __init__(self, error):
        self.value, self.type = error, type(error)
    def match(self, pattern):
        import re
        if not re.search(pattern, str(self.value)):
            raise AssertionError(pattern)
        return True
"""
_BRANCHES = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try, ast.With, ast.AsyncWith)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Program:
    """A test as a program.

    Attributes:
        text: what runs; it leaves a list of (number, what was seen).
        expected: by number, what must be true of it; None where the process has to be believed.
        needed: the numbers that must have been recorded.
    """

    text: str
    expected: tuple[Known | None, ...]
    needed: frozenset[int]


def observing_program(test: str, entry_point: str) -> str:
    """The program of a test that is to be compared between candidates and not judged.

    What the entry point and the objects made by it give in its steps is recorded too: an assert may look at little of
    it. An error is recorded as the builtin class that it is a kind of: each candidate words its own.
    """
    tree = ast.parse(test)
    noted = _Noted(_from_entry(tree, entry_point)).visit(tree)
    return program_of(noted.body).text.replace(_RAISED, _RAISED_KIND)


def _from_entry(tree: ast.AST, entry_point: str) -> set[str]:
    """The entry point, and the variables that hold what it gave."""
    names = {entry_point}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _root(node.value) in names:
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


class _Noted(ast.NodeTransformer):
    """Hands what calls of these names give, where it is assigned or dropped, to a function that records it."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        node.value = self._noted(node.value)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        node.value = self._noted(node.value)
        return node

    def _noted(self, value: ast.expr) -> ast.expr:
        is_asked = isinstance(value, ast.Call) and _root(value) in self.names
        return ast.Call(ast.Name(NOTED, ast.Load()), [ast.Name(SEEN, ast.Load()), value], []) if is_asked else value


def program_of(body: Sequence[ast.stmt]) -> Program:
    """The program of a test; functions named ``test...`` are called at its end."""
    record = _Record(_names_of_pytest(body))
    changed: list[Any] = [record.visit(copy.deepcopy(node)) for node in body]
    tests = [node for node in body if isinstance(node, _FUNCTIONS) and node.name.startswith("test")]
    calls = [ast.parse(_RUN[type(node)].format(node.name)).body[0] for node in tests]
    module = ast.Module([*_without_pytest(changed), *calls], [])
    text = ast.unparse(ast.fix_missing_locations(module))
    start = _START if any(known is not None and known[0] == "raises" for known in record.expected) else f"{SEEN} = []"
    return Program(f"{start.strip()}\n{text}", tuple(record.expected), frozenset(record.needed))


def _names_of_pytest(body: Sequence[ast.stmt]) -> dict[str, str]:
    """How the test calls pytest and what it takes from it: text in the program to the name in pytest."""
    found = {"pytest": ""}
    for node in (one for statement in body for one in ast.walk(statement)):
        if isinstance(node, ast.Import):
            found |= {alias.asname: "" for alias in node.names if alias.name == "pytest" and alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module == "pytest":
            found |= {alias.asname or alias.name: alias.name for alias in node.names}
    return found


def _without_pytest(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The statements without imports of pytest that nothing uses any more: it takes long to load."""
    used = {node.id for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)}
    kept: list[ast.stmt] = []
    for node in body:
        is_pytest = (isinstance(node, ast.Import) and all(alias.name == "pytest" for alias in node.names)) or (
            isinstance(node, ast.ImportFrom) and node.module == "pytest"
        )
        names = {alias.asname or alias.name for alias in node.names} if is_pytest else set()  # type: ignore[attr-defined]
        if not is_pytest or names & used:
            kept.append(node)
    return kept


@dataclass(slots=True)
class _Place:
    """Where in a test the transformer is."""

    depth: int = 0
    functions: list[str] = field(default_factory=list)
    has_returned: bool = False

    @property
    def is_needed(self) -> bool:
        """Whether every run of the test comes by here."""
        is_tested = not self.functions or (len(self.functions) == 1 and self.functions[0].startswith("test"))
        return self.depth == 0 and is_tested and not self.has_returned


class _Record(ast.NodeTransformer):
    def __init__(self, pytest_names: dict[str, str]) -> None:
        self.pytest = pytest_names
        self.expected: list[Known | None] = []
        self.needed: list[int] = []
        self.at = _Place()

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if isinstance(node, ast.Assert):
            is_barred = isinstance(node.test, ast.Constant) and not node.test.value
            return self._barred(node) if is_barred else self._asserted(node)
        if isinstance(node, ast.Raise) and node.exc is not None and _called(node.exc) == "AssertionError":
            return self._barred(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = self._of_pytest(node.value)
            if name == "fail":
                return self._barred(node)
            if name == "raises" and len(node.value.args) > 1:
                call = ast.Call(node.value.args[1], node.value.args[2:], node.value.keywords)
                return self._raising(node, node.value.args[0], None, None, [ast.Expr(call)])
        if isinstance(node, ast.With | ast.AsyncWith) and (found := self._in_raises(node)) is not None:
            return found
        return self._inside(node)

    def _inside(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _FUNCTIONS):
            outside, self.at = self.at, _Place(functions=[*self.at.functions, node.name])
            changed = self.generic_visit(node)
            self.at = outside
            return changed
        self.at.has_returned |= isinstance(node, ast.Return)
        self.at.depth += isinstance(node, _BRANCHES)
        changed = self.generic_visit(node)
        self.at.depth -= isinstance(node, _BRANCHES)
        return changed

    def _asserted(self, node: ast.Assert) -> ast.stmt:
        seen: ast.expr = ast.Call(ast.Name("bool", ast.Load()), [node.test], [])
        known: Known | None = None
        if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
            right = node.test.comparators[0]
            known = self._approximate(node.test.ops[0], right) or _literal(node.test.ops[0], right)
            seen = node.test.left if known is not None else seen
        return self._recorded(node, known, seen)

    def _approximate(self, operator: ast.cmpop, right: ast.expr) -> Known | None:
        if not (isinstance(operator, ast.Eq) and isinstance(right, ast.Call) and self._of_pytest(right) == "approx"):
            return None
        try:
            named = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in right.keywords}
            value, rel, tolerance = ([*map(ast.literal_eval, right.args), None, None])[:3]
        except (ValueError, TypeError, MemoryError, RecursionError):
            return None
        if not set(named) <= {"rel", "abs"}:
            return None
        return "approx", (value, named.get("rel", rel), named.get("abs", tolerance))

    def _barred(self, node: ast.stmt) -> ast.stmt:
        """A statement that must not be reached."""
        stopped = _Place(depth=1)
        outside, self.at = self.at, stopped
        recorded = self._recorded(node, ("unreached", ast.unparse(node)[:120]), ast.Constant(True))
        self.at = outside
        return recorded

    def _in_raises(self, node: ast.With | ast.AsyncWith) -> ast.stmt | None:
        if len(node.items) != 1 or not isinstance(node.items[0].context_expr, ast.Call):
            return None
        call, name = node.items[0].context_expr, node.items[0].optional_vars
        if self._of_pytest(call) != "raises" or len(call.args) != 1:
            return None
        match = next((keyword.value for keyword in call.keywords if keyword.arg == "match"), None)
        return self._raising(node, call.args[0], match, name, node.body)

    def _raising(
        self, node: ast.stmt, kinds: ast.expr, match: ast.expr | None, name: ast.expr | None, body: list[ast.stmt]
    ) -> ast.stmt:
        """``try: body``, recording what it raises, or that it raises nothing."""
        number = self._number(("raises", _class_names(kinds)))
        self.at.depth += 1
        inner: list[ast.stmt] = []
        for one in body:
            changed = self.visit(one)
            inner += changed if isinstance(changed, list) else [changed]  # type: ignore[list-item]
        self.at.depth -= 1
        pattern = "None" if match is None else ast.unparse(match)
        text = (
            "try:\n    pass\n"
            "except (Exception, SystemExit, KeyboardInterrupt) as _ptx_error:\n"
            f"    {SEEN}.append(({number}, _ptx_raised(_ptx_error, {pattern})))\n"
            + (f"    {ast.unparse(name)} = _ptx_info(_ptx_error)\n" if name is not None else "")
            + f"else:\n    {SEEN}.append(({number}, None))\n"
        )
        made = ast.parse(text).body[0]
        assert isinstance(made, ast.Try)
        made.body = inner
        return ast.copy_location(made, node)

    def _recorded(self, node: ast.stmt, known: Known | None, seen: ast.expr) -> ast.stmt:
        kept = ast.Call(ast.Name(KEPT, ast.Load()), [seen], [])
        pair = ast.Tuple([ast.Constant(self._number(known)), kept], ast.Load())
        method = ast.Attribute(ast.Name(SEEN, ast.Load()), "append", ast.Load())
        return ast.copy_location(ast.Expr(ast.Call(method, [pair], [])), node)

    def _number(self, known: Known | None) -> int:
        number = len(self.expected)
        self.expected.append(known)
        if self.at.is_needed:
            self.needed.append(number)
        return number

    def _of_pytest(self, call: ast.Call) -> str:
        """The name in pytest of what is called; empty for anything else."""
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            return call.func.attr if self.pytest.get(call.func.value.id) == "" else ""
        return self.pytest.get(call.func.id, "") if isinstance(call.func, ast.Name) else ""


def _literal(operator: ast.cmpop, right: ast.expr) -> Known | None:
    try:
        return type(operator).__name__, ast.literal_eval(right)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return None


def _called(node: ast.expr) -> str:
    return ast.unparse(node.func if isinstance(node, ast.Call) else node)


def _class_names(node: ast.expr) -> tuple[str, ...]:
    """Names of exception classes, without the modules that they stand in: candidates may bring their own."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return tuple(ast.unparse(part).rpartition(".")[2] for part in parts)
