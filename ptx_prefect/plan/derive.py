"""Sections derived from a tree: by file, or by module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from ptx_prefect.plan.assignment import FILES
from ptx_prefect.plan.by_file import FILE_CAP, matching, sections_by_file
from ptx_prefect.plan.by_module import MODULE_CAP, sections_by_module
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.references import References, read_references
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree.base import modes_of_tree
from ptx_prefect.tree.changeset import SYMLINK
from ptx_prefect.tree.location import place_of_base

_MOST_NOTES = 10
"""Files that do not parse and are told one by one."""


def drafts_of(
    spec: SectioningSpec,
    *,
    state_dir: Path,
    notes: list[str],
    seconds: Mapping[str, float] | None = None,
    parallelism: int = FILE_CAP,
) -> tuple[SectionDraft, ...]:
    """The sections of a task of level `file` or `module`.

    Args:
        notes: gets what the plan's reader should know.
        seconds: expected time by path, as far as it is known.
        parallelism: how many sections may run at once.

    Raises:
        PlanError: nothing matches, nothing parses, or there are circles where `on_cycle` is `error`.
    """
    if spec.main_task.level == "file":
        return _by_file(spec, state_dir, notes, seconds or {}, parallelism)
    task, root = spec.main_task, tree_root(spec)
    wanted = matching(_names_of(spec, notes), task.include, task.exclude)
    references = read_references(root, files=_on_disk(wanted, root, notes), state_dir=state_dir)
    known = seconds if seconds and all(path in seconds for path in references.files) else None
    cut = sections_by_module(references, cap=task.sections or MODULE_CAP, seconds=known, on_cycle=spec.on_cycle)
    notes.append(
        f"{len(references.files)} files in {len(cut.sections)} modules; {len(cut.cut)} references cross between them,"
        f" {cut.cut_alphabetically} would if the files were dealt out by folder"
    )
    notes += _left_out(references, "left out")
    notes += [f"the order {source} -> {target} was given up: {reason}" for source, target, reason in cut.dropped]
    notes += [f"{draft.name}: {draft.why}" for draft in cut.sections]
    if task.order == "none":
        return tuple(_without_order(draft) for draft in cut.sections)
    return cut.sections


def _by_file(
    spec: SectioningSpec, state_dir: Path, notes: list[str], seconds: Mapping[str, float], parallelism: int
) -> tuple[SectionDraft, ...]:
    task, root = spec.main_task, tree_root(spec)
    names = _names_of(spec, notes)
    references = None
    if task.order == "references":
        there = _on_disk(matching(names, ("**/*.py",), ()), root, notes)
        references = read_references(root, files=there, state_dir=state_dir)
    told: list[str] = []
    drafts = sections_by_file(
        root,
        task.include,
        names=names,
        exclude=task.exclude,
        references=references,
        seconds=seconds,
        parallelism=parallelism,
        on_cycle=spec.on_cycle,
        notes=told,
    )
    files = sum(len(draft.files) for draft in drafts)
    batched = sum(len(draft.files) > 1 for draft in drafts)
    notes.append(
        f"{files} files in {len(drafts)} sections"
        f"{f', {batched} of them batches or circles' if batched else ''}"
        f"{', ordered by what refers to what' if references else ''}"
    )
    notes += _left_out(references, "what it refers to is not known") if references else []
    notes += told
    return drafts


def _names_of(spec: SectioningSpec, notes: list[str]) -> list[str]:
    """The files that sections will find in what is cut up, by path below `root`; links lead to files of their own."""
    modes = _modes_below_root(spec)
    links = [name for name, mode in modes.items() if mode == SYMLINK]
    told = matching(links, spec.main_task.include, spec.main_task.exclude)
    if told:
        notes.append(f"{len(told)} symbolic link(s) left out, first {told[0]!r}")
    return [name for name in modes if modes[name] != SYMLINK]


def _modes_below_root(spec: SectioningSpec) -> dict[str, int]:
    inner = PurePosixPath(spec.main_task.root or ".").as_posix()
    if spec.base is None:
        return modes_of_tree(tree_root(spec), None)
    revision = None if isinstance(spec.base, str) else spec.base.revision
    modes = modes_of_tree(place_of_base(spec.base, spec.workdir), revision)
    if inner == ".":
        return modes
    return {name.removeprefix(f"{inner}/"): mode for name, mode in modes.items() if name.startswith(f"{inner}/")}


def _on_disk(names: Sequence[str], root: Path, notes: list[str]) -> list[str]:
    """The files whose references can be read: a revision may have others than the directory."""
    there = [name for name in names if (root / name).is_file()]
    if len(there) < len(names):
        gone = next(name for name in names if not (root / name).is_file())
        notes.append(
            f"{len(names) - len(there)} file(s) of the revision are not on the disk, first {gone!r}: what they refer to"
            " is not known, and level 'module' leaves them out"
        )
    return there


def _left_out(references: References, consequence: str) -> list[str]:
    broken = references.unparsable
    told = [f"{one.path}:{one.line} is left out ({one.message}): {consequence}" for one in broken[:_MOST_NOTES]]
    return told + ([f"… and {len(broken) - _MOST_NOTES} more"] if len(broken) > _MOST_NOTES else [])


def tree_root(spec: SectioningSpec) -> Path:
    """The directory that is cut up: `root`, inside the base where there is one."""
    inner = spec.main_task.root or "."
    if spec.base is None:
        return Path(spec.workdir) / inner
    return place_of_base(spec.base, spec.workdir) / inner


def config_for(files: Sequence[str], config: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's configuration for one section: ``{files}`` in an `argv` becomes the section's files."""
    argv = config.get("argv")
    if not isinstance(argv, Sequence) or isinstance(argv, str) or FILES not in argv:
        return dict(config)
    expanded = [part for item in argv for part in (files if item == FILES else (item,))]
    return {**config, "argv": expanded}


def prefixed(paths: Sequence[str], spec: SectioningSpec) -> tuple[str, ...]:
    """Paths below `root` as paths of the tree, or of the working directory where there is no base."""
    inner = (spec.main_task.root or ".").rstrip("/").removeprefix("./")
    return tuple(paths) if inner in ("", ".") else tuple(f"{inner}/{path}" for path in paths)


def _without_order(draft: SectionDraft) -> SectionDraft:
    return replace(draft, depends_on=())
