"""Tests as questions and judgements: candidates are asked, only we know and apply the answers.

A test is cut in two. Its calls of the entry point go to the candidate's process; what is expected stays here.
"""

from __future__ import annotations

import ast
import copy
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.inside.wire import Drained, Opaque, encode, shown
from ptx_prefect.vote.sandbox import Limits, Sandbox
from ptx_prefect.vote.values import Output

_SLOT = "_ptx_value_"
_SEEN = "_ptx_seen"
_CHUNK = 400
_RUN = {ast.FunctionDef: "{}()", ast.AsyncFunctionDef: "__import__('asyncio').run({}())"}
_OPERATORS: Mapping[type[ast.cmpop], Callable[[Any, Any], object]] = {
    ast.Eq: lambda left, right: left == right,
    ast.NotEq: lambda left, right: left != right,
    ast.Lt: lambda left, right: left < right,
    ast.LtE: lambda left, right: left <= right,
    ast.Gt: lambda left, right: left > right,
    ast.GtE: lambda left, right: left >= right,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
    ast.Is: lambda left, right: left is right,
    ast.IsNot: lambda left, right: left is not right,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One test, cut in two.

    Attributes:
        source: the test as it was given.
        calls: what the candidate is asked, as source; for a test of many statements, the one program.
        judgement: an expression over ``_ptx_value_0`` and so on; ``None`` for a program.
        expected: for a program, by the number of each assert: operator and expected value, or ``None`` where the
            candidate's own process had to be believed.
        needed: for a program, the asserts that must have been reached.
    """

    source: str
    calls: tuple[str, ...]
    judgement: str | None
    expected: tuple[tuple[str, object] | None, ...] = ()
    needed: frozenset[int] = frozenset()

    @property
    def believes(self) -> bool:
        """Whether some of it is decided where the candidate could meddle."""
        return self.judgement is None and None in self.expected


def make_check(source: str, entry_point: str) -> Check:
    """Cut a test in two.

    Raises:
        VoteError: it is no Python, or asks nothing of the entry point.
    """
    try:
        body = ast.parse(source.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise VoteError(f"test {source[:80]!r} is no Python ({error}); give assert statements") from None
    if len(body) == 1 and isinstance(body[0], ast.Assert):
        cut = _Cut(entry_point)
        rest = cut.visit(copy.deepcopy(body[0].test))
        if cut.calls and not _mentions(rest, entry_point):
            return Check(source, tuple(cut.calls), ast.unparse(rest))
    check = _program(source, body)
    if not any(_mentions(node, entry_point) for node in body) or not check.expected:
        raise VoteError(f"test {source[:80]!r} asserts nothing about {entry_point!r}")
    return check


def calls_entry(source: str, entry_point: str) -> bool:
    """Whether an input asks anything of the entry point."""
    try:
        tree = ast.parse(source.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return _mentions(tree, entry_point)


def _mentions(tree: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


class _Cut(ast.NodeTransformer):
    """Takes the calls rooted at the entry point out of an expression and leaves slots."""

    def __init__(self, entry_point: str) -> None:
        self.entry_point = entry_point
        self.calls: list[str] = []
        self.bound: set[str] = set()

    def visit(self, node: ast.AST) -> Any:
        if _is_asyncio_run(node):
            node = ast.Await(node.args[0])  # type: ignore[attr-defined]
        asked = node.value if isinstance(node, ast.Await) else node
        if isinstance(asked, ast.Call | ast.Attribute | ast.Subscript) and self._is_rooted(asked):
            if self._names(node) & self.bound:
                return node  # depends on a loop's variable: the whole test becomes a program
            self.calls.append(ast.unparse(node))
            return ast.Name(f"{_SLOT}{len(self.calls) - 1}", ast.Load())
        if isinstance(node, ast.comprehension | ast.Lambda | ast.NamedExpr):
            self.bound |= self._names(node)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            for generator in node.generators:
                self.bound |= self._names(generator.target)
        return self.generic_visit(node)

    def _is_rooted(self, node: ast.AST) -> bool:
        is_call = False
        while isinstance(node, ast.Call | ast.Attribute | ast.Subscript):
            is_call |= isinstance(node, ast.Call)
            node = node.func if isinstance(node, ast.Call) else node.value
        return is_call and isinstance(node, ast.Name) and node.id == self.entry_point

    @staticmethod
    def _names(tree: ast.AST) -> set[str]:
        return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _is_asyncio_run(node: ast.AST) -> bool:
    """``asyncio.run(one_argument)``, which says the same as ``await``."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.run" and len(node.args) == 1


def _program(source: str, body: list[ast.stmt]) -> Check:
    """Statements that record what each assert sees; expected literals are left out of it."""
    record = _Record()
    changed = [record.visit(copy.deepcopy(node)) for node in body]
    tests = [
        node
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    calls = [ast.parse(_RUN[type(node)].format(node.name)).body[0] for node in tests]
    start = ast.parse(f"{_SEEN} = []").body
    program = ast.unparse(ast.fix_missing_locations(ast.Module([*start, *changed, *calls], [])))
    top = frozenset(number for number, node in enumerate(record.asserts) if any(node == other for other in record.top))
    return Check(source, (program,), None, tuple(record.expected), top)


class _Record(ast.NodeTransformer):
    def __init__(self) -> None:
        self.expected: list[tuple[str, object] | None] = []
        self.asserts: list[ast.Assert] = []
        self.top: list[ast.Assert] = []
        self.depth = 0

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Assert):
            return self._recorded(node)
        self.depth += isinstance(node, ast.For | ast.While | ast.If | ast.Try | ast.With)
        changed = self.generic_visit(node)
        self.depth -= isinstance(node, ast.For | ast.While | ast.If | ast.Try | ast.With)
        return changed

    def _recorded(self, node: ast.Assert) -> ast.stmt:
        seen: ast.expr = ast.Call(ast.Name("bool", ast.Load()), [node.test], [])
        known: tuple[str, object] | None = None
        if isinstance(node.test, ast.Compare) and len(node.test.ops) == 1:
            try:
                known = type(node.test.ops[0]).__name__, ast.literal_eval(node.test.comparators[0])
                seen = node.test.left
            except (ValueError, TypeError, MemoryError, RecursionError):
                known = None
        number = len(self.expected)
        self.expected.append(known)
        self.asserts.append(node)
        if self.depth == 0:
            self.top.append(node)
        pair = ast.Tuple([ast.Constant(number), seen], ast.Load())
        method = ast.Attribute(ast.Name(_SEEN, ast.Load()), "append", ast.Load())
        return ast.copy_location(ast.Expr(ast.Call(method, [pair], [])), node)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one candidate passes one test; ``seen`` tells what it gave instead."""

    passed: bool
    seen: str = ""


def judge(
    cases: Sequence[tuple[Check, Sequence[Output]]], *, sandbox: Sandbox, prelude: str = ""
) -> tuple[Verdict, ...]:
    """Judge many (test, what a candidate gave) pairs; those beyond a plain comparison together in a clean process."""
    verdicts = [_judge_here(check, outputs) for check, outputs in cases]
    open_ones = [number for number, verdict in enumerate(verdicts) if verdict is None]
    for start in range(0, len(open_ones), _CHUNK):
        chunk = open_ones[start : start + _CHUNK]
        for number, verdict in zip(chunk, _judge_apart([cases[n] for n in chunk], sandbox, prelude), strict=True):
            verdicts[number] = verdict
    return tuple(verdict or Verdict(False, "not judged") for verdict in verdicts)


def _judge_here(check: Check, outputs: Sequence[Output]) -> Verdict | None:
    for output in outputs:
        if output.kind != "value":
            return Verdict(False, f"{output.kind}: {output.key}")
    if check.judgement is None:
        return _judge_program(check, outputs[0].value)
    test = _parsed(check.judgement)
    seen = ", ".join(shown(output.value) for output in outputs)
    try:
        if isinstance(test, ast.Name):
            return Verdict(bool(outputs[0].value), seen)
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) and isinstance(test.operand, ast.Name):
            return Verdict(not outputs[0].value, seen)
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = (_operand(node, outputs) for node in (test.left, test.comparators[0]))
            return Verdict(bool(_OPERATORS[type(test.ops[0])](left, right)), seen)
    except _NotPlainError:
        return None
    except Exception as error:
        return Verdict(False, f"{seen} ({type(error).__name__})")
    return None


@functools.lru_cache(maxsize=4096)
def _parsed(judgement: str) -> ast.expr:
    return ast.parse(judgement, mode="eval").body


class _NotPlainError(Exception):
    pass


def _operand(node: ast.expr, outputs: Sequence[Output]) -> object:
    if isinstance(node, ast.Name) and node.id.startswith(_SLOT):
        return outputs[int(node.id[len(_SLOT) :])].value
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _NotPlainError from None


def _judge_program(check: Check, seen: object) -> Verdict:
    if not isinstance(seen, list) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in seen):
        return Verdict(False, "did not record its asserts")
    if not check.needed <= {number for number, _ in seen}:
        return Verdict(False, "did not reach every assert")
    for number, value in seen:
        if not isinstance(number, int) or not 0 <= number < len(check.expected):
            return Verdict(False, "did not record its asserts")
        known = check.expected[number]
        if known is None:
            passed = value is True
        else:
            operators = {kind.__name__: apply for kind, apply in _OPERATORS.items()}
            try:
                passed = bool(operators[known[0]](value, known[1]))
            except TypeError:
                passed = False
        if not passed:
            return Verdict(False, shown(value))
    return Verdict(bool(seen))


def _judge_apart(cases: Sequence[tuple[Check, Sequence[Output]]], sandbox: Sandbox, prelude: str) -> list[Verdict]:
    """Evaluate the judgements in a process that no candidate's code ever ran in."""
    values = [[_portable(output.value) for output in outputs] for _, outputs in cases]
    setup = (
        "import json as _json\nfrom ptx_prefect.vote.inside.wire import decode as _decode, Drained as _Drained\n"
        "def _ptx_load(tree):\n    value = _decode(tree)\n"
        "    return iter(value.items) if isinstance(value, _Drained) else value\n"
        f"_ptx_values = _json.loads({json.dumps(values)!r})\n"
    )
    calls = []
    for number, (check, outputs) in enumerate(cases):
        slots = ", ".join(f"{_SLOT}{index}" for index in range(len(outputs)))
        loads = ", ".join(f"_ptx_load(_ptx_values[{number}][{index}])" for index in range(len(outputs)))
        calls.append(f"(lambda {slots}: bool({check.judgement}))({loads})")
    observed = sandbox.observe(setup, calls, entry_point="", prelude=prelude, limits=Limits(max_timeouts=10))
    out = []
    for (_, outputs), answer in zip(cases, observed.outputs, strict=True):
        seen = ", ".join(shown(output.value) for output in outputs)
        whole = not any(isinstance(output.value, Opaque) for output in outputs)
        out.append(Verdict(answer.kind == "value" and answer.value is True and whole, seen))
    return out


def _portable(value: object) -> Any:
    if isinstance(value, Drained):
        return ["g", *(encode(item) for item in value.items)]
    return encode(value)
