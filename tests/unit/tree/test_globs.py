from __future__ import annotations

import pytest

from ptx_prefect.tree.globs import matcher_of


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.py", "a.py", True),
        ("a.py", "x/a.py", False),
        ("src", "src/deep/a.py", True),
        ("src/", "src/a.py", True),
        ("src", "srcs/a.py", False),
        ("*.py", "a.py", True),
        ("*.py", "x/a.py", False),
        ("**/*.py", "a.py", True),
        ("**/*.py", "x/y/a.py", True),
        ("src/**", "src/x/y", True),
        ("src/**/t.py", "src/t.py", True),
        ("src/*", "src/x/y", True),
        ("?.py", "ab.py", False),
        ("[ab].py", "b.py", True),
        ("[!ab].py", "b.py", False),
        ("./a+b.py", "a+b.py", True),
        (".", "anything/at/all", True),
        ("[", "[", True),
    ],
)
def test_patterns_match_as_people_write_them(pattern: str, path: str, expected: bool) -> None:
    assert matcher_of([pattern])(path) is expected


def test_no_pattern_matches_nothing() -> None:
    assert not matcher_of([])("a.py")
