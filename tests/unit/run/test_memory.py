"""Room for one more section, by what sections took before."""

from __future__ import annotations

from ptx_prefect.run.memory import MemoryBook


def test_what_would_go_over_the_limit_waits() -> None:
    book = MemoryBook(1000, {"a": 600, "b": 300, "c": 300})

    assert book.is_room("b", ["a"])
    assert not book.is_room("c", ["a", "b"])


def test_alone_even_the_largest_may_start() -> None:
    assert MemoryBook(1000, {"a": 5000}).is_room("a", [])


def test_an_unknown_section_is_believed_to_be_like_those_that_ended() -> None:
    book = MemoryBook(1000, {})
    assert book.is_room("c", ["a", "b"])
    book.took("x", 400)
    book.took("y", None)

    assert book.expected_mb("a") == 400
    assert not book.is_room("c", ["a", "b"])


def test_one_that_had_to_make_room_does_not_start_again_at_once() -> None:
    book = MemoryBook(1000, {})
    book.overran("c", 350)

    assert not book.is_room("c", ["a", "b"])
    assert book.is_room("c", ["a"])
