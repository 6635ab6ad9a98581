"""Sections wait for memory, and the youngest gives way where all together take too much."""

from __future__ import annotations

import pytest

from ptx_prefect.engine.room import EVICT_EVERY_S, Room
from ptx_prefect.run.memory import MemoryBook
from ptx_prefect.run.outcomes import Cancelled, Done, Usage


@pytest.fixture
def room() -> Room:
    return Room(MemoryBook(1000.0, {"a": 600.0, "b": 600.0, "c": 100.0}))


def test_a_section_waits_beside_those_that_leave_no_room(room: Room) -> None:
    assert room.why_not("a", []) is None and room.why_not("c", ["a"]) is None
    assert "600 MB of 1000 MB" in str(room.why_not("b", ["a"]))
    assert room.notes == ("1 section(s) waited for memory",)


def test_the_one_that_began_last_gives_way_and_waits_for_more_room(room: Room) -> None:
    began_s = {"a": 0.0, "c": 2.0, "b": 1.0}
    assert room.who_gives_way(900.0, began_s, 3.0) is None
    found = room.who_gives_way(1200.0, began_s, 3.0)
    assert found is not None and found[0] == "c"
    assert room.who_gives_way(1200.0, began_s, 3.0 + EVICT_EVERY_S / 2) is None

    assert room.gave_way("c", Cancelled("stopped to make room"))
    assert room.why_not("c", ["a", "b"]) is not None
    assert room.notes[-1].startswith("1 time(s)")


def test_one_that_was_done_before_it_could_be_stopped_has_not_given_way(room: Room) -> None:
    room.who_gives_way(1200.0, {"a": 0.0, "c": 2.0}, 3.0)

    assert not room.gave_way("c", Done(usage=Usage(peak_rss_mb=900.0)))
    assert room.why_not("c", ["a"]) is not None and not room.gave_way("a", Cancelled("somebody else"))


def test_the_last_one_is_never_stopped(room: Room) -> None:
    assert room.who_gives_way(5000.0, {"a": 0.0}, 3.0) is None


def test_idle_slots_are_lent_as_far_as_memory_reaches(room: Room) -> None:
    assert room.for_more(None, running=1, most=3) == 3
    assert room.for_more(300.0, running=1, most=3) == 2
    assert room.for_more(900.0, running=2, most=3) == 0
    assert room.for_more(1200.0, running=1, most=3) == 0
