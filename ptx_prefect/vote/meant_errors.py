"""Errors that are answers: tests ask for them, or the program raises them by a statement of its own.

Any other error just happened and says nothing of what a program was meant to do, so it agrees with nobody.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ptx_prefect.vote.values import Output

_RAISING = ("raises", "assertRaises", "assertRaisesRegex")
_NO_ANSWERS = ("NotImplementedError", "SystemExit", "KeyboardInterrupt", "AssertionError")
"""What stands where an answer is missing, however it is raised."""


_ANY = {"object", "BaseException", "Exception"}


def wanted_by(tests: Iterable[str]) -> frozenset[str]:
    """Names of the classes that tests expect, by ``pytest.raises`` or an ``except`` of their own."""
    return frozenset(name for test in tests for name in _named(test, by_tests=True))


def raised_by(source: str) -> frozenset[str]:
    """Names of the classes in a program's ``raise`` statements, and of the bases of its own ones among them."""
    found = set(_named(source, by_tests=False))
    return frozenset(found | {base for name, bases in _bases_in(source) if name in found for base in bases})


def usual_in(raised: Sequence[frozenset[str]]) -> frozenset[str]:
    """Names that at least half of the programs raise: there it is an answer to let the same error happen."""
    counts = Counter(name for names in raised for name in names)
    return frozenset(name for name, count in counts.items() if 2 * count >= len(raised) > 1)


def with_meant(outputs: Sequence[Output], wanted: frozenset[str], raised: frozenset[str]) -> tuple[Output, ...]:
    """The outputs, errors among them marked where they are meant."""
    return tuple(
        replace(output, meant=_builtin_of(output.key)) if _is_meant(output, wanted, raised) else output
        for output in outputs
    )


def _is_meant(output: Output, wanted: frozenset[str], raised: frozenset[str]) -> bool:
    if output.kind != "error":
        return False
    name, builtin = output.key.partition(" ")[0], _builtin_of(output.key)
    kinds = {base.__name__ for base in getattr(builtins, builtin, Exception).__mro__} - _ANY
    return builtin not in _NO_ANSWERS and (name in raised or bool(wanted & {name, *kinds}))


def _builtin_of(key: str) -> str:
    """``AgeError (ValueError)`` is a ``ValueError``."""
    name, _, builtin = key.partition(" (")
    return builtin.removesuffix(")") or name


def _named(source: str, *, by_tests: bool) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if by_tests and isinstance(node, ast.ExceptHandler) and node.type is not None:
            yield from _class_names(node.type)
        elif by_tests and isinstance(node, ast.Call) and node.args and _last_name(node.func) in _RAISING:
            yield from _class_names(node.args[0])
        elif not by_tests and isinstance(node, ast.Raise) and node.exc is not None:
            yield _last_name(node.exc.func if isinstance(node.exc, ast.Call) else node.exc)


def _bases_in(source: str) -> Iterator[tuple[str, list[str]]]:
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                yield node.name, [_last_name(base) for base in node.bases]


def _class_names(node: ast.expr) -> list[str]:
    return [_last_name(part) for part in (node.elts if isinstance(node, ast.Tuple) else [node])]


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]
