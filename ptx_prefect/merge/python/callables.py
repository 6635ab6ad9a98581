"""New calls in one source of what the other side lets be called in another way only."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.python.names import parsed
from ptx_prefect.merge.python.rivalry import bodies_of
from ptx_prefect.merge.surface import (
    CallShape,
    Signature,
    call_shape,
    fields_signature,
    misfit,
    signature_of,
    surface_of,
    unmet,
)
from ptx_prefect.merge.uses import uses_of

_DEFINITION = re.compile(
    r"^(?P<head>(?:[ \t]*@[^\n]*\n)*[ \t]*(?P<kind>(?:async[ \t]+)?def|class)[ \t]+(?P<name>\w+))", re.M
)
_BRACKET = re.compile(r"[()\n]")
_USE = re.compile(r"(\w+)\(|\.(\w+)")
_HEADER = re.compile(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]")
_RECORD = re.compile(r"@(?:\w+\.)?(?:dataclass|define|frozen|mutable|attrs|s)\b|\bNamedTuple\)")
_WAYS = ("property", "cached_property", "staticmethod", "classmethod")


def changed_but_called(side: Edits, other: Edits) -> Iterator[str]:
    """Definitions that ``side`` lets be called in another way only, and that ``other`` calls in new code."""
    suspects = _suspects(side, other)
    if not suspects:
        return
    old, new, rival = parsed(side.base), parsed(side.side), parsed(other.side)
    if old is None or new is None or rival is None:
        return
    before, now = _callables(old), _callables(new)
    changed = {
        name: one for name, one in before.items() if name in now and now[name] != one and _word(name) in suspects
    }
    if not changed:
        return
    calls, mentions = _new_uses(rival, other)
    for name, one in sorted(changed.items()):
        word = _word(name)
        if (one.way != now[name].way and (word in mentions or word in calls)) or any(
            _breaks(one.signature, now[name].signature, call) for call in calls.get(word, ())
        ):
            yield name


def _suspects(side: Edits, other: Edits) -> set[str]:
    """Names that the other side's new lines call and whose header reads in another way; decided on the text."""
    used = {word for line in other.added if not _HEADER.match(line) for pair in _USE.findall(line) for word in pair}
    used &= other.written.keys()
    if not used:
        return set()
    before, after = _headers(side.base, used), _headers(side.side, used)
    changed = {name for name, headers in before.items() if headers != after.get(name, headers)}
    if side.added and _RECORD.search(side.base):
        changed |= {name for name in used if name[:1].isupper()}
    return changed


def _headers(source: str, names: Collection[str]) -> dict[str, list[str]]:
    """The texts from the decorators to the closing bracket, for those names; a class has its ``__init__``."""
    found: dict[str, list[str]] = {}
    class_name = ""
    for match in _DEFINITION.finditer(source):
        if match["kind"] == "class":
            class_name = match["name"]
            continue
        name = class_name if match["name"] == "__init__" else match["name"]
        if name in names:
            header = source[match.start() : _end_of_parameters(source, match.end())]
            found.setdefault(name, []).append("".join(header.split()))
    return found


def _end_of_parameters(source: str, start: int) -> int:
    depth = 0
    for match in _BRACKET.finditer(source, start):
        depth += 1 if match.group() == "(" else -1 if match.group() == ")" else 0
        if depth <= 0:
            return match.end()
    return len(source)


def generator_but_valued(side: Edits, other: Edits) -> Iterator[str]:
    """Functions that ``side`` made generators, or plain again, while ``other`` counts on what they gave before."""
    if not any("yield" in line for lines in (side.added, side.removed) for line in lines):
        return
    # Texts first: trees only where a function of which the other side writes gained or lost its yields.
    was, becomes = (bodies_of(other.written, text) for text in (side.base, side.side))
    if all(_generators(was[name]) == _generators(becomes[name]) for name in was.keys() & becomes.keys()):
        return
    old, new = (surface_of(_encoded(text)) for text in (side.base, side.side))
    if old is None or new is None:
        return
    changed = {
        f"{_MODULE}.{name}": (offer, new.offers[name])
        for name, offer in old.offers.items()
        if name in new.offers and offer.is_generator != new.offers[name].is_generator
    }
    if not any(_word(name) in other.written for name in changed):
        return
    before, now = (uses_of(_encoded(text), module=_MODULE, is_package=False) for text in (other.base, other.side))
    for use, places in now.items():
        if use.name in changed and len(places) > len(before.get(use, ())) and unmet(*changed[use.name], use.wants):
            yield use.name.removeprefix(f"{_MODULE}.")


def _generators(bodies: Sequence[Sequence[str]]) -> int:
    return sum(any("yield" in line for line in body) for body in bodies)


_MODULE = "module"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class _Callable:
    """What a call meets; ``way`` is ``property``, ``staticmethod`` … or empty."""

    signature: Signature | None
    way: str = ""


def _callables(tree: ast.Module) -> dict[str, _Callable]:
    """By dotted name, classes (as their constructors) and nested functions included."""
    found: dict[str, _Callable] = {}

    def visit(body: list[ast.stmt], prefix: str, *, in_class: bool) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                fields = fields_signature(node)
                if fields is not None:
                    found[prefix + node.name] = _Callable(fields)
                visit(node.body, f"{prefix}{node.name}.", in_class=True)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                names = {ast.unparse(item).rpartition(".")[2] for item in node.decorator_list}
                if names & {"getter", "setter", "deleter"}:
                    continue  # more of a property that stands above
                way = next((word for word in _WAYS if word in names), "")
                bound = in_class and way != "staticmethod"
                found[prefix + node.name] = _Callable(signature_of(node, drop_first=bound), way)
                visit(node.body, f"{prefix}{node.name}.", in_class=False)

    visit(tree.body, "", in_class=False)
    return found


def _word(name: str) -> str:
    """What a call of the dotted name is written with: for a constructor the class."""
    *_, holder, short = ["", *name.split(".")]
    return holder if short == "__init__" else short


def _new_uses(tree: ast.Module, other: Edits) -> tuple[dict[str, list[CallShape]], set[str]]:
    """The calls, by the last word of what is called, and the attributes that are read, on lines that are new."""
    lines = split(other.side)
    calls: dict[str, list[CallShape]] = {}
    mentions: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call | ast.Attribute):
            continue
        if not any(line in other.added for line in lines[node.lineno - 1 : node.end_lineno]):
            continue
        if isinstance(node, ast.Attribute):
            mentions.add(node.attr)
        elif isinstance(node.func, ast.Name | ast.Attribute):
            word = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            calls.setdefault(word, []).append(call_shape(node))
    return calls, mentions


def _breaks(old: Signature | None, new: Signature | None, call: CallShape) -> bool:
    """True when a call that was right before goes wrong now; one that we cannot place counts if any call could."""
    if old is None or new is None or old.bound(call) is not None:
        return misfit(old, new, call) is not None
    return bool(new.required - old.required) or not set(old.positional) <= set(new.positional)
