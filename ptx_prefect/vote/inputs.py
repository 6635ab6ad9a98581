"""Inputs to compare behaviour on: those given, and type-aware mutations of the visible calls."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_TRIES = 30
_PLACE = re.compile(r"_ptx_place_(\d+)_")


def more_inputs(calls: Sequence[str], *, wanted: int, seed: int = 0) -> tuple[str, ...]:
    """Up to ``wanted`` new calls, each a visible call with what is written out in its arguments changed within types.

    ``f(date(2024, 1, 31), [1, 2])`` gives ``f(date(2023, 1, 31), [1, 2])``. The same calls give the same inputs. Calls
    in which nothing is written out are left out.
    """
    return _varied([_form_of_call(call) for call in calls], calls, wanted, seed)


def more_programs(tests: Sequence[str], *, wanted: int, seed: int = 0) -> tuple[str, ...]:
    """As `more_inputs`, for tests of several statements: other values in their steps, not in what they expect."""
    return _varied([_form_of_program(test) for test in tests], tests, wanted, seed)


def _varied(forms: Sequence[_Form | None], known: Sequence[str], wanted: int, seed: int) -> tuple[str, ...]:
    rng = random.Random(f"{seed}:{'|'.join(known)}")
    seeds = [form for form in forms if form is not None and form.values]
    found: dict[str, None] = {}
    if not seeds:
        return ()
    pool = [value for form in seeds for value in form.values]
    given = {*known, *(form.filled(form.values) for form in seeds)}
    for attempt in range(wanted * _TRIES):
        if len(found) >= wanted:
            break
        form = seeds[attempt % len(seeds)]
        changed = list(form.values)
        for _ in range(1 + (rng.random() < 0.3)):
            where = rng.randrange(len(changed))
            changed[where] = _mutate(changed[where], rng, pool)
        text = form.filled(changed)
        if text not in given:
            found[text] = None
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Form:
    """Source with places in it, and the values that are written out there."""

    source: str
    values: tuple[Any, ...]

    def filled(self, values: Sequence[Any]) -> str:
        """The source with these values in its places."""
        return _PLACE.sub(lambda found: _written(values[int(found[1])]), self.source)


def _written(value: Any) -> str:
    text = repr(value)
    return f"float({text!r})" if type(value) is float and text.lstrip("-") in ("inf", "nan") else text


def _form_of_call(call: str) -> _Form | None:
    awaited = "await " if call.startswith("await ") else ""
    tree = _parsed(call.removeprefix(awaited), "eval")
    if tree is None or not isinstance(tree.body, ast.Call | ast.Attribute | ast.Subscript):
        return None
    return _form_of(tree, _Places(), prefix=awaited)


def _form_of_program(test: str) -> _Form | None:
    tree = _parsed(test, "exec")
    return None if tree is None else _form_of(tree, _Places())


def _parsed(source: str, mode: str) -> Any:
    try:
        return ast.parse(source, mode=mode)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None


def _form_of(tree: ast.AST, places: _Places, prefix: str = "") -> _Form:
    changed = places.visit(tree)
    return _Form(prefix + ast.unparse(ast.fix_missing_locations(changed)), tuple(places.values))


class _Places(ast.NodeTransformer):
    """Puts places where data are written out, the largest pieces first: not for what a test expects, nor for text."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Starred | ast.Slice):
            return node
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return node  # a docstring
        if _is_waiting(node):
            return node  # a longer wait costs time and tells nothing
        if isinstance(node, ast.Assert):
            return self._asked(node)
        if isinstance(node, ast.expr) and (value := _value_of(node)) is not None:
            self.values.append(value)
            return ast.Name(f"_ptx_place_{len(self.values) - 1}_", ast.Load())
        return self.generic_visit(node)

    def _asked(self, node: ast.Assert) -> ast.Assert:
        if isinstance(node.test, ast.Compare):
            node.test.left = self.visit(node.test.left)
        else:
            node.test = self.visit(node.test)
        return node


def _is_waiting(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return "timeout" in (node.arg or "") or "delay" in (node.arg or "")
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "sleep"


def _value_of(node: ast.expr) -> Any:
    """What is written out; None also for what has no other value of its kind."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if any(type(value) is kind for kind, _ in _CHANGES) else None


def _mutate(value: Any, rng: random.Random, pool: Sequence[Any]) -> Any:
    """Another value of the same type and shape of elements, mostly near the old one, sometimes at an edge."""
    same = [other for other in pool if type(other) is type(value) and other != value]
    if same and rng.random() < 0.1:
        return rng.choice(same)
    for kind, change in _CHANGES:
        if type(value) is kind:
            return change(value, rng, pool)
    return value


def _bool(value: bool, rng: random.Random, pool: Sequence[Any]) -> bool:
    return not value


def _int(value: int, rng: random.Random, pool: Sequence[Any]) -> int:
    near = value + rng.choice((-3, -2, -1, 1, 2, 3))
    size = max(2, abs(value))
    drawn = rng.choice((near, near, value * 2, value // 2, rng.randint(0, size * 2), 0, 1, value + 10))
    # Where negative numbers make sense the visible calls show one.
    return drawn if value < 0 else abs(drawn)


def _float(value: float, rng: random.Random, pool: Sequence[Any]) -> float:
    drawn = rng.choice((value + 1, value - 1, value / 2, value * 2, round(rng.uniform(0, 2 * abs(value) + 1), 2), 0.0))
    return drawn if value < 0 else abs(drawn)


def _str(value: str, rng: random.Random, pool: Sequence[Any]) -> str:
    if not value:
        return rng.choice([text for text in pool if type(text) is str and text] or ["a"])
    at, to = sorted((rng.randrange(len(value)), rng.randrange(len(value))))
    letters = value + "".join(text for text in pool if type(text) is str)
    return rng.choice(
        (
            value[:at] + value[at + 1 :],
            value[:at] + rng.choice(letters) + value[at:],
            value[:at] + rng.choice(letters) + value[at + 1 :],
            value[at:] + value[:at],
            value[at : to + 1],
            value[::-1],
            value + value,
            value.swapcase(),
            "",
        )
    )


def _sequence(value: Any, rng: random.Random, pool: Sequence[Any]) -> Any:
    kind, items = type(value), list(value)
    if not items:
        return kind(rng.choice([other for other in pool if type(other) is kind and other] or [value]))
    at = rng.randrange(len(items))
    moves: list[Callable[[], list[Any]]] = [
        lambda: items[:at] + items[at + 1 :],
        lambda: [*items[:at], items[rng.randrange(len(items))], *items[at:]],
        lambda: [*items[:at], _mutate(items[at], rng, items), *items[at + 1 :]],
        lambda: [*items[:at], _mutate(items[at], rng, items), *items[at + 1 :]],
        lambda: rng.sample(items, len(items)),
        lambda: items[::-1],
    ]
    if kind is list:  # a tuple's length is more often part of its meaning
        moves += [lambda: items + items, lambda: sorted(items, key=repr), lambda: items[: at + 1], list]
    else:
        moves = moves[2:4]
    return kind(rng.choice(moves)())


def _set(value: Any, rng: random.Random, pool: Sequence[Any]) -> Any:
    items = sorted(value, key=repr)
    try:
        return type(value)(_sequence(items, rng, pool))
    except TypeError:
        return value


def _dict(value: dict[Any, Any], rng: random.Random, pool: Sequence[Any]) -> dict[Any, Any]:
    if not value:
        return value
    key = rng.choice(list(value))
    without = {name: item for name, item in value.items() if name != key}
    if rng.random() < 0.3:
        return without
    if rng.random() < 0.4:
        return {**without, _mutate(key, rng, list(value)): value[key]}
    return {**value, key: _mutate(value[key], rng, list(value.values()))}


_CHANGES: tuple[tuple[type, Callable[[Any, random.Random, Sequence[Any]], Any]], ...] = (
    (bool, _bool),
    (int, _int),
    (float, _float),
    (str, _str),
    (list, _sequence),
    (tuple, _sequence),
    (set, _set),
    (frozenset, _set),
    (dict, _dict),
)
