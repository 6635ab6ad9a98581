"""What is kept can be listed and pruned; what is in use stays. What changed since a result is told part by part."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ptx_prefect.engine.keys import key_and_parts
from ptx_prefect.engine.store import IN_USE_S, Store
from ptx_prefect.plan.plan import Section
from ptx_prefect.run.outcomes import Done

NOW_S = 1.5e9
"""Long ago: what the tests write or read themselves is newer."""
DAY_S = 86400.0


def keep(store: Store, letter: str, *, used_ago_s: float, kilobytes: int = 100) -> str:
    key = letter * 64
    directory = store.directory(key)
    (directory / "log.txt").write_text("x" * 1000 * kilobytes)
    store.put(key, Done(letter), section=letter, parts={"config.argv": letter})
    for path in [*directory.iterdir(), directory]:
        os.utime(path, (NOW_S - used_ago_s, NOW_S - used_ago_s))
    return key


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for letter, days in (("a", 1), ("b", 10), ("c", 30)):
        keep(store, letter, used_ago_s=days * DAY_S)
    return store


def test_entries_come_with_section_and_size_the_last_used_first(store: Store) -> None:
    found = store.entries()

    assert [entry.section for entry in found] == ["a", "b", "c"]
    assert all(entry.size > 100_000 for entry in found)


def test_pruning_by_age_takes_what_was_not_used_for_long(store: Store) -> None:
    gone = store.prune(NOW_S, older_than_s=20 * DAY_S, keep_mb=None)

    assert [entry.section for entry in gone] == ["c"]
    assert store.keys() == ["a" * 64, "b" * 64]


def test_pruning_by_size_takes_what_was_used_longest_ago(store: Store) -> None:
    gone = store.prune(NOW_S, older_than_s=None, keep_mb=0.15)

    assert [entry.section for entry in gone] == ["b", "c"]


def test_what_is_in_use_stays_whatever_is_asked(store: Store) -> None:
    keep(store, "d", used_ago_s=IN_USE_S / 2)
    running = store.directory("e" * 64) / "log.txt"
    running.write_text("a section that runs just now")
    os.utime(running, (NOW_S, NOW_S))

    store.prune(NOW_S, older_than_s=0, keep_mb=0)

    assert store.keys() == ["d" * 64, "e" * 64]


def test_a_result_that_is_read_counts_as_used(store: Store) -> None:
    before = {entry.section: entry.used_at for entry in store.entries()}
    assert store.get("c" * 64) is not None
    after = {entry.section: entry.used_at for entry in store.entries()}

    assert [name for name in after if after[name] != before[name]] == ["c"]


def test_the_parts_of_the_last_result_are_found_by_section(store: Store) -> None:
    assert store.last_parts("b") == {"config.argv": "b"}
    assert store.last_parts("unknown") is None


def test_parts_are_short_and_name_each_thing_that_decides() -> None:
    section = Section(
        name="s",
        description="d" * 500,
        worker="command",
        config={"argv": ["make"]},
        depends_on=("p",),
        timeout_s=1,
        estimate_s=1,
        estimate_from="spec",
    )
    _, parts = key_and_parts(section, fingerprint={"version": 1}, inputs_digest="i", prerequisites=["k"])

    assert parts["config.argv"] == '["make"]'
    assert parts["fingerprint.version"] == "1" and parts["result of p"] == '"k"'
    assert parts["description"].startswith("sha256:")
