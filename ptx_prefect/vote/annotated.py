"""Calls of an entry point that nobody shows a call of, from the types that its candidates annotate."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

_PLAIN = {"int": "3", "float": "2.5", "str": "'abc a'", "bool": "True", "bytes": "b'abc'", "complex": "1j"}
_SECOND = {"int": "7", "float": "0.5", "str": "'Ab-1'", "bool": "False", "bytes": "b''", "complex": "2j"}
_LISTS = ("list", "List", "Sequence", "Iterable", "Collection", "MutableSequence")
_SETS = ("set", "Set", "frozenset", "FrozenSet", "AbstractSet")
_DICTS = ("dict", "Dict", "Mapping", "MutableMapping")


def calls_from_annotations(sources: Sequence[str], entry_point: str) -> tuple[str, ...]:
    """Two calls of a function with values of the types that most candidates give its parameters; none if unknown."""
    found = Counter(types for source in sources if (types := _types_in(source, entry_point)) is not None)
    if not found:
        return ()
    (types, _), *_ = found.most_common(1)
    calls = []
    for plain in (_PLAIN, _SECOND):
        values = [_value_of(ast.parse(text, mode="eval").body, plain) for text in types]
        calls += [] if None in values else [f"{entry_point}({', '.join(map(str, values))})"]
    return tuple(dict.fromkeys(calls))


def _types_in(source: str, entry_point: str) -> tuple[str, ...] | None:
    """The annotations of the parameters that a call must give, in order; None where one has none."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name == entry_point:
            positional = [*node.args.posonlyargs, *node.args.args]
            wanted = positional[: len(positional) - len(node.args.defaults)]
            types = tuple(ast.unparse(one.annotation) for one in wanted if one.annotation is not None)
            return types if len(types) == len(wanted) and not any(_required(node)) else None
    return None


def _required(node: ast.FunctionDef) -> Iterator[bool]:
    yield from (value is None for value in node.args.kw_defaults)


def _value_of(node: ast.expr, plain: dict[str, str]) -> str | None:
    """A value of the type, as source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = ast.parse(node.value, mode="eval").body
        except SyntaxError:
            return None
    if isinstance(node, ast.BinOp):
        return _value_of(node.left, plain)
    name = ast.unparse(node.value if isinstance(node, ast.Subscript) else node).rpartition(".")[2]
    inner = [node.slice] if isinstance(node, ast.Subscript) else []
    parts = [one for part in inner for one in (part.elts if isinstance(part, ast.Tuple) else [part])]
    if name in plain and not parts:
        return plain[name]
    if name in ("Optional", "Union") and parts:
        return _value_of(parts[0], plain)
    return _container_of(name, parts, plain)


def _container_of(name: str, parts: Sequence[ast.expr], plain: dict[str, str]) -> str | None:
    kinds = [one for one in parts if not (isinstance(one, ast.Constant) and one.value is Ellipsis)]
    first = [_value_of(one, _PLAIN) for one in kinds] or ["3"] * 2
    second = [_value_of(one, _SECOND) for one in kinds] or ["7"] * 2
    if None in first or None in second:
        return None
    a, b = first[0], second[0]
    rows = f"{a}, {b}, {a}" if plain is _PLAIN else f"{b}"
    if name in _LISTS:
        return f"[{rows}]"
    if name in _SETS:
        return f"{{{a}, {b}}}" if "[" not in str(a) else None
    if name in _DICTS:
        return f"{{{a}: {first[-1]}, {b}: {second[-1]}}}"
    if name in ("tuple", "Tuple"):
        return f"({', '.join(map(str, first))},)" if len(kinds) == len(parts) else f"({rows},)"
    return None
