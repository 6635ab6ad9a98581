"""What a Python module offers to others: its top-level names, methods, and how they may be called."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallShape:
    """How a call passes its arguments; ``is_open`` when ``*`` or ``**`` hides some."""

    positional: int
    keywords: tuple[str, ...] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a function, as its callers see them (a method without ``self``)."""

    positional: tuple[str, ...]
    positional_only: int
    required: frozenset[str]
    keyword_only: frozenset[str]
    takes_more: bool
    takes_any_keyword: bool
    is_async: bool

    def bound(self, call: CallShape) -> tuple[str, ...] | None:
        """The parameters that the positional arguments land in; None when the call does not fit."""
        landed = self.positional[: call.positional]
        if call.positional > len(self.positional) and not self.takes_more:
            return None
        by_keyword = (set(self.positional[self.positional_only :]) | self.keyword_only) - set(landed)
        if not self.takes_any_keyword and not set(call.keywords) <= by_keyword:
            return None
        if set(call.keywords) & set(landed[self.positional_only :]):
            return None
        return landed if self.required <= set(landed) | set(call.keywords) else None


@dataclass(frozen=True, slots=True)
class Offer:
    """One name of a module: ``shown`` is its first line; ``signature`` None: not known, or no function."""

    shown: str
    signature: Signature | None = None
    is_class: bool = False
    is_closed: bool = True
    """For a class: nothing but its own body decides which members it has."""


@dataclass(frozen=True, slots=True)
class Surface:
    """The names of one module, methods as ``Class.method``. An open one may have more than is written there."""

    offers: dict[str, Offer]
    is_open: bool = False


def surface_of(content: bytes) -> Surface | None:
    """What the module offers; None when it does not parse."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    lines = content.decode("utf-8", errors="replace").splitlines()
    offers: dict[str, Offer] = {}
    is_open = False
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            is_open = True
        for name in bound_names(node):
            offers[name] = Offer(_line(lines, node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            offers[node.name] = Offer(_line(lines, node), _signature(node, drop_first=False))
            is_open = is_open or node.name == "__getattr__"
        elif isinstance(node, ast.ClassDef):
            offers |= _class_offers(node, lines)
    return Surface(offers, is_open)


def misfit(old: Signature | None, new: Signature | None, call: CallShape) -> str | None:
    """Why a call written for ``old`` goes wrong with ``new``; None when it is fine or nobody can know."""
    if old is None or new is None or call.is_open:
        return None
    before, now = old.bound(call), new.bound(call)
    if before is None:
        return None
    if old.is_async != new.is_async:
        return "it became a coroutine function" if new.is_async else "it is no coroutine function any more"
    if now is None:
        return "the arguments no longer fit"
    for was, becomes in zip(before, now, strict=False):
        # A parameter that only got another name still takes the same argument; one that moved does not.
        if was != becomes and (was in new.positional or becomes in old.positional):
            return f"what was passed as {was!r} now lands in {becomes!r}"
    return None


def bound_names(node: ast.stmt) -> Iterator[str]:
    """The names that one top-level statement binds, definitions apart."""
    if isinstance(node, ast.Import):
        yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names if alias.name != "*")
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            yield from (leaf.id for leaf in ast.walk(target) if isinstance(leaf, ast.Name))


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Every statement of the module's own scope: branches of ``if``, ``try``, ``with`` and loops count."""
    for node in body:
        yield node
        for field in ("body", "orelse", "finalbody"):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _statements(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from _statements(handler.body)


def _class_offers(node: ast.ClassDef, lines: Sequence[str]) -> dict[str, Offer]:
    members: dict[str, Offer] = {}
    for item in _statements(node.body):
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(one) for one in item.decorator_list}
            known = decorators <= {"staticmethod", "classmethod"}
            signature = _signature(item, drop_first="staticmethod" not in decorators) if known else None
            members[f"{node.name}.{item.name}"] = Offer(_line(lines, item), signature)
        else:
            for name in bound_names(item):
                members[f"{node.name}.{name}"] = Offer(_line(lines, item))
    parents = {ast.unparse(parent) for parent in node.bases} - {"object"}
    is_closed = not parents and not node.keywords and not node.decorator_list
    is_closed = is_closed and not {f"{node.name}.__getattr__", f"{node.name}.__new__"} & members.keys()
    start = members.get(f"{node.name}.__init__")
    signature = start.signature if start is not None and is_closed else None
    return {node.name: Offer(_line(lines, node), signature, is_class=True, is_closed=is_closed)} | members


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, drop_first: bool) -> Signature | None:
    if node.decorator_list and not drop_first and any(ast.unparse(d) != "staticmethod" for d in node.decorator_list):
        return None  # a decorator may change how it is called
    arguments = node.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    required = set(names[: len(names) - len(arguments.defaults)])
    only = len(arguments.posonlyargs)
    if drop_first and names:
        required.discard(names[0])
        names, only = names[1:], max(0, only - 1)
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    required |= {argument.arg for argument, default in pairs if default is None}
    return Signature(
        positional=tuple(names),
        positional_only=only,
        required=frozenset(required),
        keyword_only=frozenset(argument.arg for argument in arguments.kwonlyargs),
        takes_more=arguments.vararg is not None,
        takes_any_keyword=arguments.kwarg is not None,
        is_async=isinstance(node, ast.AsyncFunctionDef),
    )


def _line(lines: Sequence[str], node: ast.stmt) -> str:
    return lines[node.lineno - 1].strip() if node.lineno <= len(lines) else ""
