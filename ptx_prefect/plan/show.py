"""A plan to read: text and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ptx_prefect.plan.plan import Plan, Section
from ptx_prefect.plan.price import makespans_of

_MOST_ROWS = 60
_MOST_CONFLICTS = 20
_MOST_CHARACTERS = 90
"""Of a description in the table; --json has it whole."""
_SETTLED = {
    "sequence": "one after the other (on_overlap: sequence; or merge, refuse)",
    "merge": "left to the merge (on_overlap: merge; or sequence, refuse)",
    "refuse": "refused (on_overlap: refuse; or sequence, merge)",
}


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """Everything in the plan as plain JSON."""
    data = asdict(plan)
    data["makespans"] = {str(workers): round(seconds, 3) for workers, seconds in makespans_of(plan).items()}
    return {**data, "sync_points": plan.sync_points, "max_parallelism": plan.max_parallelism}


def plan_text(plan: Plan) -> str:
    """The plan as a bill: what would run, in which order, and what it would take."""
    prices = ", ".join(f"{workers}: {_s(seconds)}" for workers, seconds in makespans_of(plan).items())
    lines = [
        f"{plan.task_id}: {len(plan.sections)} sections, level {plan.level}",
        f"  predicted {_s(plan.predicted_makespan_s)} on {plan.workers} workers; sequential {_s(plan.sequential_s)};"
        f" no schedule beats {_s(plan.bound_s)}",
        f"  critical path {_s(plan.critical_path_s)}: {_chain(plan.critical_path)}",
        f"  sync points {plan.sync_points}, widest wave {plan.max_parallelism}",
        *_wave_lines(plan),
        *_conflict_lines(plan),
        f"makespan by workers  {prices}",
        *_guesses(plan),
        *(f"note: {note}" for note in plan.notes),
    ]
    return "\n".join(lines)


def _wave_lines(plan: Plan) -> list[str]:
    width = min(40, max((len(section.name) for section in plan.sections), default=0))
    by_name = {section.name: section for section in plan.sections}
    lines: list[str] = []
    shown = 0
    for index, wave in enumerate(plan.waves, start=1):
        if shown >= _MOST_ROWS:
            break
        lines.append(f"wave {index}")
        for name in wave[: _MOST_ROWS - shown]:
            lines.append(_row(by_name[name], width, is_critical=name in plan.critical_path))
        shown += len(wave)
    if len(plan.sections) > _MOST_ROWS:
        lines.append(f"  … {len(plan.sections) - _MOST_ROWS} more of {len(plan.sections)} sections; --json shows all")
    return lines


def _row(section: Section, width: int, *, is_critical: bool) -> str:
    after = f"  after {_listed(section.depends_on)}" if section.depends_on else ""
    description = _short(section.description) if section.description != section.name else ""
    return (
        f" {'*' if is_critical else ' '} {one_line(section.name):<{width}}  {section.worker:<8}"
        f"  {_s(section.estimate_s):>8} ({section.estimate_from})  {description}{after}"
    ).rstrip()


def _conflict_lines(plan: Plan) -> list[str]:
    lines = [
        f"forecast conflict: {' and '.join(map(one_line, item.sections))} both write {_listed(item.paths)}:"
        f" {_SETTLED[item.choice]}"
        for item in plan.forecast_conflicts[:_MOST_CONFLICTS]
    ]
    more = len(plan.forecast_conflicts) - _MOST_CONFLICTS
    return [*lines, f"  … {more} more conflicts; --json shows all"] if more > 0 else lines


def _guesses(plan: Plan) -> list[str]:
    unknown = sum(section.estimate_from in ("default", "size") for section in plan.sections)
    if not unknown:
        return []
    which = "all" if unknown == len(plan.sections) else str(unknown)
    return [
        f"note: {which} of {len(plan.sections)} times are placeholders: no earlier run is known and no"
        " estimate_seconds is given"
    ]


def one_line(text: str) -> str:
    """The text without line breaks, for tables and labels."""
    return " ".join(text.split())


def _short(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _chain(names: Sequence[str]) -> str:
    return " -> ".join(map(one_line, names[:8])) + (f" -> … {len(names) - 8} more" if len(names) > 8 else "")


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(map(one_line, paths[:4])) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")


def _s(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"
