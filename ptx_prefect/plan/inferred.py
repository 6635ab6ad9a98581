"""What declared sections read without saying so: the files that the code they write refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ptx_prefect.plan.plan import Section
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree.globs import matcher_of


def with_inferred_reads(
    spec: SectioningSpec, sections: Sequence[Section], *, state_dir: Path, notes: list[str]
) -> tuple[Section, ...]:
    """The sections as claims: each also reads the files of the tree
    that the Python files it writes refer to. Only their order follows from it, not what they are shown.

    Raises:
        PlanError: there is no such tree.
    """
    if not (spec.base or spec.main_task.root):
        return tuple(sections)
    from ptx_prefect.plan.derive import prefixed, tree_root  # Reads code: not for other tasks.
    from ptx_prefect.plan.references import read_references

    references = read_references(tree_root(spec), state_dir=state_dir)
    files = dict(zip(prefixed(references.files, spec), references.files, strict=True))
    found = []
    for section in sections:
        is_written = matcher_of(section.writes)
        own = [path for name, path in files.items() if section.writes and is_written(name)]
        read = {other for path in own for other in references.links_of(path)} - set(own)
        found.append(replace(section, reads=(*section.reads, *prefixed(sorted(read), spec))))
    count = sum(len(one.reads) - len(section.reads) for one, section in zip(found, sections, strict=True))
    notes.append(f"{count} reads inferred from what the written files refer to (order: references)")
    return tuple(found)
