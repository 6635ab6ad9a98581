"""Sections derived from a tree: by file, or by module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ptx_prefect.plan.by_file import sections_by_file
from ptx_prefect.plan.by_module import MODULE_CAP, sections_by_module
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.references import read_references
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree.location import place_of_base

FILES = "{files}"
"""An argument of a command that stands for the section's files."""


def drafts_of(spec: SectioningSpec, *, state_dir: Path, notes: list[str]) -> tuple[SectionDraft, ...]:
    """The sections of a task of level `file` or `module`.

    Raises:
        PlanError: nothing matches, or nothing parses.
    """
    task = spec.main_task
    root = tree_root(spec)
    if task.level == "file":
        references = read_references(root, state_dir=state_dir) if task.order == "references" else None
        drafts = sections_by_file(root, task.include, exclude=task.exclude, references=references)
        files = sum(len(draft.files) for draft in drafts)
        notes.append(
            f"{files} files in {len(drafts)} sections{', ordered by what refers to what' if references else ''}"
        )
        return drafts
    references = read_references(root, state_dir=state_dir)
    cut = sections_by_module(references, cap=task.sections or MODULE_CAP)
    notes.append(
        f"{len(references.files)} files in {len(cut.sections)} modules; {len(cut.cut)} references cross between them,"
        f" {cut.cut_alphabetically} would if the files were dealt out by folder"
    )
    notes += [f"the order {source} -> {target} was given up: {reason}" for source, target, reason in cut.dropped]
    notes += [f"{draft.name}: {draft.why}" for draft in cut.sections]
    if task.order == "none":
        return tuple(_without_order(draft) for draft in cut.sections)
    return cut.sections


def tree_root(spec: SectioningSpec) -> Path:
    """The directory that is cut up: `root`, inside the base where there is one."""
    inner = spec.main_task.root or "."
    if spec.base is None:
        return Path(spec.workdir) / inner
    return place_of_base(spec.base) / inner


def config_for(draft: SectionDraft, config: Mapping[str, Any]) -> dict[str, Any]:
    """The worker's configuration for one section: ``{files}`` in an `argv` becomes the section's files."""
    argv = config.get("argv")
    if not isinstance(argv, Sequence) or isinstance(argv, str) or FILES not in argv:
        return dict(config)
    expanded = [part for item in argv for part in (draft.files if item == FILES else (item,))]
    return {**config, "argv": expanded}


def prefixed(paths: Sequence[str], spec: SectioningSpec) -> tuple[str, ...]:
    """Paths below `root` as paths of the tree."""
    inner = (spec.main_task.root or ".").strip("/")
    return tuple(paths) if inner in ("", ".") else tuple(f"{inner}/{path}" for path in paths)


def _without_order(draft: SectionDraft) -> SectionDraft:
    return replace(draft, depends_on=())
