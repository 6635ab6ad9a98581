"""Do names and imports still resolve: only what got worse against the base is told."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pyflakes import checker, messages

from ptx_prefect.merge.module_names import is_package, module_names, package_of, twin_of, with_parents
from ptx_prefect.merge.surface import Surface, surface_of
from ptx_prefect.merge.uses import Place, Use, uses_of
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset
from ptx_prefect.validate.finding import Finding

_UNRESOLVED = (messages.UndefinedName, messages.UndefinedExport, messages.UndefinedLocal)
Import = tuple[int, str, str | None]
_WORD = re.compile(rb"[A-Za-z_]\w*")
_DYNAMIC = (b"globals()", b"sys.modules", b"__getattr__", b"setattr(")
_OTHER_MODULES = (".pyi", ".so", ".pyd", ".pyx", ".c", ".cpp", ".rs")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in contents before, for calls on changes that have much in common."""

    syntax: dict[tuple[str, bytes], str | None] = field(default_factory=dict)
    messages: dict[tuple[str, bytes], list[tuple[int, str]]] = field(default_factory=dict)
    surfaces: dict[bytes, Surface | None] = field(default_factory=dict)
    imports: dict[tuple[str, bytes], list[Import]] = field(default_factory=dict)
    uses: dict[tuple[str, bytes], dict[Use, list[Place]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Lost:
    """A name that the base had in ``path`` and the merged tree has not.

    ``has_namesake``: another module is called so too; only files that lie beside ``path`` are sure to mean this one.
    """

    name: str
    path: str
    is_module: bool = False
    has_namesake: bool = False

    def is_meant_in(self, path: str) -> bool:
        return not self.has_namesake or path.rpartition("/")[0] == self.path.rpartition("/")[0]


def name_findings(base: Base, merged: Changeset, *, seen: Seen | None = None) -> tuple[Finding, ...]:
    """Names that no longer resolve: undefined ones, imports of what is not there, uses of what was taken away."""
    seen = seen or Seen()
    after = {change.path: change.content for change in merged.changes if change.path.endswith(".py")}
    before = dict(base.read_many(path for path in after if path in base.entries))
    there = {change.path: change.content is not None for change in merged.changes}
    paths = frozenset(p for p in base.entries if there.get(p, True)) | {p for p, is_there in there.items() if is_there}
    package = package_of(base.folder, paths)
    findings: list[Finding] = []
    for path, content in after.items():
        findings += _undefined(path, before.get(path), content, seen) if content else ()
    lost = list(_lost_names(before, after, frozenset(base.entries) | paths, paths, package, seen))
    if lost:
        findings += _uses_of_lost(lost, base, after, paths, seen)
    findings += _imports_of_nothing(base, before, after, paths, package, seen)
    return tuple(dict.fromkeys(findings))


def _undefined(path: str, old: bytes | None, new: bytes, seen: Seen) -> Iterator[Finding]:
    now = _messages(path, new, seen)
    if not now:
        return
    known = Counter(text for _, text in _messages(path, old or b"", seen))
    for line, text in now:
        known[text] -= 1
        if known[text] < 0:
            yield Finding(path, line, text)


def _messages(path: str, content: bytes, seen: Seen) -> list[tuple[int, str]]:
    if (path, content) not in seen.messages:
        try:
            found = checker.Checker(ast.parse(content), filename=path).messages
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            found = []
        told = [(row.lineno, row.message % row.message_args) for row in found if isinstance(row, _UNRESOLVED)]
        seen.messages[path, content] = told
    return seen.messages[path, content]


def _surface(content: bytes, seen: Seen) -> Surface | None:
    """What a module offers; None where nobody can know."""
    if content not in seen.surfaces:
        found = surface_of(content)
        is_open = found is not None and (found.is_open or any(mark in content for mark in _DYNAMIC))
        seen.surfaces[content] = None if is_open else found
    return seen.surfaces[content]


def _lost_names(
    before: Mapping[str, bytes],
    after: Mapping[str, bytes | None],
    every: frozenset[str],
    paths: frozenset[str],
    package: str | None,
    seen: Seen,
) -> Iterator[_Lost]:
    """``every`` path of the base and the merged tree; ``paths`` are those of the merged tree."""
    stems = Counter(_stem(path) for path in paths)
    for path, old in before.items():
        new = after[path] if after[path] is not None else after.get(twin_of(path))
        names = module_names(path, every, package)
        others = _namesakes(path, paths) if stems[_stem(path)] > (path in paths) else ()
        borne = {name for other in others for name in module_names(other, paths)}
        if new is None:
            yield from (_Lost(name, path, is_module=True, has_namesake=name in borne) for name in names)
            continue
        had, has = _surface(old, seen), _surface(new, seen)
        if had is None or has is None:
            continue
        for name in had.offers.keys() - has.offers.keys():
            # A submodule may stand in for the name.
            if "." not in name and not any(_exists(f"{module}.{name}", paths) for module in names):
                yield from (_Lost(f"{module}.{name}", path, has_namesake=module in borne) for module in names)


def _namesakes(path: str, paths: frozenset[str]) -> list[str]:
    """Other files that end in the same name, but for the one that can stand for ``path``."""
    return [one for one in paths if _stem(one) == _stem(path) and one not in (path, twin_of(path))]


def _stem(path: str) -> str:
    """The last part of a module's name."""
    folder, _, name = path.rpartition("/")
    return folder.rpartition("/")[2] if name == "__init__.py" else name.removesuffix(".py")


def _uses_of_lost(
    lost: list[_Lost], base: Base, after: Mapping[str, bytes | None], paths: frozenset[str], seen: Seen
) -> Iterator[Finding]:
    by_name = {row.name: row for row in lost}
    words = {name.rpartition(".")[2].encode() for name in by_name}
    for path, content in _python_files(base, after):
        if words.isdisjoint(_WORD.findall(content)):
            continue
        told: set[str] = set()
        for use, places in _uses(path, content, paths, seen).items():
            for name in with_parents(use.name):
                row = by_name.get(name)
                if row is None or name in told or row.path == path or not row.is_meant_in(path):
                    continue
                if not (row.is_module or name == use.name):
                    continue
                told.add(name)
                text = "which is gone" if row.is_module else f"which {row.path!r} has no more"
                yield Finding(path, places[0].line, f"uses {name!r}, {text}", (path, row.path))


def _uses(path: str, content: bytes, paths: frozenset[str], seen: Seen) -> dict[Use, list[Place]]:
    if (path, content) not in seen.uses:
        module = module_names(path, paths)[0]
        seen.uses[path, content] = uses_of(content, module=module, is_package=is_package(path))
    return seen.uses[path, content]


def _python_files(base: Base, after: Mapping[str, bytes | None]) -> Iterator[tuple[str, bytes]]:
    yield from ((path, content) for path, content in after.items() if content is not None)
    yield from base.read_many(path for path in base.entries if path.endswith(".py") and path not in after)


def _imports_of_nothing(
    base: Base,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes | None],
    paths: frozenset[str],
    package: str | None,
    seen: Seen,
) -> Iterator[Finding]:
    for path, content in after.items():
        if content is None:
            continue
        old = {row[1:] for row in _imports(path, before.get(path, b""), paths, seen)}
        for line, written, name in _imports(path, content, paths, seen):
            module = written.removeprefix(f"{package}.") if package else written
            if (written, name) in old or not (module != written or _is_ours(module, paths)):
                continue
            home = _home_of(module, paths)
            if home is None and not _exists(module, paths):
                yield Finding(path, line, f"imports {module!r}, which is not there")
            elif home is not None and name is not None and not _exists(f"{module}.{name}", paths):
                text = after[home] if home in after else base.read(home)
                surface = _surface(text or b"", seen)
                if surface is not None and name not in surface.offers:
                    yield Finding(path, line, f"imports {name!r} from {module!r}, which has no such name", (path, home))


def _imports(path: str, content: bytes, paths: frozenset[str], seen: Seen) -> list[Import]:
    if (path, content) not in seen.imports:
        seen.imports[path, content] = list(_must_imports(path, content, paths))
    return seen.imports[path, content]


def _must_imports(path: str, content: bytes, paths: frozenset[str]) -> Iterator[Import]:
    """Line, module and name of each import that must succeed."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = module_names(path, paths)[0].split(".")
    package = package if is_package(path) else package[:-1]
    optional = {id(node) for trial in ast.walk(tree) if isinstance(trial, ast.Try) for node in ast.walk(trial)}
    for node in ast.walk(tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield (node.lineno, module, None if alias.name == "*" else alias.name)


def _is_ours(module: str, paths: frozenset[str]) -> bool:
    """True when the tree has the top package of ``module`` as a package or file, so that it must have the rest."""
    top = module.partition(".")[0]
    return bool(top) and any(f"{root}{top}/__init__.py" in paths or f"{root}{top}.py" in paths for root in ("", "src/"))


def _home_of(module: str, paths: frozenset[str]) -> str | None:
    place = module.replace(".", "/")
    candidates = (f"{root}{place}{end}" for root in ("", "src/") for end in ("/__init__.py", ".py"))
    return next((path for path in candidates if path in paths), None)


def _exists(module: str, paths: frozenset[str]) -> bool:
    """True for a module of any make, and for a folder that can be a package without ``__init__.py``."""
    place = module.replace(".", "/")
    if _home_of(module, paths) is not None:
        return True
    if any(f"{root}{place}{end}" in paths for root in ("", "src/") for end in _OTHER_MODULES):
        return True
    return any(path.startswith((f"{place}/", f"src/{place}/", f"{place}.", f"src/{place}.")) for path in paths)
