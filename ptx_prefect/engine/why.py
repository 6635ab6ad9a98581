"""Why a section would run again: its key's parts now, beside those of its last finished result."""

from __future__ import annotations

from pathlib import Path

from ptx_prefect.engine.execution import Execution, Site
from ptx_prefect.engine.store import Store
from ptx_prefect.engine.workspaces import pin_for
from ptx_prefect.errors import SpecError
from ptx_prefect.plan.make import make_plan
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.strict import nearest
from ptx_prefect.tree.location import output_place


def why_again(section: str, spec: SectioningSpec, settings: Settings, *, state: Path) -> tuple[str, ...]:
    """Lines that say whether ``section`` would run, and what is different where it would.

    Raises:
        SpecError: there is no such section, or the task cannot be planned.
    """
    plan = make_plan(spec, settings, state_dir=state)
    if section not in plan.after:
        raise SpecError({section: f"is no section of this task; {nearest(section, list(plan.after))}"})
    base, reference = pin_for(spec, output_place(spec))
    execution = Execution(plan, settings, Site(Path(spec.workdir), state, base, reference))
    now = execution.parts_of(section)
    key, store = execution.keys[section], Store(state)
    if store.get(key) is not None and (gone := execution.gone(section)):
        return (f"{section!r} would run: its declared {', '.join(map(repr, gone))} is not there",)
    if store.get(key) is not None:
        return (f"{section!r} would not run: its result {key[:12]} is kept",)
    before = store.last_parts(section)
    if before is None:
        return (f"{section!r} would run: no finished result of it is kept",)
    return (
        f"{section!r} would run; since its last finished result:",
        *_differences(before, now),
    )


def _differences(before: dict[str, str], now: dict[str, str]) -> tuple[str, ...]:
    names = sorted({*before, *now})
    lines = [
        f"  {name}: was {before.get(name, '(absent)')}, is {now.get(name, '(absent)')}"
        for name in names
        if before.get(name) != now.get(name)
    ]
    return tuple(lines or ["  nothing differs: the kept result was removed or does not match its digest"])
