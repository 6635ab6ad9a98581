from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.claims import settle_claims
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.overlap import patterns_overlap
from ptx_prefect.tree.globs import matcher_of


def section(name: str, *, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> SectionDraft:
    return SectionDraft(name, name, reads=reads, writes=writes)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.py", "a.py", True),
        ("src", "src/a.py", True),
        ("src/*.py", "src/a.py", True),
        ("src/*.py", "src/b/a.py", False),
        ("src/*", "src/b/a.py", True),
        ("**/a.py", "a.py", True),
        ("src/**/a.py", "src/x/y/a.py", True),
        ("src/a*.py", "src/*b.py", True),
        ("src/a*", "src/b*", False),
        ("[ab].py", "[bc].py", True),
        ("[ab].py", "[!ab].py", False),
        ("[!a].py", "[!b].py", True),
        ("**/*.py", "docs/**/*.md", False),
        ("**/*.py", "docs/**", True),
        ("a?c", "a/c", False),
        (".", "anything", True),
        ("*.py", "*.pyi", False),
        ("*.p", "*.p/inner", False),
        ("*p", "*p/inner", True),
    ],
)
def test_two_patterns_overlap_when_a_path_matches_both(one: str, other: str, expected: bool) -> None:
    assert patterns_overlap(one, other) is expected
    assert patterns_overlap(other, one) is expected


_PATTERNS = st.lists(st.sampled_from(["a", "b", "/", "*", "**", "?", "[ab]", "[!a]"]), min_size=1, max_size=6).map(
    "".join
)
_PATHS = st.lists(st.text("abc", min_size=1, max_size=2), min_size=1, max_size=3).map("/".join)


@given(one=_PATTERNS, other=_PATTERNS, path=_PATHS)
def test_a_path_that_matches_both_patterns_proves_the_overlap(one: str, other: str, path: str) -> None:
    if matcher_of([one])(path) and matcher_of([other])(path):
        assert patterns_overlap(one, other)


@given(pattern=_PATTERNS, path=_PATHS)
def test_a_pattern_overlaps_a_plain_path_that_it_matches(pattern: str, path: str) -> None:
    assert patterns_overlap(pattern, path) or not matcher_of([pattern])(path)


def test_a_reader_waits_for_the_writer() -> None:
    settled = settle_claims([section("use", reads=("api/*.py",)), section("make", writes=("api/v1.py",))], {})

    assert [(edge.source, edge.target) for edge in settled.edges] == [("make", "use")]
    assert "'api/v1.py'" in settled.edges[0].reason or "'api/*.py'" in settled.edges[0].reason
    assert settled.conflicts == ()


def test_a_read_that_would_close_a_cycle_is_noted() -> None:
    sections = [section("a", reads=("y",), writes=("x",)), section("b", reads=("x",), writes=("y",))]
    settled = settle_claims(sections, {})

    assert len(settled.edges) == 1
    assert "close a cycle" in settled.notes[0]


@pytest.mark.parametrize("choice", ["sequence", "merge"])
def test_two_writers_of_one_file_are_forecast(choice: str) -> None:
    sections = [section("a", writes=("src/**",)), section("b", writes=("src/x.py",)), section("c", writes=("docs",))]
    settled = settle_claims(sections, {}, choice=choice)  # type: ignore[arg-type] # parametrized

    assert [(one.sections, one.paths, one.choice) for one in settled.conflicts] == [(("a", "b"), ("src/x.py",), choice)]
    assert [(edge.source, edge.target) for edge in settled.edges] == ([("a", "b")] if choice == "sequence" else [])


def test_writers_with_an_order_between_them_do_not_conflict() -> None:
    sections = [section("a", writes=("x",)), section("b"), section("c", writes=("x",))]
    settled = settle_claims(sections, {"b": ("c",), "a": ("b",)})

    assert settled.conflicts == ()
    assert settled.edges == ()


def test_brackets_in_the_name_of_a_claimed_file_are_no_pattern() -> None:
    sections = [
        section(name, reads=(path,), writes=(path,)) for name, path in (("a", "[lang].tsx"), ("b", "[slug].tsx"))
    ]
    with_glob = [*sections, section("c", writes=("*.tsx",))]

    assert settle_claims(sections, {}, exact={"a", "b"}).conflicts == ()
    assert [one.sections for one in settle_claims(with_glob, {}, exact={"a", "b"}).conflicts] == [
        ("a", "c"),
        ("b", "c"),
    ]


def test_refusing_names_every_pair_at_once() -> None:
    sections = [section(name, writes=("x",)) for name in "abc"]

    with pytest.raises(PlanError, match=r"'a' and 'b'.*'a' and 'c'.*'b' and 'c'"):
        settle_claims(sections, {}, choice="refuse")


_CLAIMS = st.lists(
    st.tuples(st.lists(st.sampled_from("uvwxyz"), max_size=2), st.lists(st.sampled_from("uvwxyz"), max_size=2)),
    max_size=7,
)


@given(_CLAIMS)
def test_sequencing_leaves_no_cycle_and_no_two_writers_without_order(claims: list[tuple[list[str], list[str]]]) -> None:
    sections = [section(str(n), reads=tuple(reads), writes=tuple(writes)) for n, (reads, writes) in enumerate(claims)]
    settled = settle_claims(sections, {})
    before: dict[str, set[str]] = {one.name: set() for one in sections}
    for _ in sections:
        for edge in settled.edges:
            before[edge.target] |= {edge.source} | before[edge.source]

    assert all(name not in earlier for name, earlier in before.items())
    for one, other in combinations(sections, 2):
        if set(one.writes) & set(other.writes):
            assert one.name in before[other.name] or other.name in before[one.name]
