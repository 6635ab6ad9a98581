"""Reads a tree: only files whose content is new are parsed, only references that may have changed are resolved."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references.facts import FileFacts
from ptx_prefect.plan.references.records import FORMAT, Record, facts_of_record, record_from_line
from ptx_prefect.plan.references.resolve import Interfaces, Resolver
from ptx_prefect.plan.references.tree import References
from ptx_prefect.plan.references.work import digest_of, resolve_share, scan_share
from ptx_prefect.tree.globs import parents_of

_WORTH_A_PROCESS_BYTES = 400_000
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})

Source = tuple[str, str, bool, int]
"""Path, module name, whether it is a package, size in bytes."""


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
    cache_file = _cache_file(state_dir, root) if state_dir else None
    known = _load(cache_file) if cache_file else {}
    kept = {path: known[path] for path, module, *_ in sources if _is_unchanged(root, known.get(path), module)}
    stale = [source for source in sources if source[0] not in kept]
    records = _read(root, kept, stale, known, jobs or min(8, len(os.sched_getaffinity(0))))
    if cache_file and (stale or len(records) != len(known)):
        _save(cache_file, {**known, **records} if files is not None else records)
    return References(root, records, read_again=[source[0] for source in stale])


def _sources(root: Path, files: Sequence[str] | None) -> list[Source]:
    prefix = _package_above(root)
    folders = {"": bool(prefix)}
    if files is None:
        paths = _walk(str(root), folders)
    else:
        paths = [(path, (root / path).stat().st_size) for path in files if path.endswith(".py")]
        for folder in {parent for path, _ in paths for parent in parents_of(path)}:
            folders[folder] = (root / folder / "__init__.py").exists()
    packages: dict[str, str] = {"": prefix}
    found = []
    for path, size in paths:
        folder, _, name = path.rpartition("/")
        package = packages[folder] if folder in packages else _package_of(folder, folders, packages)
        stem = name[:-3]
        module = package if stem == "__init__" else f"{package}.{stem}" if package else stem
        found.append((path, module or stem, stem == "__init__", size))
    return _with_unique_modules(found)


def _walk(root: str, folders: dict[str, bool]) -> list[tuple[str, int]]:
    """Path and size of every Python file; notes in ``folders`` which folders are packages.

    Strings rather than `Path`: on a warm cache this walk is most of the time that is left.
    """
    found: list[tuple[str, int]] = []
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
                        files.append((start + name, entry.stat().st_size))
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
    for path, module, is_package, size in sorted(sources):
        if module in taken:
            module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        taken.add(module)
        found.append((path, module, is_package, size))
    return found


def _is_unchanged(root: Path, record: Record | None, module: str) -> bool:
    if record is None or (record.module != module and record.flag != "!"):
        return False
    try:
        with open(f"{root}/{record.path}", "rb") as file:  # noqa: PTH123 (see _walk)
            return digest_of(file.read()) == record.digest
    except OSError:
        return False


def _read(
    root: Path, kept: Mapping[str, Record], stale: list[Source], known: Mapping[str, Record], jobs: int
) -> dict[str, Record]:
    interfaces = {record.module: record.interface for record in kept.values() if record.flag != "!"}
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
        joined = "{" + ",".join(f"{json.dumps(module)}:{text}" for module, text in interfaces.items()) + "}"
        for child in children:
            child.send(joined)
    again: list[tuple[Record, FileFacts | None]] = [(kept[path], facts_of_record(kept[path])) for path in touched]
    fresh = resolve_share(Resolver(Interfaces(interfaces)), [*own, *again]) if own or again else []
    for child in children:
        fresh += child.records()
    return {**kept, **{record.path: record for record in fresh}}


def _shares(stale: list[Source], jobs: int) -> list[list[Source]]:
    """The files dealt out by size, the largest first; one share where another process would cost more than it saves."""
    total = sum(source[3] for source in stale)
    count = max(1, min(jobs, total // _WORTH_A_PROCESS_BYTES + 1)) if stale else 0
    shares: list[list[Source]] = [[] for _ in range(count)]
    weights = [0] * count
    for source in sorted(stale, key=lambda source: -source[3]):
        lightest = weights.index(min(weights))
        shares[lightest].append(source)
        weights[lightest] += source[3] + 500
    return shares


def _touched(
    kept: Mapping[str, Record], stale: list[Source], known: Mapping[str, Record], interfaces: Mapping[str, str]
) -> list[str]:
    """The unchanged files that looked at a name which has another meaning now."""
    before = {record.module: record.interface for record in known.values() if record.flag != "!"}
    parsed = [path for path, record in kept.items() if record.flag != "!"]
    if before.keys() != interfaces.keys():
        return parsed
    changed: set[str] = set()
    for _, module, *_ in stale:
        if module in interfaces and before[module] != interfaces[module]:
            changed |= _changed_names(module, json.loads(before[module]), json.loads(interfaces[module]))
    if not changed:
        return []
    changed |= {f"{module}:*" for module in _starring(changed, interfaces)}
    keys = [f" {key} " for key in changed]
    return [path for path in parsed if any(key in f" {kept[path].consulted} " for key in keys)]


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


def _starring(changed: set[str], interfaces: Mapping[str, str]) -> set[str]:
    """Modules that pass on, by ``import *``, what another module exports."""
    reached = {key[:-2] for key in changed if key.endswith(":*")}
    if not reached:
        return reached
    stars = {module: json.loads(text)[3] for module, text in interfaces.items()}
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
        self.send(json.dumps([str(root), [source[:3] for source in share]]))

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("utf-8", "surrogatepass") + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._died() from error

    def interfaces(self) -> dict[str, str]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._died()
        found: dict[str, str] = json.loads(line)
        return found

    def records(self) -> list[Record]:
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise self._died()
        return [record_from_line(line) for line in output.decode("utf-8", "surrogatepass").split("\n") if line]

    def _died(self) -> PlanError:
        code = self._process.wait()
        return PlanError(f"a process that reads Python files ended with exit code {code}; its error is above")


def _cache_file(state_dir: Path, root: Path) -> Path:
    name = hashlib.blake2b(str(root).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return state_dir / "references" / f"{name}.tsv"


def _load(path: Path) -> dict[str, Record]:
    """The records of the last run; none where the file is missing, of another format or cut short."""
    try:
        lines = path.read_text("utf-8", "surrogatepass").split("\n")
        if lines[0] != FORMAT or lines[-1] != "end":
            return {}
        records = map(record_from_line, lines[1:-1])
        return {record.path: record for record in records}
    except (OSError, ValueError, TypeError):
        return {}


def _save(path: Path, records: Mapping[str, Record]) -> None:
    """Written beside and moved into place: a concurrent run sees the old file or the new one, never a part."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    text = "\n".join([FORMAT, *(record.to_line() for record in records.values()), "end"])
    try:
        beside.write_text(text, "utf-8", "surrogatepass", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
