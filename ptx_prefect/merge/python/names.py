"""Which names a Python source binds, and which it uses without binding them: what the guards compare."""

from __future__ import annotations

import ast
import builtins
import functools
import re
import symtable
import warnings
from collections import Counter
from collections.abc import Sequence

_KNOWN = frozenset(dir(builtins)) | {
    *("__file__", "__name__", "__path__", "__doc__", "__class__", "__module__", "__qualname__", "__builtins__"),
    *("__spec__", "__loader__", "__package__", "__annotations__", "__dict__", "WindowsError"),
    # Python 2, in code that still supports it
    *("unicode", "basestring", "long", "xrange", "raw_input", "unichr", "reduce", "file", "cmp", "buffer", "execfile"),
}


@functools.lru_cache(maxsize=6)
def parsed(source: str) -> ast.Module | None:
    """The syntax tree, or None when this Python cannot parse the source. Shared by all who ask: not to be changed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@functools.lru_cache(maxsize=6)
def is_valid(source: str) -> bool:
    """True when this Python compiles the source: half the price of a tree, and it sees more mistakes."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<merged>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def bindings_of(tree: ast.Module) -> Counter[str]:
    """How often each dotted name is bound in the body of the module or of a class, and definitions in functions.

    Bindings inside ``if`` and ``try`` are alternatives and do not count; nor do overloads, properties and other
    definitions with a decorator, which repeat a name on purpose. An import counts once for each thing imported.
    """
    found: Counter[str] = Counter()
    _count(tree.body, "", found)
    targets = {
        target for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for target in _targets(node)
    }
    found.update(name for name, _ in targets)
    return found


def _targets(node: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    """Each name that the statement binds, with what it means."""
    module = f"{'.' * node.level}{node.module or ''}:" if isinstance(node, ast.ImportFrom) else ""
    return [(alias.asname or alias.name, module + alias.name) for alias in node.names if alias.name != "*"]


def _count(body: Sequence[ast.stmt], prefix: str, found: Counter[str], *, scope: str = "module") -> None:
    for node in body:
        match node:
            case ast.ClassDef():
                found[prefix + node.name] += 1
                _count(node.body, f"{prefix}{node.name}.", found, scope="class")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if not node.decorator_list or not any(_may_repeat(item) for item in node.decorator_list):
                    found[prefix + node.name] += 1
                _count(node.body, f"{prefix}{node.name}.", found, scope="function")
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                # In a function a variable is assigned again and again; a bare annotation declares a field of a class.
                counts = scope == "class" or (scope == "module" and node.value is not None)
                if counts and name != "_" and not _mentions(node, name):
                    found[f"{prefix}{name}"] += 1
            case _:
                pass


def _may_repeat(decorator: ast.expr) -> bool:
    text = ast.unparse(decorator)
    return bool(
        re.search(r"overload|\.(setter|getter|deleter|register|dispatch\w*|variant|when)\b|singledispatch", text)
    )


def _mentions(node: ast.Assign | ast.AnnAssign, name: str) -> bool:
    """True for ``x = f(x)``, which is no second meaning but the next step."""
    value = node.value
    return value is not None and any(isinstance(item, ast.Name) and item.id == name for item in ast.walk(value))


def unused_imports(tree: ast.Module) -> frozenset[str]:
    """Names that the module imports and nothing in it mentions; a mention in a string (``__all__``) counts."""
    bound = {
        name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name, _ in _targets(node)
    }
    if not bound:
        return frozenset()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            bound.discard(node.id)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            bound.difference_update(re.findall(r"\w+", node.value))
    return frozenset(bound)


def unbound_in(source: str) -> frozenset[str] | None:
    """Names that some scope uses and neither the module nor Python binds; None when that cannot be said."""
    if re.search(r"import\s*\(?\s*\*", source) or re.search(r"\b(globals|exec)\(", source):
        return frozenset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            top = symtable.symtable(source, "<merged>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    bound = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    used: set[str] = set()
    tables: list[symtable.SymbolTable] = [top]
    while tables:
        table = tables.pop()
        tables.extend(table.get_children())
        for symbol in table.get_symbols():
            if table is top or symbol.is_global():
                if symbol.is_referenced():
                    used.add(symbol.get_name())
                if symbol.is_declared_global() and symbol.is_assigned():
                    bound.add(symbol.get_name())
    return frozenset(used - bound - _KNOWN)


_HEADER = re.compile(r"(?P<indent>[ \t]*)(?:async\s+def|def|class)\s+(?P<name>\w+)")


def enclosing_definition(before: Sequence[str], lines: Sequence[str]) -> str | None:
    """The dotted name of the definition around ``lines``, which stand after the lines ``before``."""
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return None
    names: list[str] = []
    depth = len(first) - len(first.lstrip())
    header = _HEADER.match(first)
    if header:
        names.append(header["name"])
    for line in reversed(before):
        if depth == 0:
            break
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        header = _HEADER.match(line)
        if header and indent < depth:
            names.append(header["name"])
            depth = indent
        elif indent < depth and indent == 0 and line[0] not in ")]}#\"'":
            break
    return ".".join(reversed(names)) or None
