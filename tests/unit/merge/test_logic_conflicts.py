"""One section changes what another starts to use: every text merges, the meanings do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of

LIBRARY = '''"""Shapes."""
from os import sep

LIMIT = 10


def area(width, height=1, *, unit="m"):
    return width * height


def spare():
    return 1


def _hidden(x):
    return x


class Box:
    def __init__(self, width):
        self.width = width

    def grow(self, by):
        self.width += by

    def shrink(self):
        self.width -= 1
'''
USER = "def main():\n    return 0\n"
FILES = {
    "pkg/__init__.py": "",
    "pkg/lib.py": LIBRARY,
    "pkg/user.py": USER,
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "",
}


@pytest.fixture
def base(tmp_path: Path) -> Base:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return Base.of_directory(tmp_path)


def edit(**files: str | None) -> Changeset:
    rows = []
    for name, text in files.items():
        path = f"pkg/{name.replace('__', '/')}.py"
        old = digest_of(FILES[path].encode()) if path in FILES else None
        rows.append(FileChange(path, old, None if text is None else text.encode()))
    return Changeset(tuple(sorted(rows, key=lambda row: row.path)))


def merge(base: Base, library: str | None, user: str, *, where: str = "user") -> Merged:
    return merge_changesets(base, [("changer", edit(lib=library)), ("user", edit(**{where: user}))])


def without(definition: str) -> str:
    start = LIBRARY.index(definition)
    end = min(at for mark in ("\n\n\n", "\n\n    def ") if (at := (LIBRARY + "\n\n\n").find(mark, start)) > 0)
    return LIBRARY[:start].rstrip() + "\n" + LIBRARY[end:]


WITHOUT_SPARE = LIBRARY.replace("def spare():\n    return 1\n\n\n", "")
MUST = {
    "removed function, imported": (WITHOUT_SPARE, "from pkg.lib import spare\n\n" + USER),
    "removed function, relative import": (WITHOUT_SPARE, "from .lib import spare as s\n\n" + USER),
    "removed function, by module": (WITHOUT_SPARE, "import pkg.lib\n\n\ndef main():\n    return pkg.lib.spare()\n"),
    "removed function, by alias": (WITHOUT_SPARE, "from pkg import lib as L\n\n\ndef main():\n    return L.spare()\n"),
    "removed function, by star": (WITHOUT_SPARE, "from pkg.lib import *\n\n\ndef main():\n    return spare()\n"),
    "renamed function": (LIBRARY.replace("def spare", "def extra"), "from pkg.lib import spare\n\n" + USER),
    "removed constant": (LIBRARY.replace("LIMIT = 10\n", ""), "from pkg.lib import LIMIT\n\n" + USER),
    "removed class": (
        LIBRARY[: LIBRARY.index("class Box")],
        "from pkg import lib\n\n\nclass Crate(lib.Box):\n    pass\n",
    ),
    "removed re-export": (LIBRARY.replace("from os import sep\n", ""), "from pkg.lib import sep\n\n" + USER),
    "import inside a function": (WITHOUT_SPARE, "def main():\n    from pkg.lib import spare\n\n    return spare()\n"),
    "deleted module": (None, "import pkg.lib\n\n" + USER),
    "deleted module, name from it": (None, "from pkg.lib import area\n\n" + USER),
    "removed parameter, given": (
        LIBRARY.replace(', *, unit="m"', ""),
        'from pkg.lib import area\n\n\ndef main():\n    return area(1, unit="cm")\n',
    ),
    "new required parameter": (
        LIBRARY.replace("def area(width, height=1", "def area(width, height"),
        "from pkg.lib import area\n\n\ndef main():\n    return area(2)\n",
    ),
    "parameters swapped": (
        LIBRARY.replace("def area(width, height=1", "def area(height, width=1"),
        "from pkg.lib import area\n\n\ndef main():\n    return area(2, 3)\n",
    ),
    "parameter over several lines": (
        LIBRARY.replace("def area(width, height=1, *,", "def area(\n    width,\n    height,\n    depth,\n    *,\n   "),
        "from pkg.lib import area\n\n\ndef main():\n    return area(2, 3)\n",
    ),
    "became a coroutine": (
        LIBRARY.replace("def spare", "async def spare"),
        "from pkg.lib import spare\n\n\ndef main():\n    return spare()\n",
    ),
    "constructor changed": (
        LIBRARY.replace("def __init__(self, width):", "def __init__(self, width, depth):"),
        "from pkg.lib import Box\n\n\ndef main():\n    return Box(3)\n",
    ),
    "removed method, on a fresh object": (
        without("def shrink"),
        "from pkg.lib import Box\n\n\ndef main():\n    Box(3).shrink()\n",
    ),
    "removed method, on a variable": (
        without("def shrink"),
        "from pkg.lib import Box\n\n\ndef main():\n    box = Box(3)\n    box.shrink()\n",
    ),
    "removed method, on an annotated parameter": (
        without("def shrink"),
        "from pkg.lib import Box\n\n\ndef main(box: Box):\n    box.shrink()\n",
    ),
    "removed method, from a subclass": (
        without("def shrink"),
        "from pkg.lib import Box\n\n\nclass Crate(Box):\n    def less(self):\n        self.shrink()\n",
    ),
    "method takes more": (
        LIBRARY.replace("def grow(self, by)", "def grow(self, by, times)"),
        "from pkg.lib import Box\n\n\ndef main():\n    box = Box(3)\n    box.grow(1)\n",
    ),
}
MUST_NOT = {
    "another name": (WITHOUT_SPARE, "from pkg.lib import area\n\n" + USER),
    "the same name of another module": (
        WITHOUT_SPARE,
        "from other import spare\n\n\ndef main():\n    return spare()\n",
    ),
    "a local of that name": (WITHOUT_SPARE, "def main():\n    spare = 3\n    return spare\n"),
    "a parameter of that name": (
        WITHOUT_SPARE,
        "from pkg import lib\n\n\ndef main(lib):\n    return lib.spare()\n",
    ),
    "only in a comment": (WITHOUT_SPARE, "# spare is gone\n" + USER),
    "only in a text": (WITHOUT_SPARE, 'def main():\n    return "spare"\n'),
    "call that still fits": (
        LIBRARY.replace('unit="m"', 'unit="m", scale=1'),
        'from pkg.lib import area\n\n\ndef main():\n    return area(1, 2, unit="m")\n',
    ),
    "parameter only renamed, passed by place": (
        LIBRARY.replace("def area(width, height=1", "def area(wide, height=1"),
        "from pkg.lib import area\n\n\ndef main():\n    return area(1, 2)\n",
    ),
    "annotations added": (
        LIBRARY.replace("def area(width, height=1", "def area(width: int, height: int = 1"),
        "from pkg.lib import area\n\n\ndef main():\n    return area(1, 2)\n",
    ),
    "arguments that nobody can count": (
        LIBRARY.replace("def area(width, height=1", "def area(width, height"),
        "from pkg.lib import area\n\n\ndef main(*args):\n    return area(*args)\n",
    ),
    "method that a parent may have": (
        without("def shrink").replace("class Box:", "class Box(dict):"),
        "from pkg.lib import Box\n\n\ndef main():\n    Box(3).shrink()\n",
    ),
    "body rewritten": (
        LIBRARY.replace("return width * height", "return height * width"),
        "from pkg.lib import area\n\n\ndef main():\n    return area(1, 2)\n",
    ),
    "moved within the module": (
        WITHOUT_SPARE + "\n\ndef spare():\n    return 1\n",
        "from pkg.lib import spare\n\n" + USER,
    ),
    "redefined as a lambda": (
        LIBRARY.replace("def spare():\n    return 1\n", "spare = lambda: 1\n"),
        "from pkg.lib import spare\n\n" + USER,
    ),
    "module that fetches names": (
        WITHOUT_SPARE + "\n\ndef __getattr__(name):\n    return name\n",
        "from pkg.lib import spare\n\n" + USER,
    ),
    "user that does not parse": (WITHOUT_SPARE, "from pkg.lib import spare\ndef (:\n"),
    "library that does not parse": ("def spare(:\n", "from pkg.lib import spare\n\n" + USER),
}


@pytest.mark.parametrize("case", MUST)
def test_what_must_be_flagged(base: Base, case: str) -> None:
    merged = merge(base, *MUST[case])

    conflict = merged.conflicts[0]
    assert (conflict.kind, conflict.path, conflict.sections) == ("logic", "pkg/user.py", ("changer", "user"))


@pytest.mark.parametrize("case", MUST_NOT)
def test_what_must_not_be_flagged(base: Base, case: str) -> None:
    assert [row.reason for row in merge(base, *MUST_NOT[case]).conflicts] == []


def test_a_flag_tells_place_function_and_both_texts(base: Base) -> None:
    (conflict,) = merge(base, *MUST["became a coroutine"]).conflicts

    assert (conflict.place, conflict.definition) == ("line 5", "main")
    assert conflict.versions == ("async def spare():", "return spare()")
    assert "'user' starts using 'pkg.lib.spare', and 'changer' changed how it is called" in conflict.reason


def test_relative_imports_from_deeper_packages_are_understood(base: Base) -> None:
    user = "from ..lib import spare\n\n\ndef main():\n    return spare()\n"
    merged = merge(base, WITHOUT_SPARE, user, where="sub__deep")

    assert merged.conflicts[0].path == "pkg/sub/deep.py"


def test_an_old_use_is_the_changers_own_business(base: Base) -> None:
    """Only what a section adds can be a surprise between sections; the rest is found by validating."""
    start = merge_changesets(base, [("user", edit(user="from pkg.lib import spare\n\n\ndef main():\n    spare()\n"))])
    (change,) = start.changeset.changes
    grown = FileChange(change.path, digest_of(change.content or b""), (change.content or b"") + b"\nX = 1\n")
    sides = [("user", start.changeset), ("changer", edit(lib=WITHOUT_SPARE)), ("later", Changeset((grown,)))]
    merged = merge_changesets(base, sides, after={"later": ["user"]})

    assert {conflict.sections for conflict in merged.conflicts} == {("changer", "user")}


def test_sections_that_build_on_each_other_know_what_they_do(base: Base) -> None:
    library, user = MUST["renamed function"]
    sides = [("changer", edit(lib=library)), ("user", edit(user=user))]

    assert merge_changesets(base, sides, after={"user": ["changer"]}).is_clean
    assert merge_changesets(base, sides, after={"changer": ["user"]}).is_clean


def test_a_third_section_that_puts_the_name_back_settles_it(base: Base) -> None:
    gone = LIBRARY.replace("def spare():\n    return 1\n", "")
    back = FileChange(
        "pkg/lib.py", digest_of(gone.encode()), gone.replace("LIMIT = 10\n", "LIMIT = 10\nspare = int\n").encode()
    )
    sides = [
        ("changer", edit(lib=gone)),
        ("user", edit(user="from pkg.lib import spare\n\n" + USER)),
        ("fixer", Changeset((back,))),
    ]

    assert merge_changesets(base, sides, after={"fixer": ["changer"]}).is_clean


def test_a_tree_that_is_itself_a_package_knows_its_own_name(tmp_path: Path) -> None:
    place = tmp_path / "shapes"
    place.mkdir()
    files = {"__init__.py": "", "lib.py": LIBRARY, "user.py": USER}
    for name, text in files.items():
        (place / name).write_text(text)
    gone = LIBRARY.replace("def spare():\n    return 1\n", "")
    user = "from shapes.lib import spare\n\n\ndef main():\n    return spare()\n"
    sides = [
        (name, Changeset((FileChange(path, digest_of(files[path].encode()), text.encode()),)))
        for name, path, text in (("changer", "lib.py", gone), ("user", "user.py", user))
    ]

    found = merge_changesets(Base.of_directory(place), sides).conflicts

    assert {(row.kind, row.path, row.sections) for row in found} == {("logic", "user.py", ("changer", "user"))}
    assert "'shapes.lib.spare'" in found[0].reason
