"""Values as JSON trees: written by the candidate's process, read by ours. Never pickles.

A tree is ``null``, a boolean, a number below 2**53, a string, or a list whose first item names the kind.
Comparing happens only on what `decode` rebuilds from builtin types, so a candidate's own ``__eq__`` has no say.
"""

from __future__ import annotations

import array
import contextlib
import datetime
import decimal
import enum
import fractions
import pathlib
import re
import types
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# A value under inspection has no static type, and neither has the tree that stands for it.
Value = Any
Tree = Any

UNSEEN = "\0"
MAX_DEPTH = 100
MAX_NODES = 300_000
MAX_DRAINED = 2_000
MAX_INT_BITS = 1 << 20
MAX_FRACTION_BITS = 1 << 14  # making one finds a common divisor, which takes quadratic time
_CROWD = 64  # so many items with one hash are no accident
_EXACT_INT = 2**53
# What a class's own metaclass has no say in.
_name_of = type.__dict__["__name__"].__get__
_bases_of = type.__dict__["__mro__"].__get__
_namespace_of = type.__dict__["__dict__"].__get__
_args_of = BaseException.__dict__["args"].__get__
_ITERATORS = (types.GeneratorType, map, filter, zip, enumerate, reversed)
_EMPTY: tuple[Iterable[object], ...] = ({}.keys(), {}.values(), {}.items(), [], (), {}, set(), "", range(0))
_VIEWS = (*map(type, _EMPTY[:3]), *(type(iter(empty)) for empty in _EMPTY[3:]))
_TEMPORAL = (datetime.datetime, datetime.date, datetime.time)


class TooLargeError(Exception):
    """A value that is too deep or too large to send."""


class Opaque:
    """Stands for a value that has no builtin form; equal to nothing but itself.

    ``attributes`` are the names that an object of a class of the candidate's own keeps its state in.
    """

    def __init__(self, text: str, attributes: frozenset[str] | None = None) -> None:
        self.text, self.attributes = text, attributes

    def __repr__(self) -> str:
        return f"<{self.text}>"


class Drained:
    """The items an iterator gave; equal to nothing, as an iterator is, until a test turns it into a list."""

    def __init__(self, items: list[object]) -> None:
        self.items = items

    def __iter__(self) -> Iterator[object]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"<iterator over {self.items!r}>"


def encode(value: Value) -> Tree:
    """Turn any value into a tree.

    Raises:
        TooLargeError: it is nested or sized beyond the limits (a value that contains itself is).
    """
    return _Encoder().tree(value, 0)


def kept(value: Value, depth: int = 0) -> Value:
    """The value as it is now: builtin containers are copied, at all levels; what is in them stays itself."""
    copy = _COPIES.get(type(value))
    return value if copy is None or depth > MAX_DEPTH else copy(value, depth + 1)


_COPIES: dict[type, Callable[[Value, int], Value]] = {
    list: lambda value, depth: [kept(item, depth) for item in value],
    tuple: lambda value, depth: tuple(kept(item, depth) for item in value),
    dict: lambda value, depth: {key: kept(item, depth) for key, item in value.items()},
    set: lambda value, _: set(value),
    bytearray: lambda value, _: bytearray(value),
    deque: lambda value, depth: deque((kept(item, depth) for item in value), value.maxlen),
}


class _Encoder:
    def __init__(self) -> None:
        self.nodes = 0

    def tree(self, value: Value, depth: int) -> Tree:
        self.nodes += 1
        if self.nodes > MAX_NODES or depth > MAX_DEPTH:
            raise TooLargeError("value too deep or too large")
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if issubclass(kind, enum.Enum) and not issubclass(kind, int | str):
            return ["e", kind.__name__, str(value.name)]
        for base, write in _WRITERS:
            if issubclass(kind, base):
                return write(self, value, depth + 1)
        return self.odd(value, depth + 1)

    def items(self, tag: str, values: Iterator[object], depth: int) -> Tree:
        return [tag, *(self.tree(item, depth) for item in values)]

    def odd(self, value: Value, depth: int) -> Tree:
        """Numpy values by what they hold, objects by their state, classes by name, the rest by nothing but the type."""
        kind = type(value)
        if kind.__module__.partition(".")[0] == "numpy" and hasattr(value, "tolist"):
            return ["n", self.tree(value.tolist(), depth)]
        if issubclass(kind, type):
            return ["e", "class", str(_name_of(value))]
        state = None if callable(value) else _state_of(value, kind)
        return ["x", kind.__name__] if not state else ["o", kind.__name__, self.tree(state, depth)]


def _state_of(value: Value, kind: type) -> dict[str, object]:
    """What an object holds: attributes and slots, or what its class keeps outside of them; empty if none is seen."""
    for base, read in _STATES:
        if issubclass(kind, base):
            return read(value)
    state: dict[str, object] = {}
    for base in _bases_of(kind):
        own = _namespace_of(base)
        # Only classes written in Python say `__slots__`; a member of another one may be a cache of its own.
        members = own.items() if "__slots__" in own else ()
        for name, member in members:
            if type(member) is types.MemberDescriptorType:
                with contextlib.suppress(AttributeError):  # never assigned
                    state[name] = member.__get__(value)
    with contextlib.suppress(AttributeError):
        attributes = object.__getattribute__(value, "__dict__")
        state |= attributes if type(attributes) is dict else {}
    return state


def _int(_: _Encoder, value: Value, depth: int) -> Tree:
    number = int.__int__(value)
    if number.bit_length() > MAX_INT_BITS:
        raise TooLargeError("integer too large")
    return number if -_EXACT_INT < number < _EXACT_INT else ["i", hex(number)]


def _dict(encoder: _Encoder, value: Value, depth: int) -> Tree:
    pairs = dict.items(value)
    return ["d", *([encoder.tree(key, depth), encoder.tree(item, depth)] for key, item in pairs)]


def _drain(encoder: _Encoder, value: Value, depth: int) -> Tree:
    out: list[Tree] = ["g"]
    for item in value:
        out.append(encoder.tree(item, depth))
        if len(out) > MAX_DRAINED:
            raise TooLargeError("iterator without end")
    return out


_STATES: tuple[tuple[Any, Callable[[Value], dict[str, object]]], ...] = (
    (BaseException, lambda v: {"args": _args_of(v)}),
    (pathlib.PurePath, lambda v: {"path": pathlib.PurePath.__str__(v)}),
    (array.array, lambda v: {"typecode": v.typecode, "items": v.tolist()}),
    (memoryview, lambda v: {"items": v.tobytes()}),
    (slice, lambda v: {"start": v.start, "stop": v.stop, "step": v.step}),
    (types.MappingProxyType, lambda v: {"items": dict(v)}),
    (re.Pattern, lambda v: {"pattern": v.pattern, "flags": v.flags}),
    (re.Match, lambda v: {"span": v.span(), "groups": (v.group(), *v.groups())}),
)
"""Classes whose objects keep their state where attributes do not show it, or show caches beside it."""


def _of(base: Any, tag: str) -> tuple[Any, Callable[[_Encoder, Value, int], Tree]]:
    # The base's own iterator: a subclass may lie about what it holds.
    return base, lambda encoder, value, depth: encoder.items(tag, base.__iter__(value), depth)


_WRITERS: tuple[tuple[Any, Callable[[_Encoder, Value, int], Tree]], ...] = (
    (int, _int),
    (float, lambda _, v, d: ["f", float.__repr__(v)]),
    (str, lambda _, v, d: str.__getitem__(v, slice(None))),
    _of(list, "l"),
    _of(tuple, "t"),
    (dict, _dict),
    _of(set, "s"),
    _of(frozenset, "z"),
    (bytes, lambda _, v, d: ["b", bytes.hex(v)]),
    (bytearray, lambda _, v, d: ["y", bytearray.hex(v)]),
    (complex, lambda _, v, d: ["c", float.__repr__(v.real), float.__repr__(v.imag)]),
    (range, lambda _, v, d: ["r", v.start, v.stop, v.step]),
    _of(deque, "q"),
    (decimal.Decimal, lambda _, v, d: ["D", decimal.Decimal.__str__(v)]),
    (fractions.Fraction, lambda e, v, d: ["F", _int(e, v.numerator, d), _int(e, v.denominator, d)]),
    (datetime.timedelta, lambda _, v, d: ["T", "timedelta", v.days, v.seconds, v.microseconds]),
    (_TEMPORAL, lambda _, v, d: ["T", type(v).__name__, v.isoformat()]),
    (_ITERATORS, _drain),
    *((view, _drain) for view in _VIEWS),
)


def decode(tree: Tree) -> Value:
    """Rebuild a value from builtin types.

    Raises:
        ValueError: the tree is none that `encode` writes.
    """
    if not isinstance(tree, list):
        return tree
    try:
        return _READERS[tree[0]](tree[1:])
    except (KeyError, IndexError, TypeError, ArithmeticError, RecursionError) as error:
        raise ValueError(f"not a value: {str(tree)[:80]!r}") from error


def _pairs(items: list[Tree]) -> dict[object, object]:
    keys = _hashable([pair[0] for pair in items])
    return dict(zip(keys, (decode(pair[1]) for pair in items), strict=True))


def _hashable(items: list[Tree]) -> list[Value]:
    """The values of a set or the keys of a dict; refused where their hashes are made to collide (quadratic time)."""
    values = [decode(item) for item in items]
    crowded = Counter(map(hash, values)).most_common(1)
    if crowded and crowded[0][1] > _CROWD:
        raise ValueError(f"{crowded[0][1]} items with one hash")
    return values


def _integer(tree: Tree, bits: int) -> int:
    """An integer, written as itself, as hexadecimal text, or as the tree of one."""
    text = tree[1] if isinstance(tree, list) else tree
    if isinstance(text, str) and len(text) > bits // 4 + 8:
        raise ValueError(f"an integer of {len(text)} hexadecimal digits")
    return int(text, 16) if isinstance(text, str) else int(text)


def _temporal(items: list[Tree]) -> object:
    name, *rest = items
    if name == "timedelta":
        return datetime.timedelta(*rest)
    for kind in _TEMPORAL:
        if kind.__name__ == name:
            return kind.fromisoformat(rest[0])
    return Opaque(str(name))


_READERS: dict[str, Callable[[list[Tree]], object]] = {
    "i": lambda items: _integer(items[0], MAX_INT_BITS),
    "f": lambda items: float(items[0]),
    "l": lambda items: [decode(item) for item in items],
    "t": lambda items: tuple(decode(item) for item in items),
    "d": _pairs,
    "s": lambda items: set(_hashable(items)),
    "z": lambda items: frozenset(_hashable(items)),
    "b": lambda items: bytes.fromhex(items[0]),
    "y": lambda items: bytearray.fromhex(items[0]),
    "c": lambda items: complex(float(items[0]), float(items[1])),
    "r": lambda items: range(items[0], items[1], items[2]),
    "q": lambda items: deque(decode(item) for item in items),
    "D": lambda items: decimal.Decimal(items[0]),
    "F": lambda items: fractions.Fraction(*(_integer(item, MAX_FRACTION_BITS) for item in items)),
    "T": _temporal,
    "n": lambda items: decode(items[0]),
    "g": lambda items: Drained([decode(item) for item in items]),
    "e": lambda items: Opaque(f"{items[0]}.{items[1]}"),
    "o": lambda items: _object(str(items[0]), decode(items[1])),
    "x": lambda items: Opaque(str(items[0])),
}


def _object(name: str, state: dict[str, object]) -> Opaque:
    told = ", ".join(f"{key}={shown(value)}" for key, value in state.items())
    return Opaque(f"{name} object: {told}" if told else f"{name} object", frozenset(map(str, state)))


def shown(value: Value, limit: int = 80) -> str:
    """The start of a value's ``repr``, whatever it is: an integer of thousands of digits has none."""
    try:
        return repr(value)[:limit]
    except (ValueError, RecursionError):
        return f"<{type(value).__name__} too large to print>"


def plain_text(text: str) -> str:
    """Text of a candidate's own making, without line ends, control characters and halves of surrogate pairs."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def key_of(tree: Tree) -> str:
    """Text that is the same for values that count as the same behaviour.

    Follows ``==``: 2 is 2.0, a list is no tuple, sets and dicts have no order; floats agree to 6 digits. Holds `UNSEEN`
    where there is a value of which nothing but the type is known, a function say: two such may be anything.
    """
    if isinstance(tree, list):
        return _list_key(tree)
    if isinstance(tree, bool):
        return str(int(tree))
    return "None" if tree is None else repr(tree)


def _list_key(tree: list[Tree]) -> str:
    tag, items = str(tree[0]), tree[1:]
    if tag == "f":
        return _float_key(float(items[0]))
    if tag == "i":
        return str(items[0])
    if tag in "sz":
        return "s{" + ",".join(sorted(map(key_of, items))) + "}"
    if tag == "d":
        return "d{" + ",".join(sorted(f"{key_of(p[0])}:{key_of(p[1])}" for p in items)) + "}"
    if tag == "n":
        return key_of(items[0])
    if tag == "x":
        return f"{UNSEEN}{items[0]}"
    return f"{tag}(" + ",".join(map(key_of, items)) + ")"


def _float_key(number: float) -> str:
    if number != number or number in (float("inf"), float("-inf")):
        return repr(number)
    if number == int(number) and abs(number) < _EXACT_INT:
        return str(int(number))
    if abs(number) < 1e-9:
        return "0"
    rounded = float(f"{number:.6g}")
    return str(int(rounded)) if rounded == int(rounded) and abs(rounded) < _EXACT_INT else repr(rounded)
