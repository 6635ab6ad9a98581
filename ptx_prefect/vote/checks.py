"""Tests as questions and judgements: candidates are asked, only we know and apply the answers.

A test is cut in two. Its calls of the entry point go to the candidate's process; what is expected stays here.
"""

from __future__ import annotations

import ast
import copy
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.inside.wire import Drained, Opaque, encode, plain_text, shown
from ptx_prefect.vote.recording import Known, program_of
from ptx_prefect.vote.sandbox import Limits, Sandbox
from ptx_prefect.vote.values import Output

_SLOT = "_ptx_value_"
_CHUNK = 400
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
_BY_NAME = {kind.__name__: apply for kind, apply in _OPERATORS.items()}


@dataclass(frozen=True, slots=True)
class Check:
    """One test, cut in two.

    Attributes:
        source: the test as it was given.
        calls: what the candidate is asked, as source; for a test of many statements, the one program.
        judgement: an expression over ``_ptx_value_0`` and so on; ``None`` for a program.
        examples: calls with written-out arguments that stand in the asserts of a program.
        expected, needed: for a program, what its records must be; see :class:`~ptx_prefect.vote.recording.Program`.
    """

    source: str
    calls: tuple[str, ...]
    judgement: str | None
    expected: tuple[Known | None, ...] = ()
    needed: frozenset[int] = frozenset()
    examples: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is called: the name of its test function, else its source, shortened."""
        named = re.findall(r"^(?:async )?def (test\w*)\(", self.source, re.MULTILINE)
        return named[-1] if named else repr(self.source[:120])

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
    check = _as_program(source, body, entry_point)
    if not any(_mentions(node, entry_point) for node in body) or not check.expected:
        raise VoteError(f"test {source[:80]!r} asserts nothing about {entry_point!r}")
    return check


def asked_whole(check: Check, answers: Sequence[Sequence[Output]], entry_point: str) -> Check | None:
    """The test as a program, where its calls give objects that no builtin type stands for; else None.

    ``len(Stack())`` cannot be told from outside: the object stays in the candidate's process. Where the program records
    what it compares, nothing is lost by asking so. Where it has to be believed, most candidates must need it: one
    whose ``__eq__`` always agrees must not choose how it is asked.

    Args:
        answers: what each candidate gave to the calls.
    """
    if check.judgement is None:
        return None
    given = [outputs for outputs in answers if all(output.kind == "value" for output in outputs)]
    odd = sum(any(isinstance(output.value, Opaque) for output in outputs) for outputs in given)
    if not odd:
        return None
    whole = _as_program(check.source, ast.parse(check.source.strip()).body, entry_point)
    return whole if not whole.believes or 2 * odd > len(given) else None


def _as_program(source: str, body: Sequence[ast.stmt], entry_point: str) -> Check:
    made = program_of(body)
    return Check(source, (made.text,), None, made.expected, made.needed, _examples(body, entry_point))


def _examples(body: Sequence[ast.stmt], entry_point: str) -> tuple[str, ...]:
    cut = _Cut(entry_point)
    for node in (one for statement in body for one in ast.walk(statement)):
        if isinstance(node, ast.Assert):
            cut.visit(copy.deepcopy(node.test))
    return tuple(call for call in dict.fromkeys(cut.calls) if _is_plain(call))


def _is_plain(call: str) -> bool:
    """Whether it is one call, of written-out arguments."""
    tree = ast.parse(call, mode="eval").body
    tree = tree.value if isinstance(tree, ast.Await) else tree
    if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
        return False
    try:
        for value in (*tree.args, *(keyword.value for keyword in tree.keywords)):
            ast.literal_eval(value)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


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
    for number, value in seen:
        if not isinstance(number, int) or not 0 <= number < len(check.expected):
            return Verdict(False, "did not record its asserts")
        known = check.expected[number]
        if not (value is True if known is None else _is_as_known(known, value)):
            return Verdict(False, _told(known, value))
    if not check.needed <= {number for number, _ in seen}:
        return Verdict(False, "did not reach every assert")
    is_silent = all(known is not None and known[0] == "unreached" for known in check.expected)
    return Verdict(bool(seen) or is_silent, "" if seen or is_silent else "reached no assert")


def _is_as_known(known: Known, value: object) -> bool:
    kind, wanted = known
    try:
        if kind == "unreached":
            return False
        if kind == "raises":
            return _is_raised(wanted, value)
        if kind == "approx":
            return _is_close(value, *wanted)  # type: ignore[misc]  # value, relative and absolute tolerance
        return bool(_BY_NAME[kind](value, wanted))
    except (TypeError, ValueError, re.error):
        return False


def _is_raised(names: Any, value: Any) -> bool:
    """Whether one of the classes was raised, or one derived from it, and its text matches the pattern."""
    if value is None:
        return False
    bases, text, pattern = value
    return bool(set(names) & set(bases)) and (pattern is None or re.search(pattern, text) is not None)


def _is_close(value: Any, wanted: Any, rel: float | None, tolerance: float | None) -> bool:
    """As ``pytest.approx``: numbers, and lists, tuples and dicts of them, to 1e-6 of the wanted ones or 1e-12."""
    if isinstance(wanted, dict):
        return set(value) == set(wanted) and all(_is_close(value[key], wanted[key], rel, tolerance) for key in wanted)
    if isinstance(wanted, list | tuple):
        pairs = zip(value, wanted, strict=True)
        return all(_is_close(one, other, rel, tolerance) for one, other in pairs)
    if isinstance(wanted, bool) or not isinstance(wanted, int | float | complex):
        return bool(value == wanted)
    share = rel if rel is not None else 1e-6 if tolerance is None else 0.0
    allowed = max(share * abs(wanted), 1e-12 if tolerance is None else tolerance)
    return bool(value == wanted or abs(value - wanted) <= allowed)


def _told(known: Known | None, value: object) -> str:
    """What was seen instead, in words."""
    if known is not None and known[0] == "unreached":
        return f"reached {known[1]!r}"
    if known is not None and known[0] == "raises":
        wanted = " or ".join(known[1])  # type: ignore[arg-type]  # names
        if isinstance(value, tuple) and value and isinstance(value[0], list) and value[0]:
            return plain_text(f"raised {value[0][0]} ({str(value[1])[:80]}), not {wanted} as asked for")
        return f"raised nothing, not {wanted}"
    return shown(value)


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
