from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ptx_prefect.errors import MergeError
from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.merge.steps import rest_after, steps_of
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import EXECUTABLE, REGULAR, SYMLINK, Changeset, FileChange, compose, digest_of

TEXT = "".join(f"line {number}\n" for number in range(1, 31))
FILES = {"a.txt": TEXT, "b.txt": "b\n", "pkg/m.py": "import os\n\n\ndef f():\n    return os.sep\n", "bin.dat": "\0\1\2"}
State = Mapping[str, str | bytes | tuple[str, int] | None]


@pytest.fixture
def base(tmp_path: Path) -> Base:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return Base.of_directory(tmp_path)


def changes(
    state: State, *, on: Mapping[str, str | None] | None = None, moved: Mapping[str, str] | None = None
) -> Changeset:
    """What a section changed that started from the base with ``on``; None deletes, in both."""
    start = {path: text for path, text in {**FILES, **(on or {})}.items() if text is not None}
    rows = []
    for path, wanted in sorted(state.items()):
        text, mode = wanted if isinstance(wanted, tuple) else (wanted, REGULAR)
        content = text.encode() if isinstance(text, str) else text
        old = digest_of(start[path].encode()) if path in start else None
        rows.append(FileChange(path, old, content, mode, (moved or {}).get(path)))
    return Changeset(tuple(rows))


def edited(number: int, text: str, *, of: str = TEXT) -> str:
    return of.replace(f"line {number}\n", f"{text}\n")


def content_of(merged: Merged, path: str) -> str | None:
    found = {change.path: change.content for change in merged.changeset.changes}
    content = found[path]
    return None if content is None else content.decode()


def reasons(merged: Merged) -> list[str]:
    return [conflict.reason for conflict in merged.conflicts]


def test_what_only_one_section_changed_is_taken_as_it_is(base: Base) -> None:
    broken = "def (:\n"
    merged = merge_changesets(
        base, [("one", changes({"pkg/m.py": broken, "new.bin": b"\0new"})), ("two", changes({"b.txt": None}))]
    )

    assert merged.is_clean
    assert content_of(merged, "pkg/m.py") == broken
    assert [change.path for change in merged.changeset.changes] == ["b.txt", "new.bin", "pkg/m.py"]
    assert content_of(merged, "b.txt") is None
    assert merged.sections == ("one", "two")


def test_edits_of_different_places_go_together_and_are_recorded(base: Base) -> None:
    one, two = changes({"a.txt": edited(3, "three")}), changes({"a.txt": edited(27, "twenty-seven")})
    merged = merge_changesets(base, [("one", one), ("two", two)])

    assert merged.is_clean
    assert content_of(merged, "a.txt") == edited(27, "twenty-seven", of=edited(3, "three"))
    assert [(row.path, row.sections) for row in merged.resolutions] == [("a.txt", ("one", "two"))]


def test_edits_of_one_place_conflict_with_both_versions_and_names(base: Base) -> None:
    merged = merge_changesets(
        base, [("one", changes({"a.txt": edited(3, "x")})), ("two", changes({"a.txt": edited(3, "y")}))]
    )

    (conflict,) = merged.conflicts
    assert (conflict.kind, conflict.path, conflict.sections) == ("file", "a.txt", ("one", "two"))
    assert "x" in conflict.versions[0]
    assert "y" in conflict.versions[1]


def test_the_same_change_by_two_sections_is_no_conflict(base: Base) -> None:
    same = changes({"a.txt": edited(3, "x"), "b.txt": None, "new": "n"})
    merged = merge_changesets(base, [("one", same), ("two", same)])

    assert merged.is_clean
    assert merged.changeset == same


def test_the_order_of_arrival_is_of_no_effect(base: Base) -> None:
    sides = [
        ("a", changes({"a.txt": edited(3, "x"), "n/x": "1", "both": "p\n"})),
        ("b", changes({"a.txt": edited(3, "y"), "b.txt": None, "both": "q\n"})),
        ("c", changes({"a.txt": edited(20, "z"), "b.txt": "c\n", "n": "file"})),
        ("d", changes({"moved.py": FILES["pkg/m.py"], "pkg/m.py": None}, moved={"moved.py": "pkg/m.py"})),
        ("e", changes({"pkg/m.py": FILES["pkg/m.py"].replace("sep", "name")})),
    ]
    results = {merge_changesets(base, order, order="abcde") for order in itertools.permutations(sides)}

    assert len(results) == 1


class TestHeirs:
    """A section that started from another's work is no rival of it."""

    def test_a_chain_ends_with_the_last_ones_version(self, base: Base) -> None:
        first = edited(3, "three")
        second = edited(4, "four", of=first.replace("three", "drei"))
        sides = [("a", changes({"a.txt": first})), ("b", changes({"a.txt": second}, on={"a.txt": first}))]
        merged = merge_changesets(base, sides, after={"b": ["a"]})

        assert merged.is_clean
        assert content_of(merged, "a.txt") == second

    def test_an_heir_may_take_back_what_it_inherited(self, base: Base) -> None:
        first = edited(3, "three")
        a, b = changes({"a.txt": first}), changes({"a.txt": TEXT}, on={"a.txt": first})
        c = changes({"a.txt": edited(20, "twenty")})
        merged = merge_changesets(base, [("a", a), ("b", b), ("c", c)], after={"b": ["a"]})

        assert merged.is_clean
        assert content_of(merged, "a.txt") == edited(20, "twenty")

    def test_a_diamond_merges_against_what_both_inherited(self, base: Base) -> None:
        """Both arms hold the first section's line; only against its version is one arm's deletion of it a deletion."""
        root = edited(3, "three\nextra")
        left = changes({"a.txt": root.replace("extra\n", "")}, on={"a.txt": root})
        right = changes({"a.txt": edited(20, "twenty", of=root)}, on={"a.txt": root})
        sides = [("root", changes({"a.txt": root})), ("left", left), ("right", right)]
        merged = merge_changesets(base, sides, after={"left": ["root"], "right": ["root"]})

        assert merged.is_clean
        assert content_of(merged, "a.txt") == edited(20, "twenty", of=edited(3, "three"))

    def test_the_closing_section_of_a_diamond_settles_the_arms_conflict(self, base: Base) -> None:
        left, right = changes({"a.txt": edited(3, "l")}), changes({"b.txt": "r\n"})
        last = changes({"a.txt": edited(3, "last"), "b.txt": "last\n"}, on={"a.txt": edited(3, "l"), "b.txt": "r\n"})
        after = {"last": ["left", "right"]}
        merged = merge_changesets(base, [("left", left), ("right", right), ("last", last)], after=after)

        assert merged.is_clean
        assert merged.changeset == compose([left, right, last])

    def test_an_heir_of_an_heir_inherits_through_a_section_without_changes(self, base: Base) -> None:
        first = edited(3, "three")
        last = changes({"a.txt": edited(4, "four", of=first)}, on={"a.txt": first})
        after = {"last": ["middle"], "middle": ["first"]}
        merged = merge_changesets(base, [("first", changes({"a.txt": first})), ("last", last)], after=after)

        assert merged.is_clean
        assert content_of(merged, "a.txt") == edited(4, "four", of=first)

    def test_an_outsider_is_merged_with_the_merged_heirs(self, base: Base) -> None:
        root = edited(3, "three")
        sides = [
            ("root", changes({"a.txt": root})),
            ("left", changes({"a.txt": edited(10, "ten", of=root)}, on={"a.txt": root})),
            ("right", changes({"a.txt": edited(20, "twenty", of=root)}, on={"a.txt": root})),
            ("outsider", changes({"a.txt": edited(27, "late")})),
        ]
        merged = merge_changesets(base, sides, after={"left": ["root"], "right": ["root"]})

        assert merged.is_clean
        assert content_of(merged, "a.txt") == edited(27, "late", of=edited(20, "twenty", of=edited(10, "ten", of=root)))

    def test_a_conflict_with_merged_heirs_names_every_section(self, base: Base) -> None:
        root = edited(3, "three")
        sides = [
            ("root", changes({"a.txt": root})),
            ("left", changes({"a.txt": edited(10, "ten", of=root)}, on={"a.txt": root})),
            ("right", changes({"a.txt": edited(20, "twenty", of=root)}, on={"a.txt": root})),
            ("outsider", changes({"a.txt": edited(20, "zwanzig")})),
        ]
        merged = merge_changesets(base, sides, after={"left": ["root"], "right": ["root"]})

        assert [conflict.sections for conflict in merged.conflicts] == [("left", "right", "outsider")]

    def test_a_change_on_a_state_that_is_not_there_is_flagged(self, base: Base) -> None:
        stale = changes({"a.txt": "new\n"}, on={"a.txt": "what never was\n"})
        merged = merge_changesets(base, [("stale", stale)])

        assert "another state" in reasons(merged)[0]


class TestPresence:
    def test_deleted_and_edited_conflicts_and_keeps_the_edit(self, base: Base) -> None:
        merged = merge_changesets(base, [("one", changes({"b.txt": None})), ("two", changes({"b.txt": "edit\n"}))])

        (conflict,) = merged.conflicts
        assert conflict.versions == ("", "edit\n")
        assert "deleted by 'one', edited by 'two'" in conflict.reason
        assert content_of(merged, "b.txt") == "edit\n"

    def test_a_file_added_twice_with_different_text_conflicts(self, base: Base) -> None:
        merged = merge_changesets(base, [("one", changes({"n.txt": "1\n"})), ("two", changes({"n.txt": "2\n"}))])

        assert not merged.is_clean
        assert {"1\n", "2\n"} <= set("".join(content_of(merged, "n.txt") or "").splitlines(keepends=True))

    def test_a_file_and_a_folder_of_one_name_both_survive(self, base: Base) -> None:
        merged = merge_changesets(base, [("one", changes({"n": "file"})), ("two", changes({"n/x": "inside"}))])

        assert content_of(merged, "n/x") == "inside"
        assert content_of(merged, "n~one") == "file"
        assert merged.conflicts[0].sections == ("one", "two")

    def test_a_folder_replaced_by_a_file_while_a_rival_edits_inside(self, base: Base) -> None:
        one = changes({"pkg": "file", "pkg/m.py": None})
        merged = merge_changesets(base, [("one", one), ("two", changes({"pkg/m.py": "x = 1\n"}))])

        assert content_of(merged, "pkg/m.py") == "x = 1\n"
        assert content_of(merged, "pkg~one") == "file"
        assert len(merged.conflicts) == 2


class TestModes:
    def test_a_mode_and_a_text_change_go_together(self, base: Base) -> None:
        sides = [("one", changes({"a.txt": (TEXT, EXECUTABLE)})), ("two", changes({"a.txt": edited(3, "x")}))]
        merged = merge_changesets(base, sides)

        assert merged.is_clean
        assert (merged.changeset.changes[0].mode, content_of(merged, "a.txt")) == (EXECUTABLE, edited(3, "x"))

    def test_links_to_different_targets_conflict(self, base: Base) -> None:
        sides = [("one", changes({"l": ("a.txt", SYMLINK)})), ("two", changes({"l": ("b.txt", SYMLINK)}))]
        merged = merge_changesets(base, sides)

        assert merged.conflicts[0].versions == ("a.txt", "b.txt")
        assert content_of(merged, "l") == "a.txt"

    def test_a_link_against_an_edit_conflicts(self, base: Base) -> None:
        merged = merge_changesets(
            base, [("one", changes({"a.txt": ("b.txt", SYMLINK)})), ("two", changes({"a.txt": "x"}))]
        )

        assert "symbolic link" in reasons(merged)[0]

    def test_binary_files_conflict_without_markers(self, base: Base) -> None:
        merged = merge_changesets(
            base, [("one", changes({"bin.dat": "\0one"})), ("two", changes({"bin.dat": "\0two"}))]
        )

        assert [conflict.sections for conflict in merged.conflicts] == [("one", "two")]
        assert content_of(merged, "bin.dat") in ("\0one", "\0two")


class TestMoves:
    def moved(self, text: str = TEXT) -> Changeset:
        return changes({"c.txt": text, "a.txt": None}, moved={"c.txt": "a.txt"})

    def test_an_edit_follows_the_moved_file_and_is_flagged(self, base: Base) -> None:
        merged = merge_changesets(base, [("mover", self.moved()), ("editor", changes({"a.txt": edited(3, "x")}))])

        assert content_of(merged, "c.txt") == edited(3, "x")
        assert content_of(merged, "a.txt") is None
        assert ["moved it from 'a.txt'" in reason for reason in reasons(merged)] == [True]

    def test_the_movers_own_edit_is_merged_with_the_other(self, base: Base) -> None:
        mover = self.moved(edited(20, "mine"))
        merged = merge_changesets(base, [("editor", changes({"a.txt": edited(3, "x")})), ("mover", mover)])

        assert content_of(merged, "c.txt") == edited(20, "mine", of=edited(3, "x"))

    def test_a_move_to_two_places_keeps_both_and_is_flagged(self, base: Base) -> None:
        other = changes({"d.txt": TEXT, "a.txt": None}, moved={"d.txt": "a.txt"})
        merged = merge_changesets(base, [("one", self.moved()), ("two", other)])

        assert (content_of(merged, "c.txt"), content_of(merged, "d.txt")) == (TEXT, TEXT)
        assert "both places have it" in reasons(merged)[0]

    def test_a_move_against_a_deletion_is_flagged(self, base: Base) -> None:
        merged = merge_changesets(base, [("one", self.moved()), ("two", changes({"a.txt": None}))])

        assert content_of(merged, "c.txt") == TEXT
        assert "deleted it there" in reasons(merged)[0]

    def test_who_builds_on_a_deletion_may_move_what_was_put_there_since(self, base: Base) -> None:
        """No rival deleted the moved file: it is another one, at a path that was free."""
        sides = [
            ("deleter", changes({"a.txt": None})),
            ("author", changes({"a.txt": "other\n"}, on={"a.txt": None})),
            ("mover", changes({"c.txt": "other\n", "a.txt": None}, on={"a.txt": "other\n"}, moved={"c.txt": "a.txt"})),
        ]
        merged = merge_changesets(base, sides, after={"author": ["deleter"], "mover": ["author"]})

        assert reasons(merged) == []
        assert (content_of(merged, "c.txt"), content_of(merged, "a.txt")) == ("other\n", None)

    def test_a_path_that_heirs_used_twice_may_be_moved_away_twice(self, base: Base) -> None:
        sides = [
            ("one", self.moved()),
            ("author", changes({"a.txt": "other\n"}, on={"a.txt": None})),
            ("two", changes({"d.txt": "other\n", "a.txt": None}, on={"a.txt": "other\n"}, moved={"d.txt": "a.txt"})),
        ]
        merged = merge_changesets(base, sides, after={"author": ["one"], "two": ["author"]})

        assert reasons(merged) == []
        assert (content_of(merged, "c.txt"), content_of(merged, "d.txt")) == (TEXT, "other\n")

    def test_a_file_moved_twice_by_heirs_is_followed(self, base: Base) -> None:
        second = changes({"d.txt": TEXT, "c.txt": None}, on={"c.txt": TEXT}, moved={"d.txt": "c.txt"})
        sides = [("one", self.moved()), ("two", second), ("editor", changes({"a.txt": edited(3, "x")}))]
        merged = merge_changesets(base, sides, after={"two": ["one"]})

        assert content_of(merged, "d.txt") == edited(3, "x")
        assert merged.changeset.changes[-1].renamed_from == "a.txt"


def test_markers_that_a_section_left_are_flagged(base: Base) -> None:
    left = "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n"
    merged = merge_changesets(base, [("one", changes({"b.txt": left}))])

    assert "left conflict markers" in reasons(merged)[0]


@pytest.mark.parametrize(("order", "text"), [(["x"], "not in the plan"), (None, "given twice")])
def test_sides_that_make_no_sense_are_refused(base: Base, order: Sequence[str] | None, text: str) -> None:
    with pytest.raises(MergeError, match=text):
        merge_changesets(base, [("one", Changeset()), ("one" if order is None else "two", Changeset())], order=order)


class TestSteps:
    """One commit a section: the steps and the rest give the merged tree."""

    def check(self, base: Base, sides: list[tuple[str, Changeset]], **more: Mapping[str, Sequence[str]]) -> list[str]:
        merged = merge_changesets(base, sides, **more)
        steps = steps_of(base, sides, **more)
        rest = rest_after(base, steps, merged.changeset)
        total = compose([*(step for _, step in steps), rest])
        final = {change.path: (change.content, change.mode) for change in total.changes}
        wanted = {change.path: (change.content, change.mode) for change in merged.changeset.changes}

        same = {path: row for path, row in final.items() if base.digests_at([path]).get(path) != _digest(row[0])}
        assert same == wanted
        return list(rest.paths)

    def test_a_clean_merge_leaves_no_rest(self, base: Base) -> None:
        first = edited(3, "x")
        sides = [
            ("a", changes({"a.txt": first, "new": "1"})),
            ("b", changes({"a.txt": edited(20, "y")})),
            ("c", changes({"a.txt": edited(27, "z", of=first), "new": None}, on={"a.txt": first, "new": "1"})),
        ]

        assert self.check(base, sides, after={"c": ["a"]}) == []

    def test_a_conflict_leaves_its_files_to_the_rest(self, base: Base) -> None:
        sides = [("a", changes({"a.txt": edited(3, "x"), "b.txt": None})), ("b", changes({"a.txt": edited(3, "y")}))]

        assert self.check(base, sides) == ["a.txt"]

    def test_moves_and_clashes_come_out_right(self, base: Base) -> None:
        sides = [
            ("a", changes({"a.txt": edited(3, "x"), "n": "file"})),
            ("b", changes({"c.txt": TEXT, "a.txt": None, "n/x": "in"}, moved={"c.txt": "a.txt"})),
        ]

        assert self.check(base, sides) == ["n~a"]


def _digest(content: bytes | None) -> str | None:
    return None if content is None else digest_of(content)
