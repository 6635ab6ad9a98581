"""File level: one section a file, or a batch of files too small to be worth a task of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.graph import components_of, cut_cycles, cycles_of
from ptx_prefect.plan.references import References
from ptx_prefect.tree.globs import OUTPUT_FOLDER, matcher_of

FILE_CAP = 10
"""The specification's cap on file-level sections that run at once."""
TASK_OVERHEAD_S = 0.03
"""What a section costs beside its work: about 5 ms in the client and 25 ms in the Prefect server."""
WORTH_A_TASK = 10.0
"""A section is worth a task when it takes this many times the overhead."""

_SKIPPED = ("__pycache__", "node_modules", OUTPUT_FOLDER)
_MOST_NOTES = 10
"""Circles told in full."""


def sections_by_file(
    root: Path,
    patterns: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    references: References | None = None,
    seconds: Mapping[str, float] | None = None,
    parallelism: int = FILE_CAP,
    overhead_s: float = TASK_OVERHEAD_S,
    on_cycle: str | None = None,
    notes: list[str] | None = None,
) -> tuple[SectionDraft, ...]:
    """The files that match, as sections in an order that respects their dependencies.

    Args:
        names: the files of the tree, by path; default: what lies below ``root``.
        references: when given, a file waits for the files it refers to, and files that refer to each other in a
            circle become one section (see ``on_cycle``); without, the files are independent.
        seconds: expected time by path; a file without one is taken to be worth a task, so nothing is batched with it.
        parallelism: sections that may run at once; batching never leaves fewer sections than that if there are files.
        on_cycle: what becomes of files that refer to each other in a circle: ``"merge"`` into one section (default),
            ``"cut"`` the weakest reference, or ``"error"``.
        notes: gets the circles, and what was done about them.

    Raises:
        PlanError: no file matches; files refer to each other in a circle and ``on_cycle`` is ``"error"``.
    """
    files = matching(names_below(root) if names is None else names, patterns, exclude)
    if not files:
        raise PlanError(f"no file under {str(root)!r} matches {list(patterns)!r}; check the globs and the root")
    needs = _needs(files, references)
    if references:
        needs = _without_circles(needs, references, on_cycle, notes if notes is not None else [])
    groups = components_of(needs) if references else tuple((path,) for path in files)
    seconds = seconds or {}
    worth_s = _worth_s(groups, seconds, parallelism, overhead_s)
    batches = [
        batch for wave in _waves(groups, needs) for batch in _batched(wave, seconds, worth_s=worth_s, least=parallelism)
    ]
    return tuple(_drafts(batches, needs, seconds, overhead_s, references))


def matching(names: Iterable[str], patterns: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """Those that match, sorted; hidden folders and those of tools are left out."""
    is_wanted, is_excluded = matcher_of(patterns), matcher_of(exclude)
    return sorted(name for name in names if is_wanted(name) and not is_excluded(name) and not _is_skipped(name))


def _is_skipped(path: str) -> bool:
    return any(folder[0] == "." or folder in _SKIPPED for folder in path.split("/")[:-1])


def names_below(root: Path) -> Iterator[str]:
    """What lies in a directory, by path."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not _is_skipped(f"{name}/"))
        inside = Path(folder).relative_to(root).as_posix()
        yield from (name if inside == "." else f"{inside}/{name}" for name in names)


def _needs(files: Sequence[str], references: References | None) -> dict[str, tuple[str, ...]]:
    if references is None:
        return dict.fromkeys(files, ())
    wanted = set(files)
    known = references.module_of
    return {path: tuple(sorted(references.links_of(path).keys() & wanted)) if path in known else () for path in files}


def _without_circles(
    needs: Mapping[str, tuple[str, ...]], references: References, on_cycle: str | None, notes: list[str]
) -> dict[str, tuple[str, ...]]:
    """The needs, their circles told: refused, freed of their weakest references, or left to become one section each."""

    def told(chain: Sequence[str]) -> str:
        return "; ".join(references.evidence(path, needed) for needed, path in pairwise(chain))

    if on_cycle == "cut":

        def strength(needed: str, path: str) -> tuple[float, ...]:
            link = references.links_of(path).get(needed)
            return (link.references if link else 0,)

        freed, cuts = cut_cycles(needs, strength)
        for cut in cuts[:_MOST_NOTES]:
            gone = references.evidence(cut.target, cut.source)
            notes.append(f"the order {cut.source} -> {cut.target} was given up ({gone}): circle {told(cut.chain)}")
        notes += [f"… and {len(cuts) - _MOST_NOTES} more"] if len(cuts) > _MOST_NOTES else []
        return freed
    chains = cycles_of(needs)
    if chains and on_cycle == "error":
        raise PlanError(
            f"files refer to each other in a circle: {' | '.join(map(told, chains[:_MOST_NOTES]))};"
            " set on_cycle to 'merge' (one section) or 'cut' (the weakest reference), or order to 'none'"
        )
    notes += [f"a circle of references is one section: {told(chain)}" for chain in chains[:_MOST_NOTES]]
    return dict(needs)


def _waves(groups: Sequence[Sequence[str]], needs: Mapping[str, Sequence[str]]) -> list[list[Sequence[str]]]:
    """Groups by the length of the longest chain of groups before them: within a wave, none needs another."""
    level: dict[str, int] = {}
    waves: list[list[Sequence[str]]] = []
    for group in groups:  # prerequisites come first
        own = set(group)
        depth = 1 + max((level[path] for member in group for path in needs[member] if path not in own), default=-1)
        level |= dict.fromkeys(group, depth)
        waves += [[] for _ in range(depth + 1 - len(waves))]
        waves[depth].append(group)
    return waves


def _worth_s(
    groups: Sequence[Sequence[str]], seconds: Mapping[str, float], parallelism: int, overhead_s: float
) -> float:
    """How long a batch should take: worth its overhead, but not so long that workers would stay idle."""
    total = sum(seconds.get(path, 0.0) for group in groups for path in group)
    return min(overhead_s * WORTH_A_TASK, total / max(1, parallelism))


def _batched(
    wave: Sequence[Sequence[str]], seconds: Mapping[str, float], *, worth_s: float, least: int
) -> list[tuple[str, ...]]:
    batches: list[tuple[str, ...]] = []
    small: list[str] = []
    small_s = 0.0
    for group in wave:
        if any(path not in seconds for path in group) or sum(seconds[path] for path in group) >= worth_s:
            batches.append(tuple(group))
            continue
        small += group
        small_s += sum(seconds[path] for path in group)
        if small_s >= worth_s:
            batches.append(tuple(small))
            small, small_s = [], 0.0
    if small:
        batches.append(tuple(small))
    return batches


def _drafts(
    batches: Sequence[Sequence[str]],
    needs: Mapping[str, Sequence[str]],
    seconds: Mapping[str, float],
    overhead_s: float,
    references: References | None,
) -> Iterator[SectionDraft]:
    names = [_name(batch) for batch in batches]
    section_of = {path: name for name, batch in zip(names, batches, strict=True) for path in batch}
    for name, batch in zip(names, batches, strict=True):
        reasons: dict[str, str] = {}
        for path in batch:
            for needed in needs[path]:
                if (other := section_of[needed]) != name:
                    assert references is not None  # else nothing needs anything
                    reasons.setdefault(other, references.evidence(path, needed))
        yield SectionDraft(
            name=name,
            description=_described(batch),
            reads=tuple(sorted({*batch, *(needed for path in batch for needed in needs[path])})),
            writes=tuple(sorted(batch)),
            depends_on=tuple(sorted(reasons.items())),
            estimate_s=sum(seconds.get(path, 0.0) for path in batch),
            files=tuple(sorted(batch)),
            why=_why(batch, needs, seconds, overhead_s),
        )


def _name(batch: Sequence[str]) -> str:
    return batch[0] if len(batch) == 1 else f"{batch[0]} and {len(batch) - 1} more"


def _described(batch: Sequence[str]) -> str:
    return batch[0] if len(batch) == 1 else ", ".join(batch)


def _why(
    batch: Sequence[str], needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float], overhead_s: float
) -> str:
    if len(batch) == 1:
        return "one section a file"
    if any(needed in batch for path in batch for needed in needs[path]):
        return f"{len(batch)} files that refer to each other in a circle"
    work_s = sum(seconds.get(path, 0.0) for path in batch)
    return f"{len(batch)} small files, {work_s:.2f} s together, where each task costs {overhead_s * 1000:.0f} ms"
