"""Merge of dependency manifests: laws, cases that must conflict, cases that must not."""

from __future__ import annotations

import json
import tomllib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.merge import FileMerge, merge_file
from tests.unit.merge.sides import Edit, conflicts_in_every_order, merged_edits, merged_in_every_order

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.20"]

[project]
name = "shop"
version = "1.0"
requires-python = ">=3.9"
keywords = ["shop", "cart"]
# What the shop needs to run.
dependencies = [
  "attrs>=22",  # classes
  "httpx>=0.24,<1",
  "rich",
]

[project.optional-dependencies]
docs = ["sphinx>=6"]

[tool.pytest.ini_options]
addopts = ["-ra", "--strict"]

[tool.ruff.lint]
select = ["E", "F"]

[[tool.mypy.overrides]]
module = ["junit.*"]
ignore_missing_imports = true
"""

REQUIREMENTS = """\
-r base.txt
# web
django>=4.0,<5.0
requests==2.30.0  # pinned
# tests
pytest>=7
zope.interface
"""

PACKAGE = """\
{
  "name": "shop",
  "version": "1.0.0",
  "files": ["dist", "src"],
  "scripts": {
    "build": "tsc",
    "test": "jest"
  },
  "dependencies": {
    "express": "^4.17.0",
    "react": "^17.0.0"
  },
  "devDependencies": {
    "jest": "~29.1.0"
  }
}
"""

BASES = {
    "pyproject.toml": PYPROJECT, "requirements.txt": REQUIREMENTS, "package.json": PACKAGE,
    "poetry/pyproject.toml": (
        "[tool.poetry.dependencies]\nfoo = {version = '1', extras = ['a']}\nbar = '1'\n\n[tool.b]\n"
    ),
    "requirements-spaced.txt": "spam >=1, <3\neggs\n",
}  # fmt: skip


def merged(path: str, *edits: Edit) -> FileMerge:
    """One side an edit of the base at that path."""
    return merged_edits(BASES[path], path, edits)


MUST_MERGE = {
    "two pins of neighbours": (
        "requirements.txt",
        [("django>=4.0,<5.0", "django>=4.2,<5.0"), ("requests==2.30.0", "requests==2.31.0")],
        ["django>=4.2,<5.0\nrequests==2.31.0  # pinned\n"],
    ),
    "lists in inline tables": (
        "poetry/pyproject.toml",
        [("bar = '1'\n", "bar = '1'\nbaz = '3'\n"), ("[tool.b]\n", "[tool.b]\nx = {y = ['z']}\n")],
        ["foo = {version = '1', extras = ['a']}\nbar = '1'\nbaz = '3'\n", "x = {y = ['z']}\n"],
    ),
    "two additions at one place": (
        "requirements.txt",
        [("pytest>=7\n", "pytest>=7\npytest-cov\n"), ("pytest>=7\n", "pytest>=7\npytest-xdist\n")],
        ["pytest>=7\n", "pytest-cov\n", "pytest-xdist\n"],
    ),
    "lower and upper bound": (
        "requirements.txt",
        [("django>=4.0,<5.0", "django>=4.1,<5.0"), ("django>=4.0,<5.0", "django>=4.0,<6.0")],
        ["django>=4.1,<6.0\n"],
    ),
    "both raise the lower bound": (
        "requirements.txt",
        [("pytest>=7", "pytest>=7.4"), ("pytest>=7", "pytest>=8")],
        ["pytest>=8\n"],
    ),
    "one removes, the other adds beside it": (
        "requirements.txt",
        [("pytest>=7\n", ""), ("pytest>=7\n", "pytest>=7\nhypothesis\n")],
        ["# tests\nhypothesis\n"],
    ),
    "both add one project at different places": (
        "requirements.txt",
        [("# web\n", "# web\nboto3>=1.2\n"), ("zope.interface\n", "zope.interface\nBoto3<2\n")],
        ["<2"],
    ),
    "excluded versions": (
        "requirements.txt",
        [("pytest>=7", "pytest>=7,!=7.1"), ("pytest>=7", "pytest>=7,!=7.2")],
        ["pytest>=7,!=7.1,!=7.2\n"],
    ),
    "a pin inside the other side's new range": (
        "requirements.txt",
        [("pytest>=7", "pytest==8.1"), ("pytest>=7", "pytest>=8")],
        ["pytest==8.1\n"],
    ),
    "a range with spaces keeps them": (
        "requirements-spaced.txt",
        [(">=1, <3", ">=1.5, <3"), (">=1, <3", ">=1, <4")],
        ["spam >=1.5, <4\n"],
    ),
    "compatible releases, the later one": (
        "requirements.txt",
        [("zope.interface\n", "zope.interface\nboto3~=1.4\n"), ("# web\n", "# web\nboto3~=1.5\n")],
        ["~=1.5"],
    ),
    "a marker added by one, a bound raised by the other": (
        "requirements.txt",
        [("pytest>=7", 'pytest>=7; python_version<"3.13"'), ("pytest>=7\n", "pytest>=7\nhypothesis\n")],
        ['pytest>=7; python_version<"3.13"\nhypothesis\n'],
    ),
    "a marker added by one to a bound that the other raises": (
        "requirements.txt",
        [("pytest>=7", 'pytest>=7; python_version<"3.13"'), ("pytest>=7", "pytest>=8")],
        ['pytest>=8; python_version<"3.13"\n'],
    ),
    "one project twice, told apart by its markers": (
        "requirements.txt",
        [
            (
                "zope.interface\n",
                'zope.interface\ntomli<2; python_version<"3.8"\ntomli>=2; python_version>="3.8"\n',
            ),
            ("zope.interface\n", "zope.interface\nzope.event\n"),
        ],
        ['tomli<2; python_version<"3.8"\n', 'tomli>=2; python_version>="3.8"\n', "zope.event\n"],
    ),
    "a line continued on the next": (
        "requirements.txt",
        [("pytest>=7\n", "pytest>=7 \\\n  --hash=sha256:00\n"), ("requests==2.30.0", "requests==2.31.0")],
        ["pytest>=7 \\\n  --hash=sha256:00\n", "requests==2.31.0"],
    ),
    "toml: an extra group for each side": (
        "pyproject.toml",
        [
            ('docs = ["sphinx>=6"]\n', 'docs = ["sphinx>=6"]\ntest = ["pytest"]\n'),
            ('docs = ["sphinx>=6"]\n', 'docs = ["sphinx>=6"]\nlint = ["ruff"]\n'),
        ],
        ['test = ["pytest"]\n', 'lint = ["ruff"]\n'],
    ),
    "toml: a date, an inline table and a text of many lines": (
        "pyproject.toml",
        [
            ('version = "1.0"\n', 'version = "1.0"\nreadme = { file = "R.md", type = "text/markdown" }\n'),
            ('version = "1.0"\n', 'version = "1.0"\ndescription = """\nA shop.\n"""\nsince = 2020-01-01 10:00:00Z\n'),
        ],
        ['readme = { file = "R.md", type = "text/markdown" }\n', '"""\nA shop.\n"""\n', "2020-01-01 10:00:00Z\n"],
    ),
    "toml: additions to one list": (
        "pyproject.toml",
        [('  "rich",\n', '  "rich",\n  "typer",\n'), ('  "rich",\n', '  "rich>=13",\n')],
        ['  "rich>=13",\n  "typer",\n]'],
    ),
    "toml: requires-python raised by both": (
        "pyproject.toml",
        [(">=3.9", ">=3.10"), (">=3.9", ">=3.11")],
        ['requires-python = ">=3.11"\n'],
    ),
    "toml: one-line lists": (
        "pyproject.toml",
        [('["E", "F"]', '["E", "F", "I"]'), ('["E", "F"]', '["E", "F", "UP"]')],
        ['select = ["E", "F", "I", "UP"]\n'],
    ),
    "toml: two new tables at the end": (
        "pyproject.toml",
        [
            ("ignore_missing_imports = true\n", "ignore_missing_imports = true\n\n[tool.one]\na = 1\n"),
            ("ignore_missing_imports = true\n", "ignore_missing_imports = true\n\n[tool.two]\nb = 2\n"),
        ],
        ["\n[tool.one]\na = 1\n", "\n[tool.two]\nb = 2\n"],
    ),
    "toml: list broken into lines and an addition": (
        "pyproject.toml",
        [('docs = ["sphinx>=6"]', 'docs = [\n  "sphinx>=6",\n]'), ('["sphinx>=6"]', '["sphinx>=6", "furo"]')],
        ['docs = [\n  "sphinx>=6",\n  "furo",\n]\n'],
    ),
    "json: additions at the end of an object": (
        "package.json",
        [('"^17.0.0"\n', '"^17.0.0",\n    "redux": "^4.0.0"\n'), ('"^17.0.0"\n', '"^17.0.0",\n    "swr": "^2.0.0"\n')],
        ['    "react": "^17.0.0",\n    "redux": "^4.0.0",\n    "swr": "^2.0.0"\n  },'],
    ),
    "json: ranges that meet": (
        "package.json",
        [("^4.17.0", "^4.18.1"), ("^4.17.0", "^4.17.3")],
        ['"express": "^4.18.1"'],
    ),
    "json: ranges written in other ways": (
        "package.json",
        [("^4.17.0", ">=4.17.0 <4.20.0"), ("^4.17.0", ">4.16 <=4.19")],
        ['"express": ">4.16 <=4.19"'],
    ),
    "json: a range that both only share": (
        "package.json",
        [("^4.17.0", ">=4.17.0 <4.19.0"), ("^4.17.0", ">=4.18.0 <5.0.0")],
        ['"express": "~4.18.0"'],
    ),
    "json: a range without an end": (
        "package.json",
        [("~29.1.0", ">=29.0.0"), ("~29.1.0", ">=30")],
        ['"jest": ">=30"'],
    ),
    "json: anything, and a range": (
        "package.json",
        [("~29.1.0", "*"), ("~29.1.0", "29.x")],
        ['"jest": "29.x"'],
    ),
    "json: what begins with nought": (
        "package.json",
        [("~29.1.0", "^0.3.1"), ("~29.1.0", "^0.3.4")],
        ['"jest": "^0.3.4"'],
    ),
    "json: common to two open ranges": (
        "package.json",
        [("~29.1.0", ">=29.1 <31"), ("~29.1.0", ">=29.3 <32")],
        ['"jest": ">=29.3.0 <31.0.0"'],
    ),
    "json: a script and a bump beside it": (
        "package.json",
        [('"test": "jest"\n', '"test": "jest",\n    "lint": "eslint ."\n'), ('"test": "jest"', '"test": "jest --ci"')],
        ['    "test": "jest --ci",\n    "lint": "eslint ."\n  },'],
    ),
    "json: list on one line": (
        "package.json",
        [('["dist", "src"]', '["dist"]'), ('["dist", "src"]', '["dist", "src", "types"]')],
        ['"files": ["dist", "types"]'],
    ),
}


@pytest.mark.parametrize("case", MUST_MERGE)
def test_demands_that_go_together_are_merged_whatever_the_order(case: str) -> None:
    path, edits, expected = MUST_MERGE[case]
    result = merged_in_every_order(BASES[path], path, edits)

    for text in expected:
        assert text in result.content.decode()
    if path.endswith(".toml"):
        tomllib.loads(result.content.decode())
    if path.endswith(".json"):
        json.loads(result.content)


MUST_CONFLICT = {
    "two pins": ("requirements.txt", [("==2.30.0", "==2.31.0"), ("==2.30.0", "==2.32.0")], "dependency"),
    "removed and bumped": ("requirements.txt", [("pytest>=7\n", ""), ("pytest>=7", "pytest>=8")], "dependency"),
    "empty range": ("requirements.txt", [("django>=4.0,", "django>=5.1,"), ("<5.0", "<4.2")], "dependency"),
    "bound dropped and raised": (
        "requirements.txt",
        [("django>=4.0,<5.0", "django>=4.0"), ("<5.0", "<6.0")],
        "dependency",
    ),
    "new project, two pins, two places": (
        "requirements.txt",
        [("# web\n", "# web\nboto3==1.2\n"), ("zope.interface\n", "zope.interface\nboto3==1.3\n")],
        "dependency",
    ),
    "two markers": (
        "requirements.txt",
        [("zope.interface\n", 'foo; python_version<"3.11"\n'), ("zope.interface\n", 'foo; sys_platform=="win32"\n')],
        "dependency",
    ),
    "a pin outside the other side's new range": (
        "requirements.txt",
        [("pytest>=7", "pytest==7.4"), ("pytest>=7", "pytest>=8")],
        "dependency",
    ),
    "new compatible releases of two series": (
        "requirements.txt",
        [("zope.interface\n", "zope.interface\nboto3~=1.4\n"), ("# web\n", "# web\nboto3~=2.0\n")],
        "dependency",
    ),
    "a version that is none": (
        "requirements.txt",
        [("pytest>=7", "pytest===seven"), ("pytest>=7", "pytest>=8")],
        "dependency",
    ),
    "extras and a bound at once": (
        "requirements.txt",
        [("pytest>=7", "pytest[x]>=7,<8.5"), ("pytest>=7", "pytest[y]>=8")],
        "dependency",
    ),
    "two lower bounds in one line": (
        "requirements.txt",
        [("pytest>=7", "pytest>=7,>7.1"), ("pytest>=7", "pytest>=8")],
        "dependency",
    ),
    "no requirement any more": (
        "requirements.txt",
        [("pytest>=7\n", "pytest >= = 7\n"), ("pytest>=7", "pytest>=8")],
        "dependency",
    ),
    "two sources": (
        "requirements.txt",
        [("pytest>=7\n", "pytest @ https://a.example/p.whl\n"), ("pytest>=7\n", "pytest>=8\n")],
        "dependency",
    ),
    "one project replaced by two": (
        "requirements.txt",
        [("pytest>=7\n", "nose2\n"), ("pytest>=7\n", "ward\n")],
        "file",
    ),
    "two comments": ("requirements.txt", [("# pinned", "# bug 1"), ("# pinned", "# bug 2")], "file"),
    "toml: two versions": ("pyproject.toml", [('"1.0"', '"1.1"'), ('"1.0"', '"2.0"')], "file"),
    "toml: removed and bumped": (
        "pyproject.toml",
        [('  "httpx>=0.24,<1",\n', ""), ("httpx>=0.24,<1", "httpx>=0.25,<1")],
        "dependency",
    ),
    "toml: an ordered list": (
        "pyproject.toml",
        [('["-ra", "--strict"]', '["-ra", "--strict", "-x"]'), ('["-ra", "--strict"]', '["-q", "-ra", "--strict"]')],
        "file",
    ),
    "toml: no common build system": (
        "pyproject.toml",
        [("hatchling>=1.20", "hatchling==1.21"), ("hatchling>=1.20", "hatchling==1.25")],
        "dependency",
    ),
    "toml: two nameless tables": (
        "pyproject.toml",
        [
            ("= true\n", '= true\n\n[[tool.mypy.overrides]]\nmodule = ["a"]\n'),
            ("= true\n", '= true\n\n[[tool.mypy.overrides]]\nmodule = ["b"]\n'),
        ],
        "file",
    ),
    "json: no common range": ("package.json", [("^4.17.0", "^5.0.0"), ("^4.17.0", "^4.18.0")], "dependency"),
    "json: a pre-release, and a range": (
        "package.json",
        [("~29.1.0", "29.2.0-rc.1"), ("~29.1.0", "^29.0.0")],
        "dependency",
    ),
    "json: either of two": ("package.json", [("~29.1.0", "^28 || ^30"), ("~29.1.0", "^29.0.0")], "dependency"),
    "json: an empty range": ("package.json", [("~29.1.0", ">30 <29"), ("~29.1.0", "^29.0.0")], "dependency"),
    "json: a range replaced by what is none": (
        "package.json",
        [('"~29.1.0"', "{}"), ("~29.1.0", "^29.0.0")],
        "dependency",
    ),
    "toml: one inline table": (
        "pyproject.toml",
        [
            ('version = "1.0"\n', 'version = "1.0"\nreadme = { file = "R.md" }\n'),
            ('version = "1.0"\n', 'version = "1.0"\nreadme = { file = "README" }\n'),
        ],
        "file",
    ),
    "toml: a comment before the comma": (
        "pyproject.toml",
        [('["E", "F"]', '[\n  "E", "F" # pyflakes\n  , "I"]'), ('["E", "F"]', '["E", "F", "UP"]')],
        "file",
    ),
    "json: one script renamed by both": (
        "package.json",
        [('"test": "jest"', '"test:unit": "jest"'), ('"test": "jest"', '"check": "jest"')],
        "file",
    ),
    "json: uncertain range": ("package.json", [("^4.17.0", "latest"), ("^4.17.0", "^4.18.0")], "dependency"),
    "json: one script": ("package.json", [('"tsc"', '"tsc -b"'), ('"tsc"', '"esbuild"')], "file"),
    "json: runtime and development": (
        "package.json",
        [
            ('"express"', '"lodash": "^4.0.0",\n    "express"'),
            ('"jest": "~', '"lodash": "^4.0.0",\n    "jest": "~'),
        ],
        "file",
    ),
    "json: one script added twice": (
        "package.json",
        [('"build": "tsc"', '"a": "x",\n    "build": "tsc"'), ('"test": "jest"', '"test": "jest",\n    "a": "y"')],
        "file",
    ),
}


@pytest.mark.parametrize("case", MUST_CONFLICT)
def test_demands_without_a_common_answer_are_conflicts_that_lose_nothing(case: str) -> None:
    path, edits, kind = MUST_CONFLICT[case]
    for result in conflicts_in_every_order(BASES[path], path, edits):
        assert kind in {conflict.kind for conflict in result.conflicts}


def test_a_dependency_conflict_names_both_demands() -> None:
    (conflict,) = merged("requirements.txt", ("==2.30.0", "==2.31.0"), ("==2.30.0", "==2.32.0")).conflicts

    assert "requests==2.31.0" in conflict.reason
    assert "requests==2.32.0" in conflict.reason
    assert conflict.place == "requests"


@pytest.mark.parametrize("path", BASES)
@pytest.mark.parametrize("layout", ["\n", "\r\n", "no final newline"])
def test_one_changed_side_is_taken_byte_for_byte(path: str, layout: str) -> None:
    base = BASES[path].rstrip("\n") if layout.startswith("no") else BASES[path].replace("\n", layout)
    side = base.replace("react", "preact").replace("rich", "poor").replace("pytest", "nose")

    for sides in ([side, base], [base, side], [side, side]):
        assert merge_file(base.encode(), [one.encode() for one in sides], path=path).content == side.encode()


BROKEN = {
    "package.json": [b"{", b"", b"[1]", b'{"a": }', b"\xff\xfe{", b'{"a":' * 500, b'{"a": 1, "a": 2}'],
    "pyproject.toml": [b"[", b"", b"a = ", b"\xff\xfe = 1", b"a = " + b"[" * 500, b'a = """'],
    "requirements.txt": [b"===", b"", b"\xff\xfe", b"a ==", b"a \\", b"a\x0cb\n"],
}


@pytest.mark.parametrize("path", BROKEN)
def test_broken_input_is_a_clear_result_that_keeps_every_edit(path: str) -> None:
    good = BASES[path].encode()
    for broken in BROKEN[path]:
        versions = ((good, broken, good + b"# x\n"), (broken, good, good + b"# y\n"), (b"", good, broken))
        for base, *sides in versions:
            result = merge_file(base, sides, path=path)
            lines = result.content.splitlines()

            assert set(sides[1].splitlines()) - set(base.splitlines()) <= set(lines)
            assert all(conflict.reason for conflict in result.conflicts)


def test_a_huge_requirements_file_is_merged() -> None:
    lines = [f"project-{number}=={number}.0" for number in range(5_000)]
    sides = [[*lines], [*lines]]
    sides[0][2_000], sides[1][2_001] = "project-2000==7", "project-2001==8"

    result = merge_file(*_joined(lines, *sides), path="requirements.txt")

    assert result.is_clean
    assert b"project-2000==7\nproject-2001==8\n" in result.content


def _joined(base: list[str], *sides: list[str]) -> tuple[bytes, list[bytes]]:
    return "\n".join([*base, ""]).encode(), ["\n".join([*side, ""]).encode() for side in sides]


NAMES = st.sampled_from([f"{letter}{letter}" for letter in "bcdefghijklmn"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(NAMES, max_size=3), min_size=2, max_size=4), st.randoms())
def test_additions_give_one_sorted_list_in_any_order_of_arrival(added: list[set[str]], random: Random) -> None:
    base = ["aa>=1", "hh==2", "zz"]
    old, sides = _joined(base, *(sorted([*base, *(name for name in names if name != "hh")]) for names in added))
    expected = sorted({*base, *(name for names in added for name in names if name != "hh")})

    result = merge_file(old, sides, path="requirements.txt")
    random.shuffle(sides)

    assert result.content.decode().splitlines() == expected
    assert merge_file(old, sides, path="requirements.txt").content == result.content
    assert merge_file(old, [result.content, *sides], path="requirements.txt").content == result.content
