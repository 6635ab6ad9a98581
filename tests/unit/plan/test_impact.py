from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.changes import FileChange, changed_in
from ptx_prefect.plan.impact import impacted_since, impacted_tests
from ptx_prefect.plan.references import read_references

LIBRARY = {
    "lib/__init__.py": "from .shapes import Square, Circle\nfrom .text import shout\n",
    "lib/shapes.py": """\
import lib.text

SCALE = 2

class Shape:
    unit = 1
    def area(self): return 0
    def double(self): return 2 * self.area()
    def __len__(self): return 1

class Square(Shape):
    def area(self): return 4 * SCALE

class Circle(Shape):
    def area(self): return 3

def total(shapes):
    return sum(shape.area() for shape in shapes)
""",
    "lib/text.py": """\
def shout(text):
    return upper(text) + '!'

def upper(text):
    return text.upper()

def lonely(): pass
""",
    "lib/registry.py": """\
TABLE = {}

def fill(): TABLE['x'] = 1

def __getattr__(name): raise AttributeError(name)

fill()
""",
    "tests/conftest.py": """\
import pytest
from lib import Square
@pytest.fixture
def square(): return Square()
""",
    "tests/test_shapes.py": """\
import lib
from lib.shapes import total, Circle

class Base:
    def setup_method(self): self.shape = self.make()
    def test_double(self): assert self.shape.double()
    def make(self): raise NotImplementedError

class TestCircle(Base):
    def make(self): return Circle()
    def test_len(self): assert len(self.shape)

def test_total(): total([lib.Circle()])
def test_fixture(square): pass
def test_constant(): lib.shapes.SCALE
""",
    "tests/test_text.py": """\
from lib.text import shout, lonely
def test_shout(): shout('a')
def test_nothing(): pass
""",
    "tests/test_registry.py": "from lib import registry\ndef test_table(): registry.TABLE\n",
}
TESTS = (
    "tests/test_shapes.py::TestCircle::test_double",
    "tests/test_shapes.py::TestCircle::test_len",
    "tests/test_shapes.py::test_total[1]",
    "tests/test_shapes.py::test_total[2]",
    "tests/test_shapes.py::test_fixture",
    "tests/test_shapes.py::test_constant",
    "tests/test_text.py::test_shout",
    "tests/test_text.py::test_nothing",
    "tests/test_registry.py::test_table",
)


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def select(root: Path, path: str, old: str, new: str) -> set[str]:
    """Names of the selected tests after one replacement in one file."""
    before = (root / path).read_text()
    assert old in before
    (root / path).write_text(before.replace(old, new))
    impact = impacted_tests(read_references(root), [FileChange(path, before, before.replace(old, new))], TESTS)
    return {test.split("::", 1)[1] for test in impact.tests}


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        pytest.param("lib/text.py", "text.upper()", "text", {"test_shout"}, id="function, over a call"),
        pytest.param("lib/text.py", "lonely(): pass", "lonely(): return 1", set(), id="function that nothing calls"),
        pytest.param("lib/text.py", "text.upper()", "text.upper()  # loud", set(), id="comment"),
        pytest.param(
            "lib/shapes.py",
            "return 3",
            "return 4",
            {"TestCircle::test_double", "test_total[1]", "test_total[2]"},
            id="method behind an unknown receiver, where an instance can exist",
        ),
        pytest.param(
            "lib/shapes.py", "return 4 *", "return 5 *", {"test_fixture"} & set(), id="method that no one calls"
        ),
        pytest.param("lib/shapes.py", "SCALE = 2", "SCALE = 3", {"test_constant"}, id="constant"),
        pytest.param(
            "tests/conftest.py",
            "return Square()",
            "return Square",
            {"test_fixture"},
            id="fixture asked for by a parameter",
        ),
        pytest.param(
            "tests/test_shapes.py",
            "self.shape = self.make()",
            "self.shape = self.make() or 1",
            {"TestCircle::test_double", "TestCircle::test_len"},
            id="set-up inherited from a base class",
        ),
        pytest.param("tests/test_text.py", "shout('a')", "shout('b')", {"test_shout"}, id="the test itself"),
        pytest.param("lib/registry.py", "= 1", "= 2", {"test_table"}, id="function that runs at import"),
        pytest.param("lib/registry.py", "(name)\n", "(1)\n", {"test_table"}, id="what Python asks a module for"),
        pytest.param(
            "lib/registry.py", "\nfill()\n", "\nfill()\nfill()\n", {"test_table"}, id="code that runs at import"
        ),
        pytest.param(
            "lib/shapes.py",
            "unit = 1",
            "unit = 2",
            {"TestCircle::test_double", "TestCircle::test_len", "test_total[1]", "test_total[2]", "test_fixture"},
            id="class body, for whoever can have an instance of a subclass",
        ),
    ],
)
def test_a_change_selects_the_tests_that_can_reach_it(
    tmp_path: Path, path: str, old: str, new: str, expected: set[str]
) -> None:
    selected = select(write(tmp_path, LIBRARY), path, old, new)

    assert selected == expected


def test_what_is_no_python_selects_everything_unless_no_test_reads_it(tmp_path: Path) -> None:
    references = read_references(write(tmp_path, LIBRARY))
    data = impacted_tests(references, [FileChange("lib/data.json", "1", "2")], TESTS)
    prose = impacted_tests(references, [FileChange("docs/guide.md", "1", "2")], TESTS)

    assert data.tests == TESTS
    assert "lib/data.json is not Python" in data.everything_because
    assert prose.tests == ()


@pytest.mark.parametrize("after", [None, "def broken(:\n"])
def test_a_file_deleted_or_broken_selects_everything(tmp_path: Path, after: str | None) -> None:
    root = write(tmp_path, LIBRARY)
    before = (root / "lib/text.py").read_text()
    if after is None:
        (root / "lib/text.py").unlink()
    else:
        (root / "lib/text.py").write_text(after)
    impact = impacted_tests(read_references(root), [FileChange("lib/text.py", before, after)], TESTS)

    assert impact.tests == TESTS
    assert "lib/text.py" in impact.everything_because


@pytest.mark.parametrize(
    ("before", "after", "definitions", "is_whole"),
    [
        ("def f(): pass\n", "# c\ndef f(): pass\n", set(), False),
        ("def f(): pass\n", "def f(): return 1\n", {"f"}, False),
        ("class A:\n  x = 1\n  def f(self): 1\n", "class A:\n  x = 1\n  def f(self): 2\n", {"A.f"}, False),
        ("class A:\n  x = 1\n  def f(self): 1\n", "class A:\n  x = 2\n  def f(self): 1\n", {"A"}, False),
        ("class A:\n  def f(self): 1\n", "class A: pass\n", {"A"}, False),
        ("def f(): pass\n", "", set(), True),
        ("X = 1\n", "X = 2\n", {"X"}, False),
        ("X = f()\n", "X = g()\n", set(), True),
        ("print(1)\n", "print(2)\n", set(), True),
        ("def f(): os\n", "import os\ndef f(): os\n", {"f"}, False),
        ("def f(): a\n", "from . import a\ndef f(): a\n", {"f"}, True),
        ("def f():\n  def g(): 1\n", "def f():\n  def g(): 2\n", {"f", "f.g"}, False),
    ],
)
def test_a_change_is_told_by_definition(before: str, after: str, definitions: set[str], is_whole: bool) -> None:
    changed = changed_in(before, after)

    assert changed.definitions == definitions
    assert bool(changed.whole) is is_whole


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_changes_since_a_revision_include_new_files(tmp_path: Path) -> None:
    root = write(tmp_path, LIBRARY)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    (root / "lib/text.py").write_text(LIBRARY["lib/text.py"].replace("'!'", "'?'"))
    write(root, {"tests/test_new.py": "def test_new(): pass\n"})
    impact = impacted_since(root, "HEAD", [*TESTS, "tests/test_new.py::test_new"])

    assert impact.tests == ("tests/test_text.py::test_shout", "tests/test_new.py::test_new")
    assert impact.changed == ("lib/text.py::shout", "tests/test_new.py::test_new")


def test_the_file_of_the_task_that_asks_is_read_by_no_test(tmp_path: Path) -> None:
    root = write(tmp_path, LIBRARY)
    git(root, "init", "-q")
    git(root, "add", ".")
    git(root, "commit", "-qm", "one")
    (root / "lib/text.py").write_text(LIBRARY["lib/text.py"].replace("'!'", "'?'"))
    write(root, {"suite.json": '{"task_id": "mine", "main_task": {}}', "task.schema.json": '{"title": "ptx task"}'})
    mine = impacted_since(root, "HEAD", TESTS, task_id="mine")

    assert mine.tests == ("tests/test_text.py::test_shout",)
    assert impacted_since(root, "HEAD", TESTS, task_id="another").tests == tuple(TESTS)


def test_an_unknown_revision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="git cannot tell"):
        impacted_since(tmp_path, "HEAD", TESTS)


def test_an_import_that_leads_nowhere_selects_by_name_and_what_nobody_reaches_is_told(tmp_path: Path) -> None:
    files = {
        "src/modx.py": "import deep\ndef f(): return deep.g()\n",
        "src/deep.py": "def g(): return 1\n",
        "src/alone.py": "def h(): return 1\n",
        "tests/test_f.py": "import sys; sys.path.insert(0, 'src')\nimport modx\ndef test_f(): assert modx.f()\n",
        "tests/test_g.py": "def test_g(): pass\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    references = read_references(tmp_path)
    tests = ["tests/test_f.py::test_f", "tests/test_g.py::test_g"]

    for name in ("src/modx.py", "src/deep.py"):
        found = impacted_tests(
            references, [FileChange(name, files[name].replace("return", "return 1 +"), files[name])], tests
        )
        assert found.tests == ("tests/test_f.py::test_f",) and found.by_name == 1 and found.unreached == ()
    alone = impacted_tests(
        references, [FileChange("src/alone.py", "def h(): return 2\n", files["src/alone.py"])], tests
    )

    assert alone.tests == () and alone.unreached == ("src/alone.py",)
