from __future__ import annotations

import contextlib
import os
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.references import References, read_references, sources
from ptx_prefect.plan.references.masking import BREAK, pieces_of, with_blanks, without_strings

Tree = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    def write(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tmp_path / "tree"

    return write


def edges(references: References, path: str, kind: str | None = None) -> set[tuple[str, int, str]]:
    return {
        (edge.source, edge.line, edge.target) for edge in references.edges_of(path) if kind is None or edge.kind == kind
    }


LIBRARY = {
    "pkg/__init__.py": "from .shapes import Square as Box\nfrom .tools import *\n",
    "pkg/shapes.py": """\
        from __future__ import annotations
        from pkg.tools import measure

        SIDES = 4

        class Shape:
            def area(self): return 0
            def describe(self):
                return self.area() + SIDES

        class Square(Shape):
            def __init__(self, side: int) -> None:
                self.pen = Pen()
                self.side = side
            def area(self):
                super().area()
                self.pen.draw()
                return measure(self.side)

        class Pen:
            def draw(self): ...
        """,
    "pkg/tools.py": """\
        def measure(x): return x
        def trace(f): return f
        def _hidden(): pass
        """,
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("import pkg.shapes\npkg.shapes.Pen()\n", ("call", "", 2, "pkg.shapes.Pen"), id="absolute"),
        pytest.param("from pkg import Box\nBox(1)\n", ("call", "", 2, "pkg.shapes.Square"), id="re-export"),
        pytest.param(
            "from pkg import measure\nmeasure(1)\n", ("call", "", 2, "pkg.tools.measure"), id="star re-export"
        ),
        pytest.param("import pkg.tools as t\nt.measure(1)\n", ("call", "", 2, "pkg.tools.measure"), id="module alias"),
        pytest.param(
            "from pkg.tools import measure\ndef f():\n    m = measure\n    return m(1)\n",
            ("call", "f", 4, "pkg.tools.measure"),
            id="call through a local alias",
        ),
        pytest.param(
            "from pkg.tools import measure\nm = measure\nm(1)\n",
            ("call", "", 3, "pkg.tools.measure"),
            id="call through a module's alias",
        ),
        pytest.param(
            "from pkg import Box\ndef f():\n    b = Box(2)\n    b.describe()\n",
            ("call", "f", 4, "pkg.shapes.Shape.describe"),
            id="inherited method of an instance",
        ),
        pytest.param(
            "from pkg import Box\ndef f(b: Box | None):\n    b.area()\n",
            ("call", "f", 3, "pkg.shapes.Square.area"),
            id="method of an annotated parameter",
        ),
        pytest.param("from pkg import Box\nBox(1).pen.draw()\n", ("call", "", 2, "pkg.shapes.Pen.draw"), id="chain"),
        pytest.param(
            "import pkg.tools as t\nt. measure(1)\n", ("call", "", 2, "pkg.tools.measure"), id="a blank after the dot"
        ),
        pytest.param(
            "import pkg.tools as t\nx = t.\\\n    measure(1)\n",
            ("call", "x", 2, "pkg.tools.measure"),
            id="a line break after the dot",
        ),
        pytest.param(
            "from pkg import Box\nx = (\n    Box(1)\n    .pen\n    .draw()\n)\n",
            ("call", "x", 3, "pkg.shapes.Pen.draw"),
            id="a chain over lines counts where it begins",
        ),
        pytest.param(
            "from pkg.tools import trace\n@trace\ndef f(): pass\n",
            ("decorator", "f", 2, "pkg.tools.trace"),
            id="decorator",
        ),
        pytest.param(
            "import pkg.shapes as s\nclass A(s.Shape): pass\n", ("base", "A", 2, "pkg.shapes.Shape"), id="base class"
        ),
        pytest.param(
            "from pkg.shapes import SIDES\nx = [SIDES]\n", ("name", "x", 2, "pkg.shapes.SIDES"), id="constant"
        ),
        pytest.param(
            "def f():\n    from pkg.tools import measure as m\n    return f'{m(1)!r:>9} {{m}}'\n",
            ("call", "f", 3, "pkg.tools.measure"),
            id="f-string and function-level import",
        ),
        pytest.param(
            "import importlib\ndef f():\n    importlib.import_module('pkg.shapes')\n",
            ("import", "f", 3, "pkg.shapes"),
            id="dynamic import of a literal",
        ),
        pytest.param(
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pkg.shapes\n",
            ("import", "", 3, "pkg.shapes"),
            id="type checking only",
        ),
        pytest.param(
            "try: from pkg.tools import measure\nexcept ImportError: measure = None\nmeasure(1)\n",
            ("call", "", 3, "pkg.tools.measure"),
            id="bound in two ways",
        ),
        pytest.param(
            "from pkg import (\n    Box,\n    measure,\n)\ny = dict(\n    a=1,\n    b=measure(2),\n)\n",
            ("call", "y", 7, "pkg.tools.measure"),
            id="line inside a statement of several lines",
        ),
    ],
)
def test_reference_resolves_to_its_definition(tree: Tree, code: str, expected: tuple[str, str, int, str]) -> None:
    references = read_references(tree({**LIBRARY, "user.py": code}))
    kind, source, line, target = expected

    assert (source, line, target) in edges(references, "user.py", kind)


def test_methods_resolve_through_self_super_and_attributes(tree: Tree) -> None:
    references = read_references(tree(LIBRARY))
    calls = edges(references, "pkg/shapes.py", "call")

    assert ("Shape.describe", 9, "pkg.shapes.Shape.area") in calls
    assert ("Square.area", 16, "pkg.shapes.Shape.area") in calls
    assert ("Square.area", 17, "pkg.shapes.Pen.draw") in calls
    assert ("Square.area", 18, "pkg.tools.measure") in calls


def test_what_cannot_be_known_is_listed_and_not_guessed(tree: Tree) -> None:
    code = (
        "from pkg import gone\ndef f(x):\n    x.area()\n    nowhere()\n    __import__(x)\n    return [x for x in x]\n"
    )
    references = read_references(tree({**LIBRARY, "user.py": code}))
    listed = {(one.line, one.text) for one in references.unresolved_of("user.py")}

    assert {(3, "x.area"), (4, "nowhere"), (5, "__import__(…)"), (1, "pkg.gone")} <= listed
    assert not any("area" in edge.target for edge in references.edges_of("user.py"))


@pytest.mark.parametrize(
    "code",
    [
        "def f(measure): return measure(1)\n",
        "def f():\n    for measure in (): measure(1)\n",
        "def f():\n    with open(1) as measure: measure(1)\n",
        "x = lambda measure: measure(1)\n",
        "x = [measure(1) for measure in ()]\n",
        "def f():\n    if (measure := 1): measure(1)\n",
        "def f(x):\n    match x:\n        case [measure]: measure(1)\n",
        "def f(a=dict(measure=1)): pass\n",
        "x = 'measure(1)'  # measure(1)\n",
        "def f():\n    measure, *b = 1, 2\n    measure(1)\n",
        "def f():\n    for index, measure in (): measure(1)\n",
    ],
)
def test_a_local_name_hides_the_imported_one(tree: Tree, code: str) -> None:
    references = read_references(tree({**LIBRARY, "user.py": "from pkg.tools import measure\n" + code}))
    found = [edge for edge in references.edges_of("user.py") if edge.line > 1]

    assert found == []


def test_definitions_carry_kind_and_lines(tree: Tree) -> None:
    references = read_references(
        tree({"m.py": "X = 1\n\n@d\n@e\nclass A:\n    y = 2\n    def f(self):\n        self.z = 1\n\n\nB = A()\n"})
    )
    found = {(one.qualname, one.kind, one.first_line, one.line, one.end_line) for one in references.definitions}

    assert found == {
        ("", "module", 1, 1, 11),
        ("X", "constant", 1, 1, 1),
        ("A", "class", 3, 5, 8),
        ("A.y", "constant", 6, 6, 6),
        ("A.f", "function", 7, 7, 8),
        ("A.z", "attribute", 8, 8, 8),
        ("B", "constant", 11, 11, 11),
    }


def test_named_arguments_of_a_call_in_a_value_are_no_definitions(tree: Tree) -> None:
    code = "TABLE = {\n    'a': dict(first=1, second=2),\n    'b': [x for x in ()],\n}\n"
    references = read_references(tree({"m.py": code}))

    assert {one.qualname for one in references.definitions} == {"", "TABLE"}


def test_statements_that_share_a_line_are_told_apart_after_a_continued_line(tree: Tree) -> None:
    code = "from pkg.tools import \\\n    measure; from pkg.shapes import Pen\nmeasure(1); Pen()\n"
    references = read_references(tree({**LIBRARY, "user.py": code}))

    assert {("", 3, "pkg.tools.measure"), ("", 3, "pkg.shapes.Pen")} <= edges(references, "user.py", "call")


def test_only_folders_that_changed_are_listed_again(
    tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, state = tree({"p/__init__.py": "", "p/a.py": "", "q/b.py": "", "z/z.py": ""}), tmp_path / "state"
    (root / "q/link.py").symlink_to(tmp_path / "elsewhere.py")
    listed: list[str] = []
    list_folder = sources._listed

    def noted(folder: str, *, is_root: bool) -> tuple[list[str], list[str]]:
        listed.append(folder)
        return list_folder(folder, is_root=is_root)

    monkeypatch.setattr(sources, "CLOCK_DOUBT_NS", 0)
    monkeypatch.setattr(sources, "_listed", noted)
    _wait_for_the_clock()
    read_references(root, state_dir=state)
    _wait_for_the_clock()
    listed.clear()
    (tmp_path / "elsewhere.py").write_text("")
    (root / "q/c.py").write_text("import p.a\n")
    (root / "p/a.py").unlink()
    (root / "q/r").mkdir()
    (root / "q/r/d.py").write_text("")
    again = read_references(root, state_dir=state)

    assert again.files == ("p/__init__.py", "q/b.py", "q/c.py", "q/link.py", "q/r/d.py", "z/z.py")
    assert sorted(folder.removeprefix(str(root)) for folder in listed) == ["/p", "/q", "/q/r"]


def _wait_for_the_clock() -> None:
    """A folder's change time is that of the last tick, some milliseconds ago."""
    time.sleep(0.02)


def test_relative_imports_climb_packages(tree: Tree) -> None:
    references = read_references(
        tree(
            {
                "p/__init__.py": "",
                "p/a.py": "",
                "p/q/__init__.py": "",
                "p/q/b.py": "from .. import a\nfrom ..a import x\n",
            }
        )
    )

    assert {edge.target for edge in references.edges_of("p/q/b.py")} == {"p.a"}
    assert references.imports["p/q/b.py"] == {"p/a.py"}
    assert references.dependencies["p/q/b.py"] == {"p/a.py", "p/__init__.py", "p/q/__init__.py"}


def test_src_layout_and_a_package_as_root_give_the_importable_names(tree: Tree) -> None:
    root = tree({"src/p/__init__.py": "", "src/p/a.py": "import p.b", "src/p/b.py": "", "tool.py": ""})

    assert read_references(root).module_of["src/p/a.py"] == "p.a"
    assert read_references(root / "src" / "p").module_of["a.py"] == "p.a"


def test_a_module_name_goes_to_the_file_that_lies_there(tree: Tree) -> None:
    files = {
        "part/yaml/__init__.py": "",
        "yaml/__init__.py": "def load(): pass\n",
        "z.py": "import yaml\nyaml.load()\n",
    }
    references = read_references(tree({**files, "yaml.py": ""}))

    assert ("", 2, "yaml.load") in edges(references, "z.py", "call")
    assert references.module_of["part/yaml/__init__.py"] == "part.yaml"
    assert references.module_of["yaml.py"] == "yaml.py"


def test_a_file_that_does_not_parse_is_reported_and_left_out(tree: Tree) -> None:
    references = read_references(tree({"good.py": "import bad\n", "bad.py": "x = 1\ndef f(:\n"}))

    assert references.files == ("good.py",)
    assert [(one.path, one.line) for one in references.unparsable] == [("bad.py", 2)]


def test_a_folder_that_cannot_be_read_is_reported_and_left_out(tree: Tree, tmp_path: Path) -> None:
    root = tree({"good.py": "", "deep/fine.py": "import good\n"})
    name = "d" * 200
    with contextlib.chdir(root / "deep"):
        for _ in range(25):  # longer than a path may be; unlike permissions this binds the superuser too
            os.mkdir(name)  # noqa: PTH102
            os.chdir(name)
    references = read_references(root, state_dir=tmp_path / "state")

    assert references.files == ("deep/fine.py", "good.py")
    (left_out,) = references.unparsable
    assert left_out.path.startswith(f"deep/{name}/{name}")
    assert "cannot be read: File name too long" in left_out.message
    assert read_references(root, state_dir=tmp_path / "state").unparsable == references.unparsable
    assert read_references(root, files=["good.py", "gone.py"]).unparsable[0].path == "gone.py"


def test_dependents_are_found_over_several_steps(tree: Tree) -> None:
    references = read_references(tree({"a.py": "", "b.py": "import a", "c.py": "from b import *", "d.py": ""}))

    assert references.files_reachable_from(["a.py"]) == {"a.py", "b.py", "c.py"}


def test_only_changed_files_are_read_again_and_the_result_is_as_from_scratch(tree: Tree, tmp_path: Path) -> None:
    root = tree({**LIBRARY, "user.py": "from pkg import measure\nmeasure(1)\n", "other.py": "import pkg\n"})
    read_references(root, state_dir=tmp_path / "state")
    (root / "pkg/tools.py").write_text("\n\nfrom pkg.shapes import Pen as measure\n")
    again = read_references(root, state_dir=tmp_path / "state")
    fresh = read_references(root)

    assert again.read_again == ("pkg/tools.py",)
    assert again.edges == fresh.edges
    assert again.unresolved == fresh.unresolved
    assert ("", 2, "pkg.shapes.Pen") in edges(again, "user.py", "call")


@pytest.mark.parametrize("change", ["added", "deleted", "broken", "cache cut short", "cache damaged"])
def test_cache_follows_the_tree(tree: Tree, tmp_path: Path, change: str) -> None:
    root = tree({**LIBRARY, "user.py": "import late\nlate.f()\nfrom pkg.tools import measure\n"})
    read_references(root, state_dir=tmp_path / "state")
    if change == "added":
        (root / "late.py").write_text("def f(): pass\n")
    elif change == "deleted":
        (root / "pkg/tools.py").unlink()
    elif change == "broken":
        (root / "pkg/tools.py").write_text("def (")
    else:
        cache = next((tmp_path / "state").rglob("*.records"))
        whole = cache.read_bytes()
        cache.write_bytes(whole[:300] if change == "cache cut short" else whole.replace(b"measure", b"treasur"))
    again = read_references(root, state_dir=tmp_path / "state")

    assert (again.edges, again.unresolved) == (read_references(root).edges, read_references(root).unresolved)
    assert again.unparsable == read_references(root).unparsable


def test_a_root_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is not a directory"):
        read_references(tmp_path / "nowhere")


@given(
    st.lists(st.sampled_from(["'", '"', '"""', "'''", "\\", "#", "\n", "f", "r", "{", "}", "a", " ", "(", "!", ":"]))
)
def test_masking_keeps_every_position(parts: list[str]) -> None:
    source = "".join(parts)
    masked = with_blanks(pieces_of(source))
    shown = without_strings(pieces_of(source))

    assert len(masked) == len(source)
    assert all(seen in "\n" + BREAK for seen, char in zip(masked, source, strict=True) if char == "\n")
    assert shown.replace(BREAK, "\n").count("\n") == source.count("\n")
    assert "".join(shown.split()) == "".join(masked.split())


def test_a_name_that_comes_round_through_a_star_import_is_found_whoever_asks_first(tree: Tree) -> None:
    files = {
        "p/__init__.py": "from p.a import *\nfrom p.b import *\n",
        "p/a.py": "from p import groups\ndef first(): groups()\n",
        "p/b.py": "def groups(): pass\n",
    }
    references = read_references(tree({**files, "aa.py": "import p\np.groups()\n", "zz.py": "import p\np.groups()\n"}))

    for path, source, line in (("p/a.py", "first", 2), ("aa.py", "", 2), ("zz.py", "", 2)):
        assert (source, line, "p.b.groups") in edges(references, path, "call")


def test_a_module_that_is_not_python_counts_as_the_package_around_it(tree: Tree) -> None:
    root = tree(
        {"p/__init__.py": "", "p/q/__init__.py": "", "p/a.py": "import p.q._speedups as s\nfrom p.q.fast import x\n"}
    )
    references = read_references(root)

    assert edges(references, "p/a.py", "import") == {("", 1, "p.q"), ("", 2, "p.q")}
    assert {(one.line, one.text) for one in references.unresolved_of("p/a.py")} >= {
        (1, "p.q._speedups"),
        (2, "p.q.fast"),
    }


def test_names_of_the_newer_type_syntax_are_bound(tree: Tree) -> None:
    references = read_references(
        tree(
            {
                "t.py": "type Pair[T] = tuple[T, T]\ndef first[S: int](p: S) -> S:\n    return p\n",
                "u.py": "from t import Pair\nPair\n",
            }
        )
    )

    assert ("", 2, "t.Pair") in edges(references, "u.py", "name")
    assert not {"S", "K"} & {one.text for one in references.unresolved}


def test_a_module_may_import_itself(tree: Tree) -> None:
    references = read_references(tree({"p/__init__.py": "", "p/a.py": "def f():\n    from p.a import f\n"}))

    assert ("f", 2, "p.a") in edges(references, "p/a.py", "import")
    assert references.dependencies["p/a.py"] == {"p/__init__.py"}


def test_only_what_changed_is_written_until_it_is_much(tree: Tree, tmp_path: Path) -> None:
    root = tree({f"m{n:02}.py": f"def f{n}(): pass\n" for n in range(40)})
    read_references(root, state_dir=tmp_path / "state")
    cache = next((tmp_path / "state").rglob("*.records"))
    whole = cache.read_bytes()
    for step in range(5):
        (root / f"m{step % 2:02}.py").write_text(f"def f{step}(): return {step}\n")
        again = read_references(root, state_dir=tmp_path / "state", jobs=1)

        assert again.read_again == (f"m{step % 2:02}.py",)

    assert cache.read_bytes() == whole and cache.with_suffix(".added").stat().st_size < len(whole) / 5
    assert again.edges == read_references(root).edges

    for n in range(20):
        (root / f"m{n:02}.py").write_text("x = 1\n")
    read_references(root, state_dir=tmp_path / "state", jobs=1)

    assert cache.read_bytes() != whole
    assert read_references(root, state_dir=tmp_path / "state").read_again == ()


def test_additions_to_another_state_of_the_cache_are_not_taken(tree: Tree, tmp_path: Path) -> None:
    root, state = tree({f"m{n}.py": f"def f{n}(): pass\n" for n in range(9)}), tmp_path / "state"
    read_references(root, state_dir=state)
    (root / "m0.py").write_text("def g(): pass\n")
    read_references(root, state_dir=state)
    added = next(state.rglob("*.added")).read_bytes()
    (root / "m0.py").write_text("def h(): pass\n")
    next(state.rglob("*.records")).unlink()
    read_references(root, state_dir=state)
    next(state.rglob("*.added")).write_bytes(added)

    assert read_references(root, state_dir=state).edges == read_references(root).edges
    assert "h" in {one.qualname for one in read_references(root, state_dir=state).definitions}


@pytest.mark.parametrize("code", ["x = 1;\n", "x = 1 + \\\n\ny = 2\n", "\\\n\nx = 1\n", "", "# only\n", "\x0cx = 1\n"])
def test_odd_layout_is_read(tree: Tree, code: str) -> None:
    references = read_references(tree({"m.py": code + "\n", "n.py": "import m\n"}))

    assert ("", 1, "m") in edges(references, "n.py", "import") or references.unparsable
    assert all("understood" not in one.message for one in references.unparsable)
