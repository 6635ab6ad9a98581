"""A person's decision on a merged tree: the questions, the form that Prefect's UI draws of them, the answers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from prefect.input import RunInput
from pydantic import Field, create_model

from ptx_prefect.merge.decisions import Place, has_markers
from ptx_prefect.merge.result import Conflict
from ptx_prefect.validate import Validation

APPROVE = "approve"
EDITED, PROPOSAL, KEEP = "edited text", "take the proposal", "keep it as it is merged"
MAX_PLACES = 40
"""A form of more questions nobody fills in; what is left open is left out of the tree, as without a review."""
MAX_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Question:
    """One conflict as a choice. ``texts`` are the choices that write something; ``drops`` those that leave one out."""

    conflict: Conflict
    texts: Mapping[str, str] = field(default_factory=dict)
    drops: Mapping[str, str] = field(default_factory=dict)
    default: str = KEEP
    place: Place | None = None
    edit: str | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """In the order in which a person is shown them."""
        keep = (KEEP,) if self.place is None else ()
        return (*self.texts, *((EDITED,) if self.edit is not None else ()), *keep, *self.drops)


@dataclass(frozen=True, slots=True)
class Answer:
    """``decisions`` as for :func:`~ptx_prefect.merge.decisions.with_decisions`; ``dropped`` are sections left out.

    ``decided`` are the sections whose conflicts got a text, ``kept`` the conflicts that may stay as they are.
    """

    approved: bool
    decisions: Mapping[tuple[str, tuple[str, ...]], str]
    dropped: frozenset[str]
    chosen: Mapping[str, str]
    decided: frozenset[str] = frozenset()
    kept: frozenset[Conflict] = frozenset()
    mistakes: tuple[str, ...] = ()


def questions_of(places: Sequence[Place], conflicts: Sequence[Conflict], order: Sequence[str]) -> tuple[Question, ...]:
    """One question a conflict: those between markers, then those where the texts go together and the meanings do not.

    Args:
        order: the sections in plan order; of two that clash the later one is left out unless the person says otherwise.
    """
    asked = [_textual(place, order) for place in places]
    between_markers = {id(place.conflict) for place in places} | {place.conflict for place in places}
    for row in conflicts:
        if row not in between_markers and row.sections:
            asked.append(Question(row, drops={_leave_out(name): name for name in row.sections}))
    return tuple(asked[:MAX_PLACES])


def _textual(place: Place, order: Sequence[str]) -> Question:
    row = place.conflict
    texts = {f"take {name!r}": text for name, text in zip(place.names, place.versions, strict=False)}
    if row.proposal is not None and place.names:
        texts[PROPOSAL] = row.proposal
    drops = {_leave_out(name): name for name in row.sections}
    last = max(row.sections, key=lambda name: order.index(name) if name in order else -1)
    edit = row.proposal if row.proposal is not None and place.names else "".join(place.versions)
    return Question(row, texts, drops, _leave_out(last), place, edit)


def _leave_out(name: str) -> str:
    return f"leave out {name!r}"


def form_for(questions: Sequence[Question], about: str) -> type[RunInput]:
    """The form: a choice and, where a text stands to be decided, a text for each question; then the publishing."""
    fields: dict[str, Any] = {}
    for number, question in enumerate(questions, start=1):
        row = question.conflict
        title = f"{number}. {row.path}, {row.place}"
        choice: Any = Literal.__getitem__(question.choices)  # known only now
        fields[f"place_{number}"] = (
            Annotated[choice, Field(title=title[:200], description=row.reason[:500])],
            question.default,
        )
        if question.edit is not None:
            told = f"Only with {EDITED!r}: what is to stand there."
            fields[f"place_{number}_text"] = (
                Annotated[str, Field(title=f"{number}. {EDITED}", description=told)],
                question.edit,
            )
    publish = Literal["approve", "reject"]
    told = "approve: publish what passes the checks; reject: publish nothing, keep everything."
    fields["publish"] = (Annotated[publish, Field(title="Publish", description=told)], ...)
    form: type[RunInput] = create_model("Review", __base__=RunInput, **fields)
    return form.with_initial_data(description=about)


def answer_of(filled: RunInput, questions: Sequence[Question]) -> Answer:
    """The answers on the form, and what is wrong with them."""
    given = filled.model_dump()
    decisions: dict[tuple[str, tuple[str, ...]], str] = {}
    dropped, decided, kept = set[str](), set[str](), set[Conflict]()
    chosen: dict[str, str] = {}
    mistakes = []
    for number, question in enumerate(questions, start=1):
        row, choice = question.conflict, given[f"place_{number}"]
        chosen[f"{row.path}, {row.place}"] = choice
        if choice in question.drops:
            dropped.add(question.drops[choice])
        elif question.place is None:
            kept.add(row)
        else:
            text = given[f"place_{number}_text"] if choice == EDITED else question.texts[choice]
            decisions[question.place.identity] = text
            decided.update(row.sections)
            if choice == EDITED and has_markers(text):
                mistakes.append(f"{row.path}: the edited text still has conflict markers; remove them")
    return Answer(
        given["publish"] == APPROVE,
        decisions,
        frozenset(dropped),
        chosen,
        frozenset(decided - dropped),
        frozenset(kept),
        tuple(mistakes),
    )


def page_of(found: Validation, questions: Sequence[Question], objections: Sequence[str], run: str) -> str:
    """Markdown for the person: what would be published, what is left out and why, each conflict with its texts."""
    parts = ["# Review before publishing"]
    if objections:
        parts.append("**Your last answer was not taken:**\n\n" + "\n".join(f"- {_line(row)}" for row in objections))
    kept = ", ".join(f"`{_line(name)}`" for name in found.kept) or "nothing"
    parts.append(f"As things stand, {len(found.merged.changeset.changes)} file(s) of {kept} would be published.")
    if found.ejected:
        rows = "\n".join(f"- `{_line(row.section)}`: {_line(row.reason)}" for row in found.ejected)
        parts.append(f"Left out unless you decide otherwise:\n\n{rows}")
    failed = [f"- {_line(row.reason)}" for row in found.checks if not row.passed]
    if failed or found.note:
        parts.append("\n".join(["The checks do not pass:", "", *failed, *([f"- {found.note}"] if found.note else [])]))
    parts += [_conflict(number, question) for number, question in enumerate(questions, start=1)]
    parts.append(f"Answer here, or in a terminal: `{command_of(run)}`.")
    return "\n\n".join(parts)


def _conflict(number: int, question: Question) -> str:
    row = question.conflict
    lines = [f"## {number}. {_line(row.path)}, {_line(row.place)}", "", _line(row.reason)]
    names = question.place.names if question.place and question.place.names else row.sections
    versions = question.place.versions if question.place else row.versions
    for index, text in enumerate(versions):
        name = names[index] if index < len(names) and len(versions) > 1 else "the merged text"
        lines += ["", f"`{_line(name)}`:", "", _fenced(text)]
    if row.proposal is not None:
        lines += ["", "Proposal:", "", _fenced(row.proposal)]
    return "\n".join(lines)


def _fenced(text: str) -> str:
    shown = text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "\n… cut"
    fence = "`" * max(3, max((len(run) for run in _runs_of_ticks(shown)), default=0) + 1)
    return f"{fence}\n{shown.rstrip() or '(nothing: removed)'}\n{fence}"


def _runs_of_ticks(text: str) -> list[str]:
    return [run for run in "".join(char if char == "`" else " " for char in text).split() if run]


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return (flat if len(flat) <= 400 else flat[:399] + "…").replace("<", "&lt;").replace("`", "'")


def command_of(run: str) -> str:
    """How to answer from a terminal."""
    return f"ptx review {shlex.quote(run)}"
