"""The voters that the specification names: three families of approach, and what each tells a worker that thinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ptx_prefect.errors import VoteError

Family = Literal["paradigm", "strategy", "model"]


@dataclass(frozen=True, slots=True)
class Preset:
    """One named approach.

    Attributes:
        instruction: added to the task's description for a worker that thinks; part of the cache key.
        model: alias that the settings resolve; None: the worker's own model.
    """

    name: str
    family: Family
    instruction: str
    model: str | None = None


PRESETS: tuple[Preset, ...] = (
    Preset(
        "functional",
        "paradigm",
        "Write it in a functional style: immutable values, pure functions, expressions and comprehensions rather than "
        "statements that change state; side effects only at the edge.",
    ),
    Preset(
        "oop",
        "paradigm",
        "Write it in an object-oriented style: a few small classes that each own their data and keep it private behind "
        "methods; prefer composition to inheritance.",
    ),
    Preset(
        "reactive",
        "paradigm",
        "Write it as a stream: generators or observables that pass each item on as soon as it is there, no stage "
        "holding the whole data.",
    ),
    Preset(
        "imperative",
        "paradigm",
        "Write it in an imperative style: plain loops over indices or items, local mutable state, and an exit as soon "
        "as the result is known.",
    ),
    Preset(
        "hybrid",
        "paradigm",
        "Combine paradigms where each is strongest: the right data structure first, computed lazily and kept for "
        "repeated use, with pure functions around it.",
    ),
    Preset(
        "performance",
        "strategy",
        "Optimise for speed: the best complexity first, then little allocation and few passes over the data. Keep it "
        "correct on every input.",
    ),
    Preset(
        "readability",
        "strategy",
        "Optimise for the reader: short functions, names that say what is meant, flat control flow, no cleverness.",
    ),
    Preset(
        "maintainability",
        "strategy",
        "Optimise for change: loose coupling, one reason to change for each part, no hidden state, easy to test alone.",
    ),
    Preset("haiku", "model", "Give the simple solution that a reader sees through at once.", model="haiku"),
    Preset("sonnet", "model", "Balance simplicity, speed and completeness.", model="sonnet"),
    Preset("opus", "model", "Give the thorough solution: every edge case, robust and documented.", model="opus"),
)
_BY_NAME = {preset.name: preset for preset in PRESETS}


def preset(name: str) -> Preset | None:
    """The preset of this name (case does not matter), or None."""
    return _BY_NAME.get(name.strip().lower())


def instruction_for(name: str, description: str = "") -> str:
    """What a voter's worker is told beside the task: the voter's own description, else its preset's instruction.

    Raises:
        VoteError: neither is there.
    """
    found = preset(name)
    if description:
        return description
    if found is None:
        raise VoteError(
            f"voter {name!r} is no preset ({', '.join(_BY_NAME)}) and says nothing about its approach; "
            "give it a description, a worker, or a source"
        )
    return found.instruction


def voter_task(
    description: str,
    voter: str,
    *,
    criteria: Sequence[str] = (),
    entry_point: str | None = None,
    voter_description: str = "",
) -> str:
    """The whole task text for one voter: the task, the approach, what will be measured, and the form of the answer."""
    parts = [description, f"Approach: {instruction_for(voter, voter_description)}"]
    if entry_point:
        parts.append(f"Answer with one Python program that defines {entry_point!r}, in one code block.")
    if criteria:
        parts.append(f"It must be correct first; then it is measured by: {', '.join(criteria)}.")
    return "\n\n".join(parts)


def program_in(answer: str, *, entry_point: str | None = None) -> str:
    """The program in a written answer: the last code block that defines the entry point, else the longest, else all."""
    blocks = _code_blocks(answer)
    if not blocks:
        return answer
    if entry_point:
        wanted = [block for block in blocks if f"def {entry_point}" in block or f"class {entry_point}" in block]
        if wanted:
            return wanted[-1]
    return max(blocks, key=len)


def _code_blocks(text: str) -> list[str]:
    blocks: list[str] = []
    lines: list[str] | None = None
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            if lines is None:
                lines = []
            else:
                blocks.append("\n".join(lines) + "\n")
                lines = None
        elif lines is not None:
            lines.append(line)
    if lines:  # an answer that was cut off before the closing fence
        blocks.append("\n".join(lines) + "\n")
    return blocks
