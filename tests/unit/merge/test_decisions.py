"""A person's decisions put into a merge: in place of the markers, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.merge.decisions import has_markers, places_of, with_decisions
from ptx_prefect.tree import Base, Changeset
from ptx_prefect.tree.changeset import FileChange, digest_of

BASE = "def a():\n    return 1\n\n\ndef b():\n    return 2\n\n\ndef c():\n    return 3\n"


def merged_from(tmp_path: Path, *texts: str, base: str = BASE) -> Merged:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "m.py").write_bytes(base.encode())
    old = digest_of(base.encode())
    sides = [
        (f"section in {index}", Changeset((FileChange("m.py", old, text.encode()),)))
        for index, text in enumerate(texts)
    ]
    return merge_changesets(Base.of_directory(folder), sides)


def content_of(merged: Merged) -> str:
    return (merged.changeset.changes[0].content or b"").decode()


def test_each_place_gets_its_own_answer(tmp_path: Path) -> None:
    ours = BASE.replace("return 1", "return 10").replace("return 3", "return 30")
    theirs = BASE.replace("return 1", "return 11").replace("return 3", "return 31")
    merged = merged_from(tmp_path, ours, theirs)
    first, second = places_of(merged)

    done = with_decisions(merged, {first.identity: first.versions[1], second.identity: "    return 99"})

    assert first.names == ("section in 0", "section in 1")
    assert content_of(done) == BASE.replace("return 1", "return 11").replace("return 3", "return 99")
    assert done.is_clean
    assert [row.reason for row in done.resolutions][-2:] == ["decided in review"] * 2


def test_what_is_not_decided_stays_a_conflict(tmp_path: Path) -> None:
    ours = BASE.replace("return 1", "return 10").replace("return 3", "return 30")
    theirs = BASE.replace("return 1", "return 11").replace("return 3", "return 31")
    merged = merged_from(tmp_path, ours, theirs)
    first, second = places_of(merged)

    done = with_decisions(merged, {second.identity: ""})

    assert [place.identity for place in places_of(done)] == [first.identity]
    assert has_markers(content_of(done))
    assert "return 3" not in content_of(done)


def test_a_file_without_markers_hides_no_place_of_the_files_after_it(tmp_path: Path) -> None:
    ours, theirs = (BASE.replace("return 1", f"return {number}").encode() for number in (10, 11))
    sides = []
    for name, text in (("one", ours), ("two", theirs)):
        logo = FileChange("logo.png", None, b"\0" + text)
        sides.append((name, Changeset((logo, FileChange("m.py", digest_of(BASE.encode()), text)))))
    (tmp_path / "m.py").write_bytes(BASE.encode())

    merged = merge_changesets(Base.of_directory(tmp_path), sides)

    assert {row.path for row in merged.conflicts} == {"logo.png", "m.py"}
    assert [place.names for place in places_of(merged)] == [("one", "two")]


def test_three_rivals_are_one_place_the_whole_file(tmp_path: Path) -> None:
    rivals = [BASE.replace("return 1", f"return {number}") for number in (10, 11, 12)]
    merged = merged_from(tmp_path, *rivals)
    places = places_of(merged)

    done = with_decisions(merged, {place.identity: rivals[2] for place in places})

    assert content_of(done) == rivals[2]
    assert done.is_clean


def test_line_ends_of_the_file_are_kept(tmp_path: Path) -> None:
    base = BASE.replace("\n", "\r\n")
    merged = merged_from(
        tmp_path, base.replace("return 1", "return 10"), base.replace("return 1", "return 11"), base=base
    )
    (place,) = places_of(merged)

    done = with_decisions(merged, {place.identity: "    return 7\n"})

    assert content_of(done) == base.replace("return 1", "return 7")


def test_decisions_of_another_merge_change_nothing(tmp_path: Path) -> None:
    merged = merged_from(tmp_path, BASE.replace("return 1", "return 10"), BASE.replace("return 1", "return 11"))

    assert with_decisions(merged, {("m.py", ("x", "y")): "z"}) is merged
