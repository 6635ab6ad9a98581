"""What a Python module offers to others: its top-level names, methods, and how they may be called."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CallShape:
    """How a call passes its arguments; ``is_open`` when ``*`` or ``**`` hides some."""

    positional: int
    keywords: tuple[str, ...] = ()
    is_open: bool = False


def call_shape(node: ast.Call) -> CallShape:
    """How this call passes its arguments."""
    is_open = any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords)
    return CallShape(len(node.args), tuple(sorted(k.arg for k in node.keywords if k.arg is not None)), is_open)


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
    way: tuple[str, ...] = ()
    """Decorators that decide how the name is used: ``property``, ``staticmethod``, ``contextmanager`` …"""
    is_class: bool = False
    is_closed: bool = True
    """For a class: nothing but its own body decides which members it has."""
    is_generator: bool = False
    """A call gives an iterator and runs nothing yet."""
    is_starred: bool = True
    """``from module import *`` brings it, as far as one can know."""


@dataclass(frozen=True, slots=True)
class Surface:
    """The names of one module; an open one may have more than is written there.

    Methods and attributes are ``Class.name``, keys of a module's own dictionaries ``NAME.[key]``.
    """

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
        for name in _keys(node):
            offers[name] = Offer(_line(lines, node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            signature = _signature(node, drop_first=False)
            offers[node.name] = Offer(_line(lines, node), signature, _way(node), is_generator=is_generator(node))
            is_open = is_open or node.name == "__getattr__"
        elif isinstance(node, ast.ClassDef):
            offers |= _class_offers(node, lines)
    exported = _starred(tree)
    if exported is not None:
        offers = {name: replace(offer, is_starred=name in exported) for name, offer in offers.items()}
    return Surface(offers, is_open)


def _starred(tree: ast.Module) -> set[str] | None:
    """The names in ``__all__``; None where there is no such list, or something else than literals makes it."""
    found: set[str] = set()
    literals = 0
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if [getattr(target, "id", "") for target in targets] != ["__all__"]:
            continue
        items = node.value.elts if isinstance(node.value, ast.List | ast.Tuple) else [None]
        texts = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        if len(texts) != len(items):
            return None
        literals += 1
        found.update(texts)
    uses = sum(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(tree)) if literals else 0
    return found if literals and uses == literals else None


def is_generator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """True when a call of the function, as it is written, gives an iterator; unknown decorators say no."""
    if _decorators(node) - {"staticmethod", "classmethod", "abstractmethod", "override", "final"}:
        return False
    pending: list[ast.AST] = list(node.body)
    while pending:
        one = pending.pop()
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending.extend(ast.iter_child_nodes(one))
    return False


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


BY_STAR, A_VALUE, AN_ITERATOR = "by star", "a value", "an iterator"


def unmet(old: Offer, new: Offer, wants: str) -> str | None:
    """What a changed name no longer gives; None when it gives what is wanted, or never did.

    Args:
        wants: :data:`BY_STAR`, that a star import brings it; :data:`A_VALUE`, that a call does its work at once and
            returns something with a length, elements, a truth; :data:`AN_ITERATOR`, that ``next`` takes the result.
    """
    if wants == BY_STAR:
        return "keeps it out of a star import" if old.is_starred and not new.is_starred else None
    if wants == A_VALUE and new.is_generator and not old.is_generator:
        return "made it a generator, so that a call runs nothing and gives an iterator only"
    if wants == AN_ITERATOR and old.is_generator and not new.is_generator:
        return "made it no generator any more"
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


def _keys(node: ast.stmt) -> Iterator[str]:
    """Keys of a dictionary that the module writes out, and those that it sets one by one."""
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    if isinstance(target, ast.Name) and isinstance(node.value, ast.Dict):
        for key in node.value.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key_name(target.id, key.value)
    match target:
        case ast.Subscript(value=ast.Name(id=holder), slice=ast.Constant(value=str(text))):
            yield key_name(holder, text)


def key_name(holder: str, key: str) -> str:
    """How a key of a dictionary is named among the names of a module."""
    return f"{holder}.[{key.replace('.', '/')}]"


def _class_offers(node: ast.ClassDef, lines: Sequence[str]) -> dict[str, Offer]:
    members: dict[str, Offer] = {}
    for item in _statements(node.body):
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            way = _way(item)
            known = "property" not in way and "cached_property" not in way
            signature = _signature(item, drop_first="staticmethod" not in way) if known else None
            line = _line(lines, item)
            members[f"{node.name}.{item.name}"] = Offer(line, signature, way, is_generator=is_generator(item))
        else:
            for name in bound_names(item):
                members[f"{node.name}.{name}"] = Offer(_line(lines, item))
    for name in own_attributes(node):
        members.setdefault(f"{node.name}.{name}", Offer(f"self.{name}"))
    is_closed = _is_closed(node) and not {f"{node.name}.__getattr__", f"{node.name}.__new__"} & members.keys()
    start = members.get(f"{node.name}.__init__")
    signature = start.signature if start is not None and is_closed else fields_signature(node)
    return {node.name: Offer(_line(lines, node), signature, is_class=True, is_closed=is_closed)} | members


_PLAIN_PARENTS = frozenset(
    ("object", "ABC", "Protocol", "Generic", "Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "NamedTuple")
)
_RECORDS = {"dataclass", "define", "frozen", "mutable"}


def _is_closed(node: ast.ClassDef) -> bool:
    """True when no parent, decorator or trick can give the class members that it does not show."""
    parents = {ast.unparse(parent).partition("[")[0].rpartition(".")[2] for parent in node.bases}
    decorators = {ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list}
    keywords = {keyword.arg for keyword in node.keywords} - {"metaclass"}
    if parents - _PLAIN_PARENTS or decorators - _RECORDS - {"final", "unique", "total_ordering"} or keywords:
        return False
    if any("Meta" in ast.unparse(keyword.value).replace("ABCMeta", "") for keyword in node.keywords):
        return False
    return not any(_may_add_members(one) for one in ast.walk(node))


def _may_add_members(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id in ("setattr", "vars")
    return isinstance(node, ast.Attribute) and node.attr == "__dict__"


def own_attributes(node: ast.ClassDef) -> Iterator[str]:
    """Attributes that the methods set on ``self``."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.args.args:
            first = method.args.args[0].arg
            for one in ast.walk(method):
                match one:
                    case ast.Attribute(value=ast.Name(id=holder), ctx=ast.Store()) if holder == first:
                        yield one.attr


_USED_APART = ("property", "cached_property", "staticmethod", "classmethod", "contextmanager", "asynccontextmanager")
_TRANSPARENT = {*_USED_APART, "cache", "lru_cache", "abstractmethod", "override", "final"}


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return {ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list}


def _way(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, ...]:
    names = _decorators(node)
    return tuple(word for word in _USED_APART if word in names)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, *, drop_first: bool) -> Signature | None:
    if _decorators(node) - _TRANSPARENT:
        return None  # a decorator may change how it is called
    return signature_of(node, drop_first=drop_first)


def signature_of(node: ast.FunctionDef | ast.AsyncFunctionDef, *, drop_first: bool) -> Signature:
    """The parameters as they are written, whatever decorators make of them."""
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


def fields_signature(node: ast.ClassDef) -> Signature | None:
    """How a dataclass, attrs class or named tuple without parents of its own is made; None for other classes."""
    decorators = {ast.unparse(one).partition("(")[0].rpartition(".")[2] for one in node.decorator_list}
    parents = {ast.unparse(parent).rpartition(".")[2] for parent in node.bases} - {"object"}
    if not (decorators & _RECORDS and not parents) and parents != {"NamedTuple"}:
        return None
    if any(isinstance(item, ast.FunctionDef) and item.name in ("__init__", "__new__") for item in node.body):
        return None
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)]
    fields = [item for item in fields if "ClassVar" not in ast.unparse(item.annotation)]
    if any(item.value is not None and "init=False" in ast.unparse(item.value) for item in fields):
        return None
    names = [item.target.id for item in fields if isinstance(item.target, ast.Name)]
    required = {name for name, item in zip(names, fields, strict=True) if item.value is None}
    return Signature(tuple(names), 0, frozenset(required), frozenset(), False, False, False)


def _line(lines: Sequence[str], node: ast.stmt) -> str:
    return lines[node.lineno - 1].strip() if node.lineno <= len(lines) else ""
