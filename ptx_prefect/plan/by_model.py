"""Sections proposed by a model for a bare description: checked like any task, repaired once, remembered.

The call itself is handed in: this stage knows what to ask and what is a plan, not who answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ptx_prefect.errors import PlanError, SpecError
from ptx_prefect.spec import SectioningSpec, parse_spec
from ptx_prefect.strict import mistakes_of

Ask = Callable[[str], Mapping[str, Any]]
"""Takes a prompt and returns an object of :data:`SCHEMA`. May raise :class:`PlanError`."""

PROMPT_VERSION = 1
MOST_SECTIONS = 10
"""The specification's upper limit of workers; a finer cut costs more in merging than it gains."""


class ProposedSection(BaseModel):
    """One part of the work."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=80, description="Short and unique, like 'backend'.")
    description: str = Field(
        min_length=1, description="What this worker has to do; it sees nothing of the others' text."
    )
    depends_on: list[str] = Field(default_factory=list, description="Names of sections whose result it needs.")
    writes: list[str] = Field(default_factory=list, description="Paths or globs that it may write, like 'api/**'.")


class ProposedSections(BaseModel):
    """The work, cut into sections."""

    model_config = ConfigDict(extra="forbid")
    sections: list[ProposedSection] = Field(min_length=1, max_length=MOST_SECTIONS)


SCHEMA: Mapping[str, Any] = ProposedSections.model_json_schema()

_INSTRUCTION = (
    "Cut the task below into sections that different workers do at the same time, each in a copy of its own; what they "
    "write is merged afterwards. Few dependencies, and only where a section needs another's result. No two sections "
    f"write the same file. Two to {MOST_SECTIONS} sections; fewer are better than many small ones. Where parts have to "
    "fit together (interfaces, configuration, integration tests), add one section that depends on them."
)


@dataclass(frozen=True, slots=True)
class Proposed:
    """The task with components, and a line for the plan's notes."""

    spec: SectioningSpec
    note: str


def needs_components(spec: SectioningSpec) -> bool:
    """True for a task that says what is wanted and not how it is cut."""
    return not spec.main_task.components and spec.main_task.level is None


def with_proposed_components(spec: SectioningSpec, ask: Ask, *, who: str, cache_dir: Path) -> Proposed:
    """The task with the sections that ``ask`` proposes.

    Args:
        spec: a task for which :func:`needs_components` holds.
        ask: the model call.
        who: identity of the model; part of what the proposal is remembered by.
        cache_dir: where proposals are remembered.

    Raises:
        PlanError: two proposals were no plan; with the reasons.
    """
    prompt = f"{_INSTRUCTION}\n\n# Task\n{spec.main_task.description}"
    kept = cache_dir / f"{_digest([PROMPT_VERSION, prompt, who])}.json"
    remembered = _read(kept)
    if remembered is not None:
        found, mistakes = _checked(spec, remembered)
        if found is not None:
            return Proposed(found, f"{_counted(found)} proposed by {who} earlier, remembered")
    answer = ask(prompt)
    found, mistakes = _checked(spec, answer)
    if found is None:
        told = "\n".join(f"- {place}: {text}" for place, text in mistakes.items())
        shown = json.dumps(answer, ensure_ascii=False)[:8000]
        answer = ask(f"{prompt}\n\n# Your last proposal\n{shown}\n\n# It is no plan\n{told}\nSend a complete new one.")
        found, mistakes = _checked(spec, answer)
    if found is None:
        reasons = "; ".join(f"{place}: {text}" for place, text in mistakes.items())
        raise PlanError(f"{who} proposed no usable plan, twice: {reasons}; write main_task.components by hand")
    _write(kept, answer)
    return Proposed(found, f"{_counted(found)} proposed by {who}")


def _checked(spec: SectioningSpec, answer: Mapping[str, Any]) -> tuple[SectioningSpec | None, dict[str, str]]:
    """The task with the proposal in place, or what is wrong with it."""
    try:
        proposal = ProposedSections.model_validate(answer)
    except ValidationError as error:
        return None, mistakes_of(error, ProposedSections)
    data = spec.model_dump(by_alias=True)
    rows = [section.model_dump() for section in proposal.sections]
    data["main_task"] = {**data["main_task"], "components": rows}
    mistakes = _shared_files(proposal)
    try:
        found = parse_spec(data)
    except SpecError as error:
        mistakes |= error.mistakes
        return None, mistakes
    assert isinstance(found, SectioningSpec)
    return (None, mistakes) if mistakes else (found, {})


def _shared_files(proposal: ProposedSections) -> dict[str, str]:
    """Plain paths that two sections both claim; globs are judged by the plan, which knows the files."""
    owner: dict[str, str] = {}
    mistakes = {}
    for section in proposal.sections:
        for path in section.writes:
            if path in owner and owner[path] != section.name:
                mistakes[f"{section.name}.writes"] = f"{path!r} is written by {owner[path]!r} already"
            owner.setdefault(path, section.name)
    return mistakes


def _counted(spec: SectioningSpec) -> str:
    count = len(spec.main_task.components)
    return f"{count} section{'s' if count != 1 else ''}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, answer: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(answer), encoding="utf-8")
        part.replace(path)
    except OSError:
        # A proposal that is not remembered is asked for again: dearer, not wrong.
        return
