from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.tree.globs import find_files, matcher_of


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
        ("app/[id]/page.tsx", "app/[id]/page.tsx", True),
        ("app/[id]", "app/[id]/page.tsx", True),
        ("app/[id].tsx", "app/[slug].tsx", False),
    ],
)
def test_patterns_match_as_people_write_them(pattern: str, path: str, expected: bool) -> None:
    assert matcher_of([pattern])(path) is expected


def test_no_pattern_matches_nothing() -> None:
    assert not matcher_of([])("a.py")


def test_files_are_found_as_patterns_name_them(tmp_path: Path) -> None:
    for path in ("src/a.py", "src/deep/b.py", "notes.txt", "ptx-output/one/log.txt", ".git/x.txt", "other/c.txt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")

    def found(*patterns: str) -> list[str]:
        return sorted(path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path, patterns))

    assert found("src/") == found("src") == found("./src") == found("src/**") == ["src/a.py", "src/deep/b.py"]
    assert found("src/*.py") == ["src/a.py"]
    assert found("**/*.txt") == ["notes.txt", "other/c.txt"], "what we wrote ourselves is nobody's input"
    assert found("") == found(".") == ["notes.txt", "other/c.txt", "src/a.py", "src/deep/b.py"]
    assert found("nothing", "nothing/*.py") == []


def test_files_elsewhere_are_found_where_the_pattern_says_so(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/a.txt").write_text("")
    inside = tmp_path / "project"
    inside.mkdir()

    for pattern in ("../shared", "../shared/*.txt", f"{tmp_path}/shared/a.txt", f"{tmp_path}/shared"):
        assert [path.resolve() for path in find_files(inside, [pattern])] == [tmp_path / "shared/a.txt"], pattern
