"""Reads a tree: only files whose content is new are parsed, only references that may have changed are resolved."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references.child import File
from ptx_prefect.plan.references.children import Child, shared_out
from ptx_prefect.plan.references.facts import FileFacts
from ptx_prefect.plan.references.interfaces import Interfaces
from ptx_prefect.plan.references.records import STARS, Packed, Record, facts_of_record, unpacked
from ptx_prefect.plan.references.resolve import Resolver
from ptx_prefect.plan.references.sources import Source, sources_of
from ptx_prefect.plan.references.store import cache_file_of, load_records, save_records
from ptx_prefect.plan.references.tree import References
from ptx_prefect.plan.references.work import CLOCK_DOUBT_NS, digest_of, resolve_share, scan_share
from ptx_prefect.run.cores import usable_cores


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
        PlanError: the root is not a directory, or cannot be read.
    """
    root = root.resolve()
    if not root.is_dir():
        raise PlanError(f"{str(root)!r} is not a directory; give the folder that holds the Python files")
    cache_file = cache_file_of(state_dir, root) if state_dir else None
    with _collector_off():
        return _read_cached(root, files, cache_file, jobs or min(8, usable_cores()))


@contextmanager
def _collector_off() -> Iterator[None]:
    """What is read is kept, and nothing in it makes cycles: looking for them would be a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_cached(root: Path, files: Sequence[str] | None, cache_file: Path | None, jobs: int) -> References:
    sources = sources_of(root, files, cache_file.with_suffix(".folders") if cache_file else None)
    whole = files is None
    known, read_at_ns = load_records(cache_file) if cache_file else ({}, 0)
    doubted_ns = read_at_ns - CLOCK_DOUBT_NS
    kept = {one.path: known[one.path] for one in sources if _is_unchanged(root, known.get(one.path), one, doubted_ns)}
    stale = [source for source in sources if source.path not in kept]
    fresh = [source[:3] for source in sorted(stale, key=lambda source: -source.stamp[1])]
    with shared_out(root, fresh, sum(source.stamp[1] for source in stale), jobs) as (left, children):
        records = _read(root, kept, stale, known, left, children)
        changed = [path for path, record in records.items() if record is not known.get(path)]
        if cache_file and (changed or (whole and len(records) != len(known))):
            save_records(cache_file, records if whole else {**known, **records}, known, changed)
    return References(root, records, read_again=[source.path for source in stale])


def _is_unchanged(root: Path, record: Record | None, source: Source, doubted_ns: int) -> bool:
    path, module, _, stamp = source
    if record is None or (record.module != module and not record.is_broken):
        return False
    if record.stamp == stamp and stamp[0] < doubted_ns:
        return True
    try:
        return digest_of((root / path).read_bytes()) == record.digest
    except OSError:
        return False


def _read(
    root: Path,
    kept: Mapping[str, Record],
    stale: list[Source],
    known: Mapping[str, Record],
    left: Iterable[File],
    children: list[Child],
) -> dict[str, Record]:
    interfaces = {record.module: record.interface for record in kept.values() if not record.is_broken}
    own = scan_share(root, left)
    interfaces |= {record.module: record.interface for record, facts in own if facts is not None}
    for child in children:
        interfaces |= child.interfaces()
    touched = _touched(kept, stale, known, interfaces)
    for child in children:
        child.send(interfaces)
    again: list[tuple[Record, FileFacts | None]] = [(kept[path], facts_of_record(kept[path])) for path in touched]
    fresh = resolve_share(Resolver(Interfaces(interfaces)), [*own, *again]) if own or again else []
    for child in children:
        fresh += child.records()
    return {**kept, **{record.path: record for record in fresh}}


def _touched(
    kept: Mapping[str, Record], stale: list[Source], known: Mapping[str, Record], interfaces: Mapping[str, Packed]
) -> list[str]:
    """The unchanged files that looked at a name which has another meaning now."""
    before = {record.module: record.interface for record in known.values() if not record.is_broken}
    parsed = [path for path, record in kept.items() if not record.is_broken]
    if before.keys() != interfaces.keys():
        return parsed
    changed: set[str] = set()
    for module in (source.module for source in stale):
        if module in interfaces and before[module] != interfaces[module]:
            changed |= _changed_names(module, unpacked(before[module]), unpacked(interfaces[module]))
    if not changed:
        return []
    starring = {record.module for record in known.values() if STARS in record.flags} | {
        source.module for source in stale
    }
    changed |= {
        f"{module}:*" for module in _starring(changed, {m: interfaces[m] for m in starring & interfaces.keys()})
    }
    modules = {f" {key.partition(':')[0]} " for key in changed}
    keys = [f" {key} ".encode("utf-8", "surrogatepass") for key in changed]
    looked_at = [(path, kept[path].looked_at) for path in parsed]
    near = {path for module in modules for path, seen in looked_at if module in seen}
    return [path for path in parsed if path in near and any(key in bytes(kept[path].consulted) for key in keys)]


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


def _starring(changed: set[str], interfaces: Mapping[str, Packed]) -> set[str]:
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
