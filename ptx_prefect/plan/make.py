"""From a task to a plan, without running anything but the collection of tests."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ptx_prefect.errors import SpecError
from ptx_prefect.plan.assignment import NO_WORKER, config_of, worker_of
from ptx_prefect.plan.circles import settle_circles
from ptx_prefect.plan.claims import settle_claims
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.durations import Durations, Learned
from ptx_prefect.plan.file_times import bytes_of, seconds_of_files, shares_of
from ptx_prefect.plan.graph import shape_of, topological_order
from ptx_prefect.plan.plan import Edge, Plan, Section
from ptx_prefect.run.cores import usable_cores
from ptx_prefect.run.simulate import lower_bound, simulate
from ptx_prefect.settings import Settings
from ptx_prefect.spec import Component, SectioningSpec, TaskSpec

LEVEL_CAPS = {"file": 10, "module": 5, "test": 8}
"""How many sections of a level run at once, by the specification."""
DEFAULT_ESTIMATE_S = 1.0
LENIENCY = 3.0
"""A deadline that follows history is this many times the median, or half as many times the longest."""
LEAST_DEADLINE_S = 10.0
"""A deadline that follows history is never shorter: a machine may be busy."""
SECTIONS_SCOPE = "sections"
"""Scope of the duration history of sections; a suite's tests have a scope of their own."""


def make_plan(spec: SectioningSpec, settings: Settings, *, state_dir: Path, fresh: bool = False) -> Plan:
    """The plan of a sectioning task.

    Args:
        fresh: nothing of earlier runs is to be reused, so a suite is cut as well as it can be by now.

    Raises:
        SpecError: sections that no worker can do; every one of them at once.
        PlanError: nothing can be planned (no tests, a derived cycle that must not be merged).
    """
    notes: list[str] = []
    edges: tuple[Edge, ...] = ()
    derived: tuple[Section, ...] = ()
    if spec.main_task.level == "test":
        from ptx_prefect.plan.by_suite import sections_by_suite  # Follows changes: not for other tasks.

        workers = pool_size(spec, settings, level="test", widest=LEVEL_CAPS["test"])
        base = Component(name="suite", description=spec.main_task.description)
        blank = _section(base, ("pytest", {}), spec, settings, {})
        shares = sections_by_suite(spec, blank, workers=workers, state_dir=state_dir, notes=notes, fresh=fresh)
        sections = tuple(replace(one, timeout_s=_adapted(one.timeout_s, _known(one), settings)) for one in shares)
    elif spec.main_task.level is not None:
        derived, edges = _from_tree(spec, settings, state_dir, notes)
        more, more_edges = _from_components(spec, settings, state_dir)
        sections, edges = (*derived, *more), (*edges, *more_edges)
    elif spec.main_task.components:
        sections, edges = _from_components(spec, settings, state_dir)
    else:
        raise SpecError(
            {"main_task": "has neither components nor a level; write components, or derive them with level 'test'"}
        )
    sections, edges = settle_circles(sections, edges, choice=spec.on_cycle, notes=notes)
    claims = sections
    if spec.main_task.level is None and spec.main_task.order == "references":
        from ptx_prefect.plan.inferred import with_inferred_reads  # Reads code: not for other tasks.

        claims = with_inferred_reads(spec, sections, state_dir=state_dir, notes=notes)
    settled = settle_claims(
        claims,
        {section.name: section.depends_on for section in sections},
        choice=spec.on_overlap,
        exact={section.name for section in derived},
    )
    sections = _with_edges(sections, settled.edges)
    edges = (*edges, *settled.edges)
    if spec.main_task.level is None:  # a decomposition has told already which orders it gave up
        notes += settled.notes
    made = finish_plan(spec, sections, edges, settings, level=spec.main_task.level or "components", notes=notes)
    return replace(made, forecast_conflicts=settled.conflicts)


def _with_edges(sections: Sequence[Section], edges: Sequence[Edge]) -> tuple[Section, ...]:
    more: dict[str, list[str]] = {}
    for edge in edges:
        more.setdefault(edge.target, []).append(edge.source)
    return tuple(
        replace(section, depends_on=(*section.depends_on, *more[section.name])) if section.name in more else section
        for section in sections
    )


def finish_plan(
    spec: SectioningSpec,
    sections: Sequence[Section],
    edges: Sequence[Edge],
    settings: Settings,
    *,
    level: str,
    notes: Sequence[str] = (),
) -> Plan:
    """Order, shape and price of sections whose dependencies are known and free of cycles."""
    by_name = {section.name: section for section in sections}
    order = topological_order({section.name: section.depends_on for section in sections})
    ordered = tuple(by_name[name] for name in order)
    after = {section.name: section.depends_on for section in ordered}
    seconds = {section.name: section.estimate_s for section in ordered}
    shape = shape_of(after, seconds)
    workers = pool_size(spec, settings, level=level, widest=max((len(wave) for wave in shape.waves), default=1))
    if spec.parallelism_hint is not None and spec.parallelism_hint < settings.parallelism.min_workers:
        least = settings.parallelism.min_workers
        notes = (*notes, f"parallelism_hint {spec.parallelism_hint} holds, though min_workers is {least}")
    return Plan(
        task_id=spec.task_id,
        level=level,
        sections=ordered,
        edges=tuple(edges),
        waves=shape.waves,
        critical_path=shape.critical_path,
        critical_path_s=shape.critical_path_s,
        workers=workers,
        predicted_makespan_s=simulate(after, seconds, workers=workers).makespan_s,
        sequential_s=sum(seconds.values()),
        bound_s=lower_bound(after, seconds, workers=workers),
        notes=(*notes, *_cut_deadlines(spec, settings)),
    )


def _cut_deadlines(spec: SectioningSpec, settings: Settings) -> tuple[str, ...]:
    """Said, since a section that is stopped early cost its whole time for nothing."""
    asked = [
        spec.timeout_seconds,
        *(row.timeout_seconds for row in spec.main_task.components if not isinstance(row, str)),
    ]
    most = max((seconds for seconds in asked if seconds is not None), default=0.0)
    limit = settings.timeouts.max_task
    cut = f"timeout_seconds of up to {most:g} s are cut to {limit:g} s: the settings' timeouts.max_task allows no more"
    return (cut,) if most > limit else ()


def pool_size(spec: SectioningSpec, settings: Settings, *, level: str, widest: int) -> int:
    """How many sections run at once at the start: the hint, else the default, within limits and level cap.

    A suite's sections keep a core busy each, so they start with one worker a core. A hint below the minimum holds:
    whoever writes it knows of something that bears no company.
    """
    parallelism = settings.parallelism
    wanted = spec.parallelism_hint
    if wanted is None:
        wanted = usable_cores() if level == "test" else parallelism.default_workers
    cap = min(parallelism.max_workers, LEVEL_CAPS.get(level, parallelism.max_workers))
    least = min(parallelism.min_workers, cap, spec.parallelism_hint or cap)
    # A plan narrower than the minimum needs no worker that would never have work.
    return max(least, min(wanted, cap, max(widest, 1)))


def _from_components(
    spec: SectioningSpec, settings: Settings, state_dir: Path
) -> tuple[tuple[Section, ...], tuple[Edge, ...]]:
    learned = Durations(state_dir).learned(SECTIONS_SCOPE)
    sections: list[Section] = []
    mistakes: dict[str, str] = {}
    for index, row in enumerate(spec.main_task.components):
        component = Component(name=row, description=row) if isinstance(row, str) else row
        found = worker_of(component.worker) or worker_of(spec.worker) or worker_of(settings.default_worker)
        if found is None or not found[0]:
            mistakes[f"main_task.components[{index}]"] = NO_WORKER.format(component.name)
            continue
        try:
            sections.append(_section(component, found, spec, settings, learned))
        except SpecError as error:
            mistakes |= {f"main_task.components[{index}].{key}": text for key, text in error.mistakes.items()}
    if mistakes:
        raise SpecError(mistakes)
    edges = tuple(Edge(other, section.name, "declared") for section in sections for other in section.depends_on)
    return tuple(sections), edges


def _from_tree(
    spec: SectioningSpec, settings: Settings, state_dir: Path, notes: list[str]
) -> tuple[tuple[Section, ...], tuple[Edge, ...]]:
    worker = worker_of(spec.worker) or worker_of(settings.default_worker)
    if worker is None or not worker[0]:
        raise SpecError({"worker": NO_WORKER.format(f"the sections of level {spec.main_task.level!r}")})
    kind, config = worker
    learned = Durations(state_dir).learned(SECTIONS_SCOPE)
    from ptx_prefect.plan.derive import config_for, drafts_of, prefixed, tree_root  # Reads code: not for other tasks.

    root = tree_root(spec)
    seconds = seconds_of_files(learned, root=root, kind=kind)
    parallelism = pool_size(spec, settings, level=str(spec.main_task.level), widest=settings.parallelism.max_workers)
    drafts = drafts_of(
        spec,
        state_dir=state_dir,
        notes=notes,
        seconds=seconds if spec.main_task.cut_by_history else {},
        parallelism=parallelism,
    )
    sizes = [bytes_of(draft.files, root=root) for draft in drafts]
    typical = statistics.fmean(sizes)
    sections = []
    for draft, size in zip(drafts, sizes, strict=True):
        component = Component(
            name=draft.name,
            description=f"{spec.main_task.description}: {', '.join(draft.files[:20])}",
            depends_on=tuple(name for name, _ in draft.depends_on),
            reads=prefixed(draft.reads, spec),
            writes=prefixed(draft.writes, spec),
        )
        known = _with_files(learned, kind, draft, seconds)
        section = _section(component, (kind, config_for(prefixed(draft.files, spec), config)), spec, settings, known)
        if section.estimate_from == "default":
            section = replace(section, estimate_s=DEFAULT_ESTIMATE_S * size / typical, estimate_from="size")
        shares = shares_of(draft.files, root=root, kind=kind)
        sections.append(replace(section, items=len(draft.files), shares=shares))
    edges = tuple(Edge(other, draft.name, reason) for draft in drafts for other, reason in draft.depends_on)
    return tuple(sections), edges


def _with_files(
    learned: Mapping[str, Learned], kind: str, draft: SectionDraft, seconds: Mapping[str, float]
) -> Mapping[str, Learned]:
    """The history, with what the draft's files took before, whatever sections they were in, as that of the draft."""
    if not all(path in seconds for path in draft.files):
        return learned
    total_s = sum(seconds[path] for path in draft.files)
    return {f"{kind}:{draft.name}": Learned(total_s, total_s)}


def _section(
    component: Component,
    worker: tuple[str, dict[str, Any]],
    spec: SectioningSpec,
    settings: Settings,
    learned: Mapping[str, Learned],
) -> Section:
    kind, config = worker
    config = config_of(component, kind, config, settings)
    identity = f"{kind}:{component.name}"
    estimate, source = DEFAULT_ESTIMATE_S, "default"
    known = learned.get(identity)
    if known is not None:
        estimate, source = known.median_s, "history"
    if component.estimate_seconds is not None:
        estimate, source = component.estimate_seconds, "spec"
    return Section(
        name=component.name,
        description=component.description or component.name,
        worker=kind,
        config=config,
        depends_on=component.depends_on,
        timeout_s=_adapted(deadline_of(component.timeout_seconds, spec, settings), known, settings),
        estimate_s=estimate,
        estimate_from=source,
        reads=component.reads,
        writes=component.writes,
        identity=identity,
        heartbeat_s=heartbeat_of(kind, settings, own_s=component.heartbeat_seconds),
    )


def heartbeat_of(kind: str, settings: Settings, *, own_s: float | None = None) -> float | None:
    """A worker that waits for a model is silent without being stuck: there only the deadline counts."""
    if own_s is not None:
        return own_s or None
    return settings.timeouts.worker_heartbeat if kind in ("command", "callable", "pytest") else None


def _known(section: Section) -> Learned | None:
    """A suite's share as history: it was not seen as such, but its tests were."""
    return Learned(section.estimate_s, section.estimate_s) if section.estimate_from == "history" else None


def _adapted(configured_s: float, known: Learned | None, settings: Settings) -> float:
    """The deadline after what earlier runs say: by default they only lengthen it."""
    choice = settings.adaptive_deadlines
    if known is None or choice == "off":
        return configured_s
    wanted = min(max(LENIENCY * known.median_s, known.longest_s * LENIENCY / 2), settings.timeouts.max_task)
    return max(wanted, LEAST_DEADLINE_S) if choice == "follow" else max(configured_s, wanted)


def deadline_of(own_s: float | None, spec: TaskSpec, settings: Settings) -> float:
    """A section's deadline in seconds: its own, the task's, the default; never above the settings' maximum."""
    wanted = own_s or spec.timeout_seconds or settings.timeouts.default_task
    return min(wanted, settings.timeouts.max_task)
