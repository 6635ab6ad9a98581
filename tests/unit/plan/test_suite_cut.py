"""Cutting a suite: nothing lost, nothing twice, balanced by what is known."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.plan.collect import Collected
from ptx_prefect.plan.kept_cut import KeptCut
from ptx_prefect.plan.suite import (
    OVERHEAD,
    SECTIONS_CAP,
    START,
    SectionTime,
    beside_tests,
    cut_as,
    cut_suite,
    key_of_test,
)


def collected(files: dict[str, int], *, bound: frozenset[str] = frozenset()) -> Collected:
    tests = tuple(
        (f"{file}::test_{i}", f"/root/{file}", file in bound) for file, count in files.items() for i in range(count)
    )
    return Collected("/root", tests, "d", is_remembered=False)


@given(
    st.dictionaries(st.sampled_from([f"d/test_{i}.py" for i in range(40)]), st.integers(1, 30), min_size=1),
    st.integers(1, 8),
)
def test_every_test_is_in_exactly_one_share(files: dict[str, int], workers: int) -> None:
    found = collected(files)

    shares = cut_suite(found, learned={}, workers=workers)

    assert 1 <= len(shares) <= SECTIONS_CAP
    assert sum(share.tests for share in shares) == len(found.tests)
    parts = [part for share in shares for part in share.selection]
    assert len(parts) == len(set(parts))
    whole = {part for part in parts if "::" not in part}
    assert not any(part.split("::")[0] in whole for part in parts if "::" in part)


@given(st.dictionaries(st.sampled_from([f"d/test_{i}.py" for i in range(20)]), st.integers(1, 30), min_size=1))
def test_a_kept_cut_gives_the_same_shares_again(files: dict[str, int]) -> None:
    found = collected(files)
    shares = cut_suite(found, learned={}, workers=3)
    learned = {key_of_test(nodeid): 7.0 for nodeid, _, _ in found.tests}

    again = cut_as([share.selection for share in shares], found, learned=learned)

    assert again is not None
    assert [(one.selection, one.tests, one.files) for one in again] == [
        (one.selection, one.tests, one.files) for one in shares
    ]
    assert sum(one.estimate_s for one in again) >= 7.0 * len(found.tests)


def test_a_kept_cut_of_other_tests_is_none() -> None:
    assert cut_as([("/root/gone.py",), ("/root/a.py",)], collected({"a.py": 1}), learned={}) is None


def test_a_cut_is_kept_for_its_content_alone(tmp_path: Path) -> None:
    selections = (("a.py", "b.py"), ("c.py::test_x",))
    KeptCut(tmp_path, "content", {"args": []}, 2).write(selections)

    assert KeptCut(tmp_path, "content", {"args": []}, 2).read() == selections
    assert KeptCut(tmp_path, "other", {"args": []}, 2).read() is None
    assert KeptCut(tmp_path, "content", {"args": []}, 3).read() is None
    KeptCut(tmp_path, "", 1).write(selections)
    assert KeptCut(tmp_path, "", 1).read() is None


def test_a_kept_cut_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    kept = KeptCut(tmp_path, "content", 1)
    kept.write((("a.py",),))
    (file,) = (tmp_path / "cuts").iterdir()
    for text in ("", "{", "[1, 2]", "null"):
        file.write_text(text)
        assert kept.read() is None


def test_learned_durations_balance_the_shares_longest_first() -> None:
    files = {f"test_{i}.py": 1 for i in range(16)}
    learned = {key_of_test(f"test_{i}.py::test_0"): float(i + 1) for i in range(16)}

    shares = cut_suite(collected(files), learned=learned, workers=2)

    loads = [share.estimate_s for share in shares]
    assert loads == sorted(loads, reverse=True)
    assert max(loads) < 1.25 * min(loads)


def test_one_long_file_is_cut_unless_a_wide_fixture_holds_it_together() -> None:
    files = {"test_long.py": 40, "test_short.py": 4}
    learned = {key_of_test(f"test_long.py::test_{i}"): 5.0 for i in range(40)}

    free = cut_suite(collected(files), learned=learned, workers=4)
    tied = cut_suite(collected(files, bound=frozenset({"test_long.py"})), learned=learned, workers=4)

    assert len(free) > 2
    assert any("/root/test_long.py" in share.selection for share in tied)


def test_a_key_is_what_junit_files_say() -> None:
    assert key_of_test("a/b/test_c.py::TestD::test_e[x::y/z.py]") == "a.b.test_c.TestD::test_e[x::y/z.py]"


def test_what_sections_take_beside_their_tests_is_expected_again() -> None:
    beside = beside_tests([SectionTime(11.0, 10.0, 8.0, 3), SectionTime(5.0, 2.0, 2.0, 1)])
    learned = beside | {key_of_test(f"a.py::test_{i}"): 1.0 for i in range(4)}

    (share,) = cut_suite(collected({"a.py": 4}), learned=learned, workers=1, cap=1)

    assert beside == {START: 2.0, OVERHEAD: 0.5}
    assert share.estimate_s == 4 * 1.5 + 2.0


def test_a_clock_that_went_backwards_teaches_nothing_below_zero() -> None:
    assert beside_tests([SectionTime(1.0, 2.0, 3.0, 1)]) == {START: 0.0, OVERHEAD: 0.0}
    assert beside_tests([]) == {}
