"""The questions of a review, the form made of them, and the answers read from it."""

from __future__ import annotations

from typing import Any

import pytest

from ptx_prefect.engine.review import EDITED, KEEP, MAX_SHOWN, PROPOSAL, answer_of, form_for, page_of, questions_of
from ptx_prefect.merge.changesets import Merged
from ptx_prefect.merge.decisions import Place
from ptx_prefect.merge.result import Conflict
from ptx_prefect.tree import Changeset
from ptx_prefect.validate import Validation

TEXTS = ("return 'moin'\n", "return 'servus'\n")
CLASH = Conflict(
    "file", "app.py", "line 2", "both sides changed these lines", versions=TEXTS, sections=("north", "south")
)
PLACE = Place(CLASH, TEXTS, ("north", "south"))
LOGIC = Conflict("logic", "use.py", "line 9", "'a' uses what 'b' took away", sections=("a", "b"))


def filled(questions: Any, **answers: str) -> Any:
    form = form_for(questions, "about")
    defaults = {name: field.default for name, field in form.model_fields.items() if not field.is_required()}
    return form.model_validate({**defaults, "publish": "approve", **answers})


def test_every_conflict_is_one_question_and_unless_decided_the_later_section_is_left_out() -> None:
    textual, logical = questions_of([PLACE], [CLASH, LOGIC], ["south", "north", "a", "b"])

    assert textual.choices == (
        "take 'north'", "take 'south'", EDITED, "leave out 'north'", "leave out 'south'",
    )  # fmt: skip
    assert textual.default == "leave out 'north'"
    assert logical.choices == (KEEP, "leave out 'a'", "leave out 'b'")
    assert logical.default == KEEP


def test_a_proposal_can_be_taken() -> None:
    union = Conflict(
        "type", "app.py", "line 2", "two types", versions=("int", "str"), proposal="int | str", sections=("a", "b")
    )
    (question,) = questions_of([Place(union, ("int", "str"), ("a", "b"))], [union], ["a", "b"])
    answer = answer_of(filled([question], place_1=PROPOSAL), [question])

    assert question.edit == "int | str"
    assert list(answer.decisions.values()) == ["int | str"]


def test_answers_become_texts_sections_left_out_and_conflicts_that_may_stay() -> None:
    questions = questions_of([PLACE], [CLASH, LOGIC], ["north", "south", "a", "b"])

    taken = answer_of(filled(questions, place_1="take 'north'"), questions)
    assert taken.approved and taken.decisions == {PLACE.identity: TEXTS[0]}
    assert (taken.dropped, taken.decided, taken.kept) == (frozenset(), {"north", "south"}, {LOGIC})

    edited = answer_of(filled(questions, place_1=EDITED, place_1_text="return 'hi'\n"), questions)
    assert edited.decisions == {PLACE.identity: "return 'hi'\n"}

    dropped = answer_of(filled(questions, place_1="take 'south'", place_2="leave out 'b'"), questions)
    assert (dropped.dropped, dropped.kept) == ({"b"}, frozenset())
    assert dropped.chosen == {"app.py, line 2": "take 'south'", "use.py, line 9": "leave out 'b'"}


def test_a_rejection_publishes_nothing_and_markers_in_an_edited_text_are_a_mistake() -> None:
    questions = questions_of([PLACE], [CLASH], ["north", "south"])
    text = "<<<<<<< north\na\n=======\nb\n>>>>>>> south\n"

    assert not answer_of(filled(questions, publish="reject"), questions).approved
    assert (
        "still has conflict markers"
        in answer_of(filled(questions, place_1=EDITED, place_1_text=text), questions).mistakes[0]
    )


@pytest.mark.parametrize("answers", [{"place_1": "take 'west'"}, {"publish": "perhaps"}])
def test_an_answer_that_no_question_has_is_refused(answers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        filled(questions_of([PLACE], [CLASH], ["north", "south"]), **answers)


def test_the_page_shows_every_text_and_cannot_be_broken_by_them() -> None:
    long = Conflict(
        "file", "b`ad<.md", "line 1", "why", versions=("```\n" + "x" * 2 * MAX_SHOWN, ""), sections=("a", "b")
    )
    questions = questions_of([Place(long, long.versions, ("a", "b"))], [long], ["a", "b"])
    found = Validation(True, Merged(Changeset(), ("a",), (), (long,)), checks=(), note="stopped early")
    page = page_of(found, questions, ["choose again"], "run one")

    assert "**Your last answer was not taken:**\n\n- choose again" in page
    assert "0 file(s) of `a` would be published" in page and "stopped early" in page
    assert "## 1. b'ad&lt;.md, line 1" in page
    assert "````\n```\n" in page and "… cut" in page and "(nothing: removed)" in page
    assert page.endswith("`ptx review 'run one'`.")
