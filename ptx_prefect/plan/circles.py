"""Declared sections that wait for each other in a circle: merged into one, or freed of the weakest dependency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.graph import components_of, cut_cycles
from ptx_prefect.plan.overlap import patterns_overlap
from ptx_prefect.plan.plan import Edge, Section


def settle_circles(
    sections: Sequence[Section], edges: Sequence[Edge], *, choice: str | None, notes: list[str]
) -> tuple[tuple[Section, ...], tuple[Edge, ...]]:
    """The sections and edges without circles; ``notes`` gets what was merged or given up.

    A task whose circles are mistakes (no ``choice``, or ``"error"``) was refused when it was read.

    Raises:
        PlanError: sections to be merged have different workers.
    """
    if choice == "merge":
        return _merged(sections, edges, notes)
    if choice == "cut":
        return _freed(sections, edges, notes)
    return tuple(sections), tuple(edges)


def _freed(
    sections: Sequence[Section], edges: Sequence[Edge], notes: list[str]
) -> tuple[tuple[Section, ...], tuple[Edge, ...]]:
    by_name = {section.name: section for section in sections}
    rank = {name: index for index, name in enumerate(by_name)}

    def strength(source: str, target: str) -> tuple[float, ...]:
        """Weak is what no file passes along; then what goes against the order in which the sections are written."""
        reads, writes = by_name[target].reads, by_name[source].writes
        shared = sum(patterns_overlap(read, write) for read in reads for write in writes)
        return shared, rank[source] < rank[target], rank[target] - rank[source]

    after, cuts = cut_cycles({section.name: section.depends_on for section in sections}, strength)
    gone = {(cut.source, cut.target) for cut in cuts}
    notes += [
        f"{cut.target!r} no longer waits for {cut.source!r}, which closed the circle {_shown(cut.chain)}"
        for cut in cuts
    ]
    kept = tuple(edge for edge in edges if (edge.source, edge.target) not in gone)
    return tuple(replace(section, depends_on=after[section.name]) for section in sections), kept


def _merged(
    sections: Sequence[Section], edges: Sequence[Edge], notes: list[str]
) -> tuple[tuple[Section, ...], tuple[Edge, ...]]:
    by_name = {section.name: section for section in sections}
    groups = [group for group in components_of({one.name: one.depends_on for one in sections}) if len(group) > 1]
    name_of = {name: " + ".join(group) for group in groups for name in group}
    whole = {" + ".join(group): _one([by_name[name] for name in group]) for group in groups}
    notes += [f"{', '.join(map(repr, group))} wait for each other in a circle: merged into one" for group in groups]
    found: dict[str, Section] = {}
    for section in sections:
        name = name_of.get(section.name, section.name)
        made = whole.get(name, section)
        outside = (name_of.get(other, other) for other in made.depends_on)
        found.setdefault(name, replace(made, depends_on=tuple(dict.fromkeys(one for one in outside if one != name))))
    moved = dict.fromkeys(
        Edge(name_of.get(edge.source, edge.source), name_of.get(edge.target, edge.target), edge.reason)
        for edge in edges
    )
    return tuple(found.values()), tuple(edge for edge in moved if edge.source != edge.target)


def _one(group: Sequence[Section]) -> Section:
    first, names = group[0], " + ".join(section.name for section in group)
    if any((section.worker, section.config) != (first.worker, first.config) for section in group):
        raise PlanError(
            f"{', '.join(repr(section.name) for section in group)} wait for each other in a circle and cannot be merged"
            " into one section: their workers differ; give them one worker, set on_cycle to 'cut', or drop a depends_on"
        )
    return replace(
        first,
        name=names,
        description="\n".join(f"{section.name}: {section.description}" for section in group),
        depends_on=_all(section.depends_on for section in group),
        reads=_all(section.reads for section in group),
        writes=_all(section.writes for section in group),
        timeout_s=max(section.timeout_s for section in group),
        estimate_s=sum(section.estimate_s for section in group),
        identity=f"{first.worker}:{names}",
    )


def _all(values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(values)))


def _shown(names: Sequence[str]) -> str:
    return " -> ".join(map(repr, names))
