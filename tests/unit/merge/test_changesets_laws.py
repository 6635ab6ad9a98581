"""Laws of merging changesets, for up to six sections on any small tree."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.merge.changesets import merge_changesets
from ptx_prefect.merge.steps import rest_after, steps_of
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, compose, digest_of

PATHS = ("a.txt", "d/b.txt", "d/e/c.txt", "new.txt", "d")
LINES = 12
START = {path: "".join(f"{path} line {n}\n" for n in range(LINES)) for path in PATHS[:3]}

Edit = tuple[str, int, str]
edits = st.tuples(st.sampled_from(PATHS), st.integers(-1, LINES - 1), st.sampled_from("xyz"))
sections = st.lists(st.lists(edits, max_size=4), min_size=1, max_size=6)


def changeset_of(rows: list[Edit]) -> Changeset:
    """Each edit replaces a line; line -1 deletes the file; a path that the base has not is added."""
    state: dict[str, str | None] = {}
    for path, line, text in rows:
        before = state.get(path, START.get(path))
        if line < 0 or before is None:
            state[path] = None if line < 0 else f"{text}\n"
        else:
            lines = before.splitlines(keepends=True)
            lines[line % len(lines)] = f"{text} {line}\n"
            state[path] = "".join(lines)
    changes = []
    for path, text_or_none in sorted(state.items()):
        old = digest_of(START[path].encode()) if path in START else None
        if text_or_none != START.get(path):
            changes.append(FileChange(path, old, None if text_or_none is None else text_or_none.encode()))
    return Changeset(tuple(changes))


def make_base(folder: str) -> Base:
    for path, text in START.items():
        (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
        (Path(folder) / path).write_text(text)
    return Base.of_directory(folder)


@settings(max_examples=40, deadline=None)
@given(sections, st.randoms(use_true_random=False))
def test_arrival_is_of_no_effect_and_nothing_is_lost(drawn: list[list[Edit]], shuffle: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = make_base(folder)
        names = [f"s{number}" for number in range(len(drawn))]
        sides = [(name, changeset_of(rows)) for name, rows in zip(names, drawn, strict=True)]
        merged = merge_changesets(base, sides, order=names)
        arrived = shuffle.sample(sides, len(sides))
        assert merge_changesets(base, arrived, order=names) == merged

        # Every line that somebody wrote is in the tree or in a conflict.
        shown = b"".join(change.content or b"" for change in merged.changeset.changes).decode()
        shown += "".join(text for conflict in merged.conflicts for text in conflict.versions)
        written = {
            line
            for _, changeset in sides
            for change in changeset.changes
            for line in (change.content or b"").decode().splitlines()
            if line not in START.get(change.path, "").splitlines()
        }
        assert all(line in shown for line in written)

        # Merging the result again, beside any of its sides, changes nothing where all was clean.
        if merged.is_clean:
            again = merge_changesets(base, [("all", merged.changeset), sides[0]])
            assert again.changeset == merged.changeset


@settings(max_examples=40, deadline=None)
@given(sections)
def test_the_steps_and_the_rest_make_the_merged_tree(drawn: list[list[Edit]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = make_base(folder)
        sides = [(f"s{number}", changeset_of(rows)) for number, rows in enumerate(drawn)]
        merged = merge_changesets(base, sides)
        steps = steps_of(base, sides)
        total = compose([*(step for _, step in steps), rest_after(base, steps, merged.changeset)])

        wanted = {change.path: change.content for change in merged.changeset.changes}
        reached = {change.path: change.content for change in total.changes}
        unchanged = {path for path in reached.keys() - wanted.keys() if _is_start(path, reached[path])}
        assert {path: reached[path] for path in reached.keys() - unchanged} == wanted


def _is_start(path: str, content: bytes | None) -> bool:
    return content == (START[path].encode() if path in START else None)
