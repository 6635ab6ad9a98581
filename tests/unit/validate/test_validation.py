from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of
from ptx_prefect.validate import Budget, Validation, validate

FILES = {"pkg/__init__.py": "", "pkg/m.py": "def f():\n    return 1\n", "a.txt": "one\ntwo\nthree\n"}
NO_BAD_FILE = ("sh", "-c", "! ls | grep -q bad || { echo found a bad file; exit 3; }")


@pytest.fixture
def base(tmp_path: Path) -> Base:
    for path, text in FILES.items():
        (tmp_path / "base" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "base" / path).write_text(text)
    return Base.of_directory(tmp_path / "base")


def edit(**files: str | None) -> Changeset:
    rows = []
    for name, text in files.items():
        path = name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt")
        old = digest_of(FILES[path].encode()) if path in FILES else None
        rows.append(FileChange(path, old, None if text is None else text.encode()))
    return Changeset(tuple(sorted(rows, key=lambda row: row.path)))


def check(
    base: Base,
    sides: Sequence[tuple[str, Changeset]],
    *commands: Sequence[str],
    after: Mapping[str, Sequence[str]] | None = None,
    budget: Budget | None = None,
) -> Validation:
    place = base.root.parent
    return validate(
        base, sides, after=after, checks=commands, root=place / "w", state_dir=place / "s", timeout_s=20, budget=budget
    )


def test_a_sound_tree_passes_in_one_run(base: Base) -> None:
    result = check(base, [("one", edit(x_txt="1")), ("two", edit(y_txt="2"))], NO_BAD_FILE)

    assert (result.passed, result.kept, result.ejected, result.runs) == (True, ("one", "two"), (), 1)
    assert [row.name for row in result.checks][:2] == ["syntax", "names"]
    assert result.checks[2].passed


def test_the_one_that_fails_is_ejected_with_what_builds_on_it(base: Base) -> None:
    sides = [(f"s{n}", edit(**{f"ok{n}_txt": "x"})) for n in range(8)]
    sides[3] = ("s3", edit(bad_txt="x"))
    result = check(base, sides, NO_BAD_FILE, after={"s6": ["s3"], "s7": ["s6"]})

    assert result.passed
    assert result.kept == ("s0", "s1", "s2", "s4", "s5")
    assert [(row.section, row.because_of) for row in result.ejected] == [("s3", None), ("s6", "s3"), ("s7", "s3")]
    assert "exit 3\nfound a bad file" in result.ejected[0].reason
    assert result.runs <= 8


def test_of_two_that_fail_only_together_the_later_goes_and_both_are_named(base: Base) -> None:
    both = ("sh", "-c", "! test -e left.txt || ! test -e right.txt")
    sides = [("a", edit(left_txt="x")), ("b", edit(other_txt="x")), ("c", edit(right_txt="x"))]
    result = check(base, sides, both)

    assert (result.passed, result.kept) == (True, ("a", "b"))
    assert (result.ejected[0].section, result.ejected[0].together_with) == ("c", ("a",))
    assert "when it meets 'a'" in result.ejected[0].reason


def test_independent_culprits_are_all_found(base: Base) -> None:
    sides = [("a", edit(bad1="x")), ("b", edit(ok="x")), ("c", edit(bad2="x"))]
    result = check(base, sides, NO_BAD_FILE)

    assert (result.passed, result.kept) == (True, ("b",))


def test_broken_syntax_is_found_without_running_a_command(base: Base, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    result = check(base, [("bad", edit(pkg__m_py="def (:\n")), ("ok", edit(x_txt="1"))], ("touch", str(mark)))

    assert (result.passed, result.kept) == (True, ("ok",))
    assert "pkg/m.py: does not parse" in result.ejected[0].reason
    assert mark.exists()


def test_many_that_are_wrong_by_themselves_go_at_once(base: Base, tmp_path: Path) -> None:
    sides = [(f"s{n}", edit(**{f"m{n}_py": "print(undefined)\n" if n % 2 else "x = 1\n"})) for n in range(20)]
    result = check(base, sides, ("true",), after={"s10": ["s3"]}, budget=Budget(runs=2))

    assert result.passed
    assert [row.section for row in result.ejected] == [f"s{n}" for n in range(20) if n % 2 or n == 10]
    assert "m1.py:1: undefined name 'undefined'" in result.ejected[0].reason


def test_names_that_stop_resolving_eject_who_took_them_away(base: Base) -> None:
    sides = [("user", edit(use_py="from pkg.m import f\n")), ("taker", edit(pkg__m_py="def g():\n    return 1\n"))]
    result = check(base, sides)

    assert (result.passed, result.kept) == (True, ("user",))
    assert result.ejected[0].together_with == ("user",)


def test_a_conflict_ejects_the_later_and_keeps_it_for_review(base: Base) -> None:
    sides = [("one", edit(a_txt="ONE\ntwo\nthree\n")), ("two", edit(a_txt="eins\ntwo\nthree\n", x_txt="x"))]
    result = check(base, sides)

    assert (result.passed, result.kept) == (True, ("one",))
    (ejection,) = result.ejected
    assert (ejection.section, ejection.conflicts[0].path) == ("two", "a.txt")
    assert b"<<<<" not in b"".join(change.content or b"" for change in result.merged.changeset.changes)


def test_each_of_many_that_conflict_is_told_with_what_stays_alone(base: Base) -> None:
    sides = [(f"s{n}", edit(a_txt=f"one\ntwo {n}\nthree\n")) for n in range(6)]
    result = check(base, sides)

    assert result.passed and result.kept == ("s0",)
    assert [row.section for row in result.ejected] == ["s1", "s2", "s3", "s4", "s5"]
    for number, row in enumerate(result.ejected, start=1):
        (conflict,) = row.conflicts
        assert conflict.versions == ("two 0\n", f"two {number}\n") and row.together_with == ("s0",)
        assert row.reason == "conflicts with 's0' in 'a.txt'; review it"


def test_a_section_whose_only_rival_went_comes_back(base: Base) -> None:
    sides = [
        ("first", edit(a_txt="one 1\ntwo\nthree\n")),
        ("second", edit(a_txt="one 2\ntwo\nthree 2\n")),
        ("third", edit(a_txt="one\ntwo\nthree 3\n")),
        ("on third", edit(b_txt="x")),
        ("on second", edit(c_txt="x")),
    ]
    result = check(base, sides, after={"on third": ["third"], "on second": ["second"]})

    assert result.passed and result.kept == ("first", "third", "on third")
    assert [(row.section, row.because_of) for row in result.ejected] == [("second", None), ("on second", "second")]
    (content,) = [change.content for change in result.merged.changeset.changes if change.path == "a.txt"]
    assert content == b"one 1\ntwo\nthree 3\n"


def test_checks_that_fail_on_the_base_blame_nobody(base: Base) -> None:
    result = check(base, [("one", edit(x_txt="1"))], ("false",))

    assert (result.passed, result.ejected, result.kept) == (False, (), ("one",))
    assert "on the base itself" in result.note


def test_a_command_that_is_not_there_says_so(base: Base) -> None:
    result = check(base, [("one", edit(x_txt="1"))], ("no-such-command-here",))

    assert not result.passed
    assert "cannot be started: No such file" in result.checks[-1].reason


def test_a_spent_budget_is_told(base: Base) -> None:
    sides = [(f"s{n}", edit(**{f"f{n}": "x"})) for n in range(8)] + [("worst", edit(bad="x"))]
    result = check(base, sides, NO_BAD_FILE, budget=Budget(runs=3))

    assert (result.passed, result.runs) == (False, 3)
    assert "budget of 3 runs" in result.note


def test_a_command_that_hangs_is_killed_with_its_children(base: Base) -> None:
    place = base.root.parent
    sleeper = ("sh", "-c", "sleep 300 & echo started; wait")
    result = validate(
        base, [("one", edit(x="1"))], checks=[sleeper], root=place / "w", state_dir=place / "s", timeout_s=0.5
    )

    assert "killed at its deadline" in result.checks[-1].reason


def test_python_means_the_interpreter_that_runs_this(base: Base) -> None:
    result = check(base, [("one", edit(x="1"))], ("python", "-c", "import libcst, pkg.m"))

    assert result.passed


def test_nothing_to_merge_is_checked_too(base: Base) -> None:
    assert check(base, [], NO_BAD_FILE).passed
