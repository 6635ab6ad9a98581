"""Edits of different files that go together as text and not as code, found while trees are merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of

CASES = Path(__file__).parents[2] / "cases" / "across"
LIB = (CASES / "lib.py.txt").read_text()
USER = (CASES / "user.py.txt").read_text()
FILES = {
    "pkg/__init__.py": "from .lib import area\n",
    "pkg/lib.py": LIB,
    "pkg/user.py": USER,
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": "from ..lib import Box\n\n\nclass Crate(Box):\n    def fill(self):\n        return 1\n",
    "tests/test_lib.py": "from pkg.lib import Box\n\n\ndef test_box():\n    assert Box(2).width == 2\n",
}
Files = dict[str, str | None]


def lib(*pairs: tuple[str, str]) -> Files:
    """The library with its texts replaced."""
    text = LIB
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return {"pkg/lib.py": text}


def use(body: str, head: str = "") -> Files:
    """The user's main function with another body."""
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    return {
        "pkg/user.py": USER.replace("    return 0\n", lines).replace(
            "from pkg import lib\n", f"from pkg import lib\n{head}"
        )
    }


def new(text: str, path: str = "pkg/new.py") -> Files:
    """A new file."""
    return {path: text}


listed_lazily = lib(("        return list(self.parts)", "        yield from self.parts"))
spared_lazily = lib(("def spare():\n    return 1", "def spare():\n    yield 1"))

MUST: dict[str, tuple[Files, Files]] = {
    "enum member renamed": (lib(("RED = 1", "CRIMSON = 1")), use("return Color.RED")),
    "enum member removed, via module": (lib(("    GREEN = 2\n", "")), use("return lib.Color.GREEN")),
    "class attribute removed": (lib(("    count = 0\n", "")), use("return Box.count")),
    "class attribute renamed, instance": (lib(("    kinds = ", "    sizes = ")), use("box = Box(1)\nreturn box.kinds")),
    "instance attribute renamed": (lib(("self.width", "self.breadth")), use("box = Box(1)\nreturn box.width")),
    "instance attribute removed, annotated": (
        lib(("        self.parts = []\n", "")),
        {"pkg/user.py": USER.replace("return box", "return box.parts")},
    ),
    "instance attribute, fresh object": (lib(("self.width", "self.breadth")), use("return Box(1).width")),
    "instance attribute in subclass": (
        lib(("        self.parts = []\n", "")),
        {"pkg/sub/deep.py": FILES["pkg/sub/deep.py"].replace("return 1", "return self.parts")},
    ),
    "dataclass field renamed, attribute": (
        lib(("    label: str", "    title: str")),
        use("p = Point(1)\nreturn p.label"),
    ),
    "dataclass field renamed, keyword": (lib(("    label: str", "    title: str")), use("return Point(1, label='a')")),
    "dataclass gains required": (lib(("    x: int\n", "    x: int\n    w: int\n")), use("return Point(1)")),
    "dataclass fields swapped": (
        lib(('    y: int = 0\n    label: str = ""\n', '    label: str = ""\n    y: int = 0\n')),
        use("return Point(1, 2)"),
    ),
    "named tuple field renamed": (lib(("    right: int", "    other: int")), use("return lib.Pair(left=1, right=2)")),
    "property becomes method": (
        lib(("    @property\n    def half", "    def half")),
        use("box = Box(1)\nreturn box.half + 1"),
    ),
    "method becomes property": (
        lib(
            (
                "    def grow(self, by):\n        self.width += by",
                "    @property\n    def grow(self):\n        return self.width",
            )
        ),
        use("box = Box(1)\nreturn box.grow(2)"),
    ),
    "static changes args": (lib(("def parse(text)", "def parse(text, base)")), use("return Box.parse('1')")),
    "static becomes method": (
        lib(("    @staticmethod\n    def parse(text)", "    def parse(self, text)")),
        use("return Box.parse('1')"),
    ),
    "classmethod keyword renamed": (
        lib(("def unit(cls, scale=1):\n        return cls(scale)", "def unit(cls, size=1):\n        return cls(size)")),
        use("return Box.unit(scale=3)"),
    ),
    "async method becomes plain": (lib(("async def send", "def send")), use("box = Box(1)\nreturn box.send(2)")),
    "context manager gains arg": (
        lib(("def opened(path)", "def opened(path, mode)")),
        use("with lib.opened('a') as f:\n    return f"),
    ),
    "context manager to plain": (
        lib(("@contextmanager\ndef opened(path):\n    yield path", "def opened(path):\n    return path")),
        use("with lib.opened('a') as f:\n    return f"),
    ),
    "exception renamed, except": (
        lib(("class BadShape", "class WrongShape")),
        use("try:\n    return 1\nexcept lib.BadShape:\n    return 2"),
    ),
    "exception renamed, raise": (lib(("class BadShape", "class WrongShape")), use("raise lib.BadShape('x')")),
    "function moved to another module": (
        {**lib(("def spare():\n    return 1\n\n\n", "")), "pkg/extra.py": "def spare():\n    return 1\n"},
        use("return lib.spare()"),
    ),
    "module renamed": (
        {
            "pkg/lib.py": None,
            "pkg/shapes.py": LIB,
            "pkg/__init__.py": "from .shapes import area\n",
            "pkg/user.py": USER.replace("pkg.lib", "pkg.shapes").replace(
                "from pkg import lib", "from pkg import shapes"
            ),
            "pkg/sub/deep.py": FILES["pkg/sub/deep.py"].replace("..lib", "..shapes"),
            "tests/test_lib.py": FILES["tests/test_lib.py"].replace("pkg.lib", "pkg.shapes"),
        },
        new("from pkg.lib import area\n"),
    ),
    "module becomes package without the name": (
        {"pkg/lib.py": None, "pkg/lib/__init__.py": LIB.replace("def spare():\n    return 1\n\n\n", "")},
        new("from pkg.lib import spare\n"),
    ),
    "package re-export removed": ({"pkg/__init__.py": ""}, new("from pkg import area\n")),
    "package re-export removed, by attribute": ({"pkg/__init__.py": ""}, new("import pkg\n\nprint(pkg.area(1))\n")),
    "name removed from __all__ and star": (
        lib(("def spare():\n    return 1\n\n\n", "")),
        new("from pkg.lib import *\n\nprint(spare())\n"),
    ),
    "decorator use": (
        lib(("def spare():\n    return 1\n\n\n", "")),
        use(
            "return 1",
        )
        | {"pkg/user.py": USER.replace("def main", "@lib.spare\ndef main")},
    ),
    "base class gone": (
        lib(("class Box:", "class Crate:"), ('"Box"', '"Crate"'), ("return Box(", "return Crate(")),
        new("from pkg.lib import Box\n\n\nclass A(Box):\n    pass\n"),
    ),
    "annotation only": (
        lib(("class BadShape", "class WrongShape")),
        new("from pkg import lib\n\n\ndef f(x: lib.BadShape):\n    return x\n"),
    ),
    "string annotation": (
        lib(("class BadShape", "class WrongShape")),
        new(
            "from __future__ import annotations\n\nimport typing\n\n"
            "if typing.TYPE_CHECKING:\n    from pkg.lib import BadShape\n"
            "\n\ndef f(x: 'BadShape'):\n    return x\n"
        ),
    ),
    "patch target string": (
        lib(("def spare():\n    return 1\n\n\n", "")),
        new(
            "from unittest import mock\n\n\ndef test():\n    with mock.patch('pkg.lib.spare'):\n        pass\n",
            "tests/test_new.py",
        ),
    ),
    "new test calls": (
        lib(('def area(width, height=1, *, unit="m")', 'def area(width, *, unit="m")')),
        new("from pkg.lib import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n", "tests/test_new.py"),
    ),
    "call in a new method of a class": (
        lib(("def area(width, height=1", "def area(width, height")),
        new("from pkg.lib import area\n\n\nclass A:\n    def f(self):\n        return area(1)\n"),
    ),
    "partial": (
        lib(("def spare():\n    return 1\n\n\n", "")),
        new("import functools\nfrom pkg import lib\n\nf = functools.partial(lib.spare)\n"),
    ),
    "override of a changed method": (
        lib(("def grow(self, by):", "def grow(self, by, times):")),
        {"pkg/sub/deep.py": FILES["pkg/sub/deep.py"] + "\n    def grow(self, by):\n        return super().grow(by)\n"},
    ),
    "super().__init__ of changed constructor": (
        lib(("def __init__(self, width):", "def __init__(self, width, depth):")),
        {
            "pkg/sub/deep.py": FILES["pkg/sub/deep.py"].replace(
                "    def fill", "    def __init__(self):\n        super().__init__(3)\n\n    def fill"
            )
        },
    ),
    "override of a renamed method": (
        lib(("def grow(", "def enlarge(")),
        {"pkg/sub/deep.py": FILES["pkg/sub/deep.py"] + "\n    def grow(self, by):\n        return super().grow(by)\n"},
    ),
    "attribute of self in subclass": (
        lib(("def grow(", "def enlarge(")),
        {"pkg/sub/deep.py": FILES["pkg/sub/deep.py"].replace("return 1", "return self.grow(1)")},
    ),
    "both add the same module name differently": ({"pkg/new.py": "A = 1\n"}, {"pkg/new.py": "A = 2\n"}),
    "rename and edit of a removed name": (lib(("LIMIT = 10\n", "")), use("return lib.LIMIT")),
    "dict key gone across files": (lib(('"speed": 1, ', "")), use("return lib.OPTIONS['speed']")),
    "star import of what leaves __all__": (
        lib(('"Color", "Point", "Box", "area"', '"Color", "Point", "Box"')),
        new("from pkg.lib import *\n\nprint(area(2))\n"),
    ),
    "star import of what a new __all__ leaves out": (
        {"pkg/sub/deep.py": "__all__ = ['Crate']\n" + FILES["pkg/sub/deep.py"] + "\n\ndef more():\n    return 1\n"},
        new("from pkg.sub.deep import *\n\nprint(Box(2))\n"),
    ),
    "list becomes generator, its length": (listed_lazily, use("return len(Box(1).names())")),
    "list becomes generator, an element": (listed_lazily, use("names = Box(1).names()\nreturn names[0]")),
    "list becomes generator, its method": (listed_lazily, use("names = Box(1).names()\nnames.sort()\nreturn names")),
    "function becomes generator, added to": (spared_lazily, use("return lib.spare() + 1")),
    "function becomes generator, compared": (spared_lazily, use("if lib.spare() == 1:\n    return 2")),
    "function becomes generator, run for what it does": (spared_lazily, use("lib.spare()\nreturn 1")),
    "function becomes generator, by star": (spared_lazily, new("from pkg.lib import *\n\nprint(len(spare()))\n")),
    "function becomes generator, in its own file": (
        spared_lazily,
        lib(("class Box:", "def twice():\n    return 2 * spare()\n\n\nclass Box:")),
    ),
    "generator becomes list": (
        lib(("    yield limit\n", "    return [limit]\n")),
        use("return next(lib.numbers(3))"),
    ),
    "delete file / edit file": (
        {"tests/test_lib.py": None},
        {"tests/test_lib.py": FILES["tests/test_lib.py"] + "\n\ndef test_more():\n    assert 1\n"},
    ),
}
MUST_NOT: dict[str, tuple[Files, Files]] = {
    "attribute renamed, other object": (
        lib(("self.width", "self.breadth")),
        new("class W:\n    width = 1\n\n\nw = W()\nprint(w.width)\n"),
    ),
    "default added": (lib(("def spare():", "def spare(x=1):")), use("return lib.spare()")),
    "field with default appended": (
        lib(('    label: str = ""\n', '    label: str = ""\n    z: int = 0\n')),
        use("return Point(1, 2)"),
    ),
    "new property": (
        lib(
            (
                "    @property\n    def half",
                "    @property\n    def third(self):\n        return self.width / 3\n\n    @property\n    def half",
            )
        ),
        use("return Box(1).half"),
    ),
    "reexport moved": (
        {
            **lib(("def spare():\n    return 1\n", "from .extra import spare\n")),
            "pkg/extra.py": "def spare():\n    return 1\n",
        },
        use("return lib.spare()"),
    ),
    "module to package with same names": (
        {"pkg/lib.py": None, "pkg/lib/__init__.py": LIB},
        new("from pkg.lib import spare\n"),
    ),
    "class attr set elsewhere in class": (
        lib(
            ("        self.parts = []\n", "        self.reset()\n"),
            ("    def grow(self", "    def reset(self):\n        self.parts = []\n\n    def grow(self"),
        ),
        use("return Box(1).parts"),
    ),
    "attr deleted but defined by decorator class": (
        lib(("@dataclass\nclass Point:\n    x: int", "@dataclass\nclass Point:\n    x: float")),
        use("return Point(1).x"),
    ),
    "setattr class": (
        lib(("        self.parts = []\n", "        setattr(self, 'parts', [])\n")),
        use("return Box(1).parts"),
    ),
    "context manager arg optional": (
        lib(("def opened(path)", "def opened(path, mode='r')")),
        use("with lib.opened('a') as f:\n    return f"),
    ),
    "generator, run through": (spared_lazily, use("return [one for one in lib.spare()]")),
    "generator, made a list of": (spared_lazily, use("return list(lib.spare())")),
    "generator, handed on": (spared_lazily, use("found = lib.spare()\nreturn found")),
    "len of ones own": (spared_lazily, use("def spare():\n    return [1]\n\nreturn len(spare())")),
    "nested generator": (
        lib(("def spare():\n    return 1", "def spare():\n    def each():\n        yield 1\n\n    return sum(each())")),
        use("return lib.spare() + 1"),
    ),
    "fixture becomes generator": (
        lib(("def spare():\n    return 1", "@fixture\ndef spare():\n    yield 1")),
        use("return lib.spare() + 1"),
    ),
    "__all__ sorted and grown": (
        lib(('["Color", "Point", "Box", "area", "opened"]', '["Box", "Color", "Point", "area", "opened", "spare"]')),
        new("from pkg.lib import *\n\nprint(area(2))\n"),
    ),
    "out of __all__, imported by name": (
        lib(('"Color", "Point", "Box", "area"', '"Color", "Point", "Box"')),
        new("from pkg.lib import area\n\nprint(area(2))\n"),
    ),
    "static unaffected": (
        lib(
            (
                "def parse(text):\n        return Box(int(text))",
                "def parse(text, base=10):\n        return Box(int(text, base))",
            )
        ),
        use("return Box.parse('1')"),
    ),
}


def changeset(files: Files) -> Changeset:
    rows = []
    for path, text in sorted(files.items()):
        old = digest_of(FILES[path].encode()) if path in FILES else None
        rows.append(FileChange(path, old, None if text is None else text.encode()))
    return Changeset(tuple(rows))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    folder = tmp_path_factory.mktemp("base")
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return Base.of_directory(folder)


def merge(base: Base, *sides: Files) -> Merged:
    return merge_changesets(base, [(f"s{number}", changeset(side)) for number, side in enumerate(sides)])


@pytest.mark.parametrize("kind", MUST)
def test_what_is_at_odds_across_files_is_flagged(base: Base, kind: str) -> None:
    one, other = MUST[kind]
    bystander = {"docs/notes.py": "NOTE = 1\n"}

    assert merge(base, one, other).conflicts
    assert merge(base, other, bystander, one).conflicts


@pytest.mark.parametrize("kind", MUST_NOT)
def test_what_goes_together_across_files_is_not_flagged(base: Base, kind: str) -> None:
    assert [row.reason for row in merge(base, *MUST_NOT[kind]).conflicts] == []
