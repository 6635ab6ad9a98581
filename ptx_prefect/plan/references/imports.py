"""Import statements, and the imports and attribute names that are given as literals."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from operator import itemgetter

from ptx_prefect.plan.references.facts import CLASS, FUNCTION, FileFacts
from ptx_prefect.plan.references.masking import STRING, with_blanks
from ptx_prefect.plan.references.scopes import Scopes

_FROM = re.compile(r"from\s*([.\s]*)([\w.]*)\s*\bimport\b(.*)", re.DOTALL)
_IMPORT_LITERAL = re.compile(r"(?<!\w)(import_module|__import__)\(\s*(?:(['\"])(\.*[\w.]+)\2\s*([,)]))?")
_ATTRIBUTE_LITERAL = re.compile(r"(?:attr|attrgetter|methodcaller)\(\s*(?:[\w.()\[\]]+\s*,\s*)?['\"]([\w.]+)['\"]")
_ATTRIBUTE_SHOWN = re.compile(rf"attr\(\s*(?:[\w.()\[\]]+\s*,\s*)?{STRING}")
_BY_LITERAL = ("__all__", "import_module(", "__import__(", "attrgetter(", "methodcaller(")
_FIXTURE_LITERAL = re.compile(r"\b(?:usefixtures|getfixturevalue)\(([^)]*)\)")
_EXPORTED = re.compile(r"^__all__\s*(?::[^=\n]*)?(\+?=|\.(?:extend|append)\()", re.MULTILINE)
_STATEMENT_END = re.compile(r"\n(?=[^\s)\]])|\Z")
_FIRST_LINE = itemgetter(2)
_WORD_LITERAL = re.compile(r"['\"]([^\W\d]\w*)['\"]")


def read_import(facts: FileFacts, scopes: Scopes, text: str, line: int, *, checking: bool) -> None:
    """Notes an import statement and binds its names."""
    note = "type-checking" if checking else ""
    clean = text.replace("\\\n", " ").replace("\n", " ")
    match = _FROM.match(clean)
    if match is None:
        for part in clean[len("import") :].split(","):
            words = part.split()
            if not words:
                continue
            module = words[0]
            facts.imports.append((scopes.owner, line, module, "", note))
            if len(words) == 3:
                scopes.bind_import(words[2], module, "")
            else:
                top = module.partition(".")[0]
                scopes.bind_import(top, top, "")
        return
    dots = match.group(1).count(".")
    module = absolute_module(facts, dots, match.group(2))
    for part in match.group(3).replace("(", " ").replace(")", " ").split(","):
        words = part.split()
        if not words:
            continue
        name = words[0]
        facts.imports.append((scopes.owner, line, module, name, "star" if name == "*" and not note else note))
        if name == "*":
            facts.interface.stars.append(module)
        else:
            scopes.bind_import(words[-1], module, name)


def absolute_module(facts: FileFacts, dots: int, name: str) -> str:
    """The absolute name of a relative import; beyond the top it keeps its dots, which nothing resolves."""
    if not dots:
        return name
    package = facts.module.split(".")
    if not facts.is_package:
        package = package[:-1]
    if dots - 1 > len(package):
        return "." * dots + name
    kept = package[: len(package) - (dots - 1)]
    return ".".join([*kept, name] if name else kept)


def scan_literals(facts: FileFacts, source: str, shown: str, pieces: list[str]) -> None:
    """Notes `__all__`, imports and attribute accesses by a literal name, and fixtures asked for by name.

    Args:
        shown: the source without strings and comments; ``pieces``: the source cut at them.
    """
    if "usefixtures(" in shown or "getfixturevalue(" in shown:
        for match in _FIXTURE_LITERAL.finditer(source):
            facts.pytest.used.extend(_WORD_LITERAL.findall(match.group(1)) or ["*"])
    if not (any(name in shown for name in _BY_LITERAL) or ("attr(" in shown and _ATTRIBUTE_SHOWN.search(shown))):
        return
    masked = with_blanks(pieces)  # what is found in it stands at the same place in the source
    if "__all__" in masked:
        _read_exported(facts, source, masked)
    for name in ("import_module(", "__import__("):
        for begin in _positions(name, masked):
            _read_dynamic(facts, source, masked, begin)
    for name in ("attr(", "attrgetter(", "methodcaller("):
        for begin in _positions(name, masked):
            if found := _ATTRIBUTE_LITERAL.match(source, begin):
                line = source.count("\n", 0, begin) + 1
                facts.unknown.setdefault((_owner_at(facts, line), f"?.{found.group(1)}"), []).append(line)


def _positions(text: str, masked: str) -> Iterator[int]:
    at = masked.find(text)
    while at >= 0:
        yield at
        at = masked.find(text, at + 1)


def _owner_at(facts: FileFacts, line: int) -> int:
    """The innermost function or class that a line is in: they are listed as they begin."""
    for index in range(bisect_right(facts.definitions, line, key=_FIRST_LINE) - 1, 0, -1):
        _, kind, first, _, last = facts.definitions[index]
        if kind in (FUNCTION, CLASS) and first <= line <= last:  # type: ignore[operator]
            return index
    return 0


def _read_exported(facts: FileFacts, source: str, masked: str) -> None:
    names: list[str] = []
    for match in _EXPORTED.finditer(masked):
        begin = match.end()
        stop = _STATEMENT_END.search(masked, begin)
        text = source[begin : stop.start() if stop else None]
        names += _WORD_LITERAL.findall(text)
        if re.search(r"[^\W\d]", re.sub(r"['\"][^'\"]*['\"]|#[^\n]*", "", text)):
            facts.interface.exported = None
            return
    facts.interface.exported = names or None


def _read_dynamic(facts: FileFacts, source: str, masked: str, begin: int) -> None:
    match = _IMPORT_LITERAL.match(source, begin)
    if match is None or masked[max(0, begin - 4) : begin] == "def ":
        return
    line = source.count("\n", 0, begin) + 1
    owner = _owner_at(facts, line)
    written = match.group(3)
    if not written:
        facts.unknown.setdefault((owner, f"{match.group(1)}(…)"), []).append(line)
        return
    dots = len(written) - len(written.lstrip("."))
    module = absolute_module(facts, dots, written[dots:])
    facts.imports.append((owner, line, module, "", "dynamic"))
