"""Reads a tree: only files whose content is new are parsed, only references that may have changed are resolved."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references.child import heard, say
from ptx_prefect.plan.references.facts import FileFacts
from ptx_prefect.plan.references.interfaces import Interfaces
from ptx_prefect.plan.references.records import STARS, Record, Stamp, facts_of_record, unpacked
from ptx_prefect.plan.references.resolve import Resolver
from ptx_prefect.plan.references.store import cache_file_of, load_records, save_records
from ptx_prefect.plan.references.tree import References
from ptx_prefect.plan.references.work import digest_of, resolve_share, scan_share, stamp_of
from ptx_prefect.tree.globs import OUTPUT_FOLDER, parents_of

_CLOCK_DOUBT_NS = 2_000_000_000
"""A file changed less than this before it was read may have changed again within the same tick of the clock."""
_WORTH_A_PROCESS_BYTES = 400_000
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", OUTPUT_FOLDER})

Source = tuple[str, str, bool, Stamp]
"""Path, module name, whether it is a package, stamp."""


def read_references(
    root: Path, *, files: Sequence[str] | None = None, state_dir: Path | None = None, jobs: int | None = None
) -> References:
    """What the Python files of a tree define, import, call and refer to.

    Args:
        root: the directory that imports start from, or a package.
        files: paths relative to the root; default: every ``*.py`` outside hidden and virtual environments' folders.
        state_dir: where the cache lives; without one nothing is kept.
        jobs: processes; default: one per usable core, at most eight.

    Raises:
        PlanError: the root is not a directory.
    """
    root = root.resolve()
    if not root.is_dir():
        raise PlanError(f"{str(root)!r} is not a directory; give the folder that holds the Python files")
    sources = _sources(root, files)
    cache_file = cache_file_of(state_dir, root) if state_dir else None
    known, read_at_ns = load_records(cache_file) if cache_file else ({}, 0)
    kept = {one[0]: known[one[0]] for one in sources if _is_unchanged(root, known.get(one[0]), one, read_at_ns)}
    stale = [source for source in sources if source[0] not in kept]
    records = _read(root, kept, stale, known, jobs or min(8, len(os.sched_getaffinity(0))))
    if cache_file:
        changed = [path for path, record in records.items() if record is not known.get(path)]
        if changed or (files is None and len(records) != len(known)):
            save_records(cache_file, records if files is None else {**known, **records}, known, changed)
    return References(root, records, read_again=[source[0] for source in stale])


def _sources(root: Path, files: Sequence[str] | None) -> list[Source]:
    prefix = _package_above(root)
    folders = {"": bool(prefix)}
    if files is None:
        paths = _walk(str(root), folders)
    else:
        paths = [(path, (root / path).stat()) for path in files if path.endswith(".py")]
        for folder in {parent for path, _ in paths for parent in parents_of(path)}:
            folders[folder] = (root / folder / "__init__.py").exists()
    packages: dict[str, str] = {"": prefix}
    found = []
    for path, status in paths:
        folder, _, name = path.rpartition("/")
        package = packages[folder] if folder in packages else _package_of(folder, folders, packages)
        stem = name[:-3]
        module = package if stem == "__init__" else f"{package}.{stem}" if package else stem
        found.append((path, module or stem, stem == "__init__", stamp_of(status)))
    return _with_unique_modules(found)


def _walk(root: str, folders: dict[str, bool]) -> list[tuple[str, os.stat_result]]:
    """Path and status of every Python file; notes in ``folders`` which folders are packages.

    Strings rather than `Path`: on a warm cache this walk is most of the time that is left.
    """
    found: list[tuple[str, os.stat_result]] = []
    open_ = [""]
    while open_:
        folder = open_.pop()
        files, inner = [], []
        start = f"{folder}/" if folder else ""
        with os.scandir(f"{root}/{folder}") as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(".py"):
                    if entry.is_file():
                        files.append((start + name, entry.stat()))
                elif name == "pyvenv.cfg" and folder:
                    break
                elif name[0] != "." and name not in _SKIPPED and entry.is_dir(follow_symlinks=False):
                    inner.append(start + name)
            else:
                found += files
                open_ += inner
                folders[folder] = folders.get(folder, False) or any(path == f"{start}__init__.py" for path, _ in files)
    return found


def _package_above(root: Path) -> str:
    names: list[str] = []
    while (root / "__init__.py").exists():
        names.append(root.name)
        root = root.parent
    return ".".join(reversed(names))


def _package_of(folder: str, folders: Mapping[str, bool], packages: dict[str, str]) -> str:
    """The dotted name of a folder; the first package on the way down starts the name, as on ``src`` layouts."""
    if folder not in packages:
        parent, _, name = folder.rpartition("/")
        above = _package_of(parent, folders, packages)
        if folders.get(folder) and parent and not folders.get(parent):
            above = ""
        packages[folder] = f"{above}.{name}" if above else name
    return packages[folder]


def _with_unique_modules(sources: list[Source]) -> list[Source]:
    """Two files of one module name (such as two ``src`` folders): the later ones are named by their path."""
    taken: set[str] = set()
    found = []
    for path, module, is_package, stamp in sorted(sources):
        if module in taken:
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        taken.add(module)
        found.append((path, module, is_package, stamp))
    return found


def _is_unchanged(root: Path, record: Record | None, source: Source, read_at_ns: int) -> bool:
    path, module, _, stamp = source
    if record is None or (record.module != module and not record.is_broken):
        return False
    if record.stamp == stamp and stamp[0] < read_at_ns - _CLOCK_DOUBT_NS:
        return True
    try:
        with open(f"{root}/{path}", "rb") as file:  # noqa: PTH123 (see _walk)
            return digest_of(file.read()) == record.digest
    except OSError:
        return False


def _read(
    root: Path, kept: Mapping[str, Record], stale: list[Source], known: Mapping[str, Record], jobs: int
) -> dict[str, Record]:
    interfaces = {record.module: record.interface for record in kept.values() if not record.is_broken}
    shares = _shares(stale, jobs)
    # Several shares all go to children, which run without garbage collection; this process waits for them.
    children = [_Child(root, share) for share in shares] if len(shares) > 1 else []
    own = scan_share(root, [source[:3] for source in shares[0]]) if len(shares) == 1 else []
    interfaces |= {record.module: record.interface for record, facts in own if facts is not None}
    for child in children:
        interfaces |= child.interfaces()
    touched = _touched(kept, stale, known, interfaces)
    if not stale and not touched:
        return dict(kept)
    if children:
        for child in children:
            child.send(interfaces)
    again: list[tuple[Record, FileFacts | None]] = [(kept[path], facts_of_record(kept[path])) for path in touched]
    fresh = resolve_share(Resolver(Interfaces(interfaces)), [*own, *again]) if own or again else []
    for child in children:
        fresh += child.records()
    return {**kept, **{record.path: record for record in fresh}}


def _shares(stale: list[Source], jobs: int) -> list[list[Source]]:
    """The files dealt out by size, the largest first; one share where another process would cost more than it saves."""
    total = sum(source[3][1] for source in stale)
    count = max(1, min(jobs, total // _WORTH_A_PROCESS_BYTES + 1)) if stale else 0
    shares: list[list[Source]] = [[] for _ in range(count)]
    weights = [0] * count
    for source in sorted(stale, key=lambda source: -source[3][1]):
        lightest = weights.index(min(weights))
        shares[lightest].append(source)
        weights[lightest] += source[3][1] + 500
    return shares


def _touched(
    kept: Mapping[str, Record], stale: list[Source], known: Mapping[str, Record], interfaces: Mapping[str, bytes]
) -> list[str]:
    """The unchanged files that looked at a name which has another meaning now."""
    before = {record.module: record.interface for record in known.values() if not record.is_broken}
    parsed = [path for path, record in kept.items() if not record.is_broken]
    if before.keys() != interfaces.keys():
        return parsed
    changed: set[str] = set()
    for _, module, *_ in stale:
        if module in interfaces and before[module] != interfaces[module]:
            changed |= _changed_names(module, unpacked(before[module]), unpacked(interfaces[module]))
    if not changed:
        return []
    starring = {record.module for record in known.values() if STARS in record.flags} | {one[1] for one in stale}
    changed |= {
        f"{module}:*" for module in _starring(changed, {m: interfaces[m] for m in starring & interfaces.keys()})
    }
    modules = {f" {key.partition(':')[0]} " for key in changed}
    keys = [f" {key} ".encode("utf-8", "surrogatepass") for key in changed]
    return [
        path
        for path in parsed
        if any(module in kept[path].looked_at for module in modules)
        and any(key in kept[path].consulted for key in keys)
    ]


def _changed_names(module: str, old: list[Any], new: list[Any]) -> set[str]:
    names = {name for name in old[0].keys() | new[0].keys() if old[0].get(name) != new[0].get(name)}
    classes = {name for name in old[1].keys() | new[1].keys() if old[1].get(name) != new[1].get(name)}
    changed = {f"{module}:{name.partition('.')[0]}" for name in names | classes}
    if _exports(old) != _exports(new):
        changed.add(f"{module}:*")
    return changed


def _exports(interface: list[Any]) -> object:
    names = interface[4] if interface[4] is not None else [name for name in interface[0] if name[0] != "_"]
    return sorted(names), interface[3]


def _starring(changed: set[str], interfaces: Mapping[str, bytes]) -> set[str]:
    """Modules that pass on, by ``import *``, what another module exports."""
    reached = {key[:-2] for key in changed if key.endswith(":*")}
    if not reached:
        return reached
    stars = {module: unpacked(packed)[3] for module, packed in interfaces.items()}
    grown = True
    while grown:
        more = {module for module, sources in stars.items() if not reached.isdisjoint(sources)} - reached
        reached |= more
        grown = bool(more)
    return reached


class _Child:
    """Another process that reads a share of the files."""

    _START = "import sys; sys.path[:] = sys.argv[1:]; from ptx_prefect.plan.references.child import main; main()"

    def __init__(self, root: Path, share: list[Source]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", self._START, *(path or str(Path.cwd()) for path in sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.send((str(root), [source[:3] for source in share]))

    def send(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            say(self._process.stdin, message)
        except BrokenPipeError as error:
            raise self._died() from error

    def interfaces(self) -> dict[str, bytes]:
        found: dict[str, bytes] = self._heard()
        return found

    def records(self) -> list[Record]:
        rows = self._heard()
        if self._process.wait():
            raise self._died()
        return [Record._make(row) for row in rows]

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        try:
            return heard(self._process.stdout)
        except EOFError as error:
            raise self._died() from error

    def _died(self) -> PlanError:
        code = self._process.wait()
        return PlanError(f"a process that reads Python files ended with exit code {code}; its error is above")
