"""Inputs to compare behaviour on: those given, and type-aware mutations of the visible calls."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Sequence
from typing import Any

_TRIES = 30


def more_inputs(calls: Sequence[str], *, wanted: int, seed: int = 0) -> tuple[str, ...]:
    """Up to ``wanted`` new calls, each a visible call with its arguments changed within their types.

    The same calls give the same inputs. Calls whose arguments are no literals are left out.
    """
    rng = random.Random(f"{seed}:{'|'.join(calls)}")
    seeds = [parsed for parsed in map(_parse, calls) if parsed is not None]
    found: dict[str, None] = {}
    if not seeds:
        return ()
    pool = [value for *_, values in seeds for value in values]
    for attempt in range(wanted * _TRIES):
        if len(found) >= wanted:
            break
        asked_by, tree, values = seeds[attempt % len(seeds)]
        changed = list(values)
        for _ in range(1 + (rng.random() < 0.3)):
            where = rng.randrange(len(changed))
            changed[where] = _mutate(changed[where], rng, pool)
        text = asked_by + _unparse(tree, changed)
        if text not in calls:
            found[text] = None
    return tuple(found)


def _parse(call: str) -> tuple[str, ast.Call, list[Any]] | None:
    """Whether it is awaited (as text), the call, and the values of its arguments."""
    asked_by = "await " if call.startswith("await ") else ""
    try:
        tree = ast.parse(call.removeprefix(asked_by), mode="eval").body
        if not isinstance(tree, ast.Call) or not isinstance(tree.func, ast.Name):
            return None
        values = [ast.literal_eval(node) for node in [*tree.args, *(keyword.value for keyword in tree.keywords)]]
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None
    return (asked_by, tree, values) if values else None


def _unparse(tree: ast.Call, values: list[Any]) -> str:
    plain = [repr(value) for value in values[: len(tree.args)]]
    named = zip(tree.keywords, values[len(tree.args) :], strict=True)
    plain += [f"{keyword.arg}={value!r}" if keyword.arg else f"**{value!r}" for keyword, value in named]
    return f"{ast.unparse(tree.func)}({', '.join(plain)})"


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
