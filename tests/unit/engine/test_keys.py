"""Content keys: what changes them, what does not, and that no field of a section is forgotten."""

from __future__ import annotations

import subprocess
from dataclasses import fields, replace
from pathlib import Path

import pytest

from ptx_prefect.engine.keys import KEYED, LEFT_OUT, canonical_json, inputs_digest, key_and_parts
from ptx_prefect.plan.plan import Section

SECTION = Section("a", "d", "command", {"argv": ["x"]}, (), 1.0, 1.0, "default")


def key(section: Section = SECTION, inputs: str = "i", prerequisites: tuple[str, ...] = ()) -> str:
    section = replace(section, depends_on=tuple(f"p{index}" for index, _ in enumerate(prerequisites)))
    return key_and_parts(section, fingerprint={"v": 1}, inputs_digest=inputs, prerequisites=prerequisites)[0]


def test_every_field_of_a_section_is_keyed_or_left_out_for_a_reason() -> None:
    assert set(KEYED) | set(LEFT_OUT) == {field.name for field in fields(Section)}
    assert not set(KEYED) & set(LEFT_OUT)


def test_what_could_change_a_result_changes_the_key() -> None:
    changed = [
        key(replace(SECTION, config={"argv": ["y"]})),
        key(replace(SECTION, worker="callable")),
        key(replace(SECTION, writes=("w",))),
        key(replace(SECTION, content="c")),
        key(inputs="j"),
        key(prerequisites=("p",)),
    ]

    assert len({key(), *changed}) == len(changed) + 1


def test_what_only_orders_or_limits_the_work_does_not() -> None:
    assert key(replace(SECTION, timeout_s=9, estimate_s=9, estimate_from="history", identity="x", items=3)) == key()


def test_equal_values_have_one_text_and_sets_are_sorted() -> None:
    assert canonical_json({"b": {3, 1, 2}, "a": Path("x")}) == canonical_json({"a": "x", "b": [1, 2, 3]})
    with pytest.raises(TypeError, match="cache key"):
        canonical_json({"a": object()})


def test_declared_reads_count_by_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "b.txt").write_text("1")
    first = inputs_digest(tmp_path, ["a.*"])
    (tmp_path / "b.txt").write_text("2")
    same = inputs_digest(tmp_path, ["a.*"])
    (tmp_path / "a.txt").write_text("2")

    assert first == same != inputs_digest(tmp_path, ["a.*"])


def test_a_folder_in_reads_counts_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/x.txt").write_text("1")
    first = inputs_digest(tmp_path, ["src/"])
    (tmp_path / "src/x.txt").write_text("2")

    assert first != inputs_digest(tmp_path, ["src/"])


def test_without_reads_what_git_tracks_counts(tmp_path: Path) -> None:
    assert inputs_digest(tmp_path, []) == ""
    for args in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "m"]):
        (tmp_path / "a.txt").write_text("1")
        subprocess.run(["git", *args], cwd=tmp_path, check=True)
    first = inputs_digest(tmp_path, [])
    (tmp_path / "new.txt").write_text("untracked output")
    untracked = inputs_digest(tmp_path, [])
    (tmp_path / "a.txt").write_text("2")

    assert first == untracked != inputs_digest(tmp_path, [])
