from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptx_prefect.errors import PlanError, SpecError
from ptx_prefect.plan.by_file import sections_by_file
from ptx_prefect.plan.by_module import sections_by_module
from ptx_prefect.plan.derive import drafts_of
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.graph import cycles_of
from ptx_prefect.plan.references import read_references
from ptx_prefect.spec import SectioningSpec, parse_spec, read_spec


def write(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def after(sections: Sequence[SectionDraft]) -> dict[str, list[str]]:
    return {section.name: [name for name, _ in section.depends_on] for section in sections}


def test_each_matching_file_is_one_section(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.py": "", "src/b.py": "", "src/c.md": "", ".git/d.py": ""})
    sections = sections_by_file(root, ["**/*.py"])

    assert [(section.name, section.writes) for section in sections] == [
        ("a.py", ("a.py",)),
        ("src/b.py", ("src/b.py",)),
    ]


def test_no_match_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no file under"):
        sections_by_file(tmp_path, ["*.py"])


def test_small_files_are_batched_and_large_ones_are_not(tmp_path: Path) -> None:
    files = {f"f{n:02}.py": "" for n in range(40)}
    seconds = dict.fromkeys(files, 0.05) | {"f00.py": 5.0}
    sections = sections_by_file(write(tmp_path, files), ["*.py"], seconds=seconds)
    by_size = sorted(len(section.files) for section in sections)

    assert by_size[0] == 1
    assert by_size[-1] > 1
    assert ("f00.py",) in [section.files for section in sections]
    assert "each task costs 30 ms" in max(sections, key=lambda section: len(section.files)).why


def test_tiny_work_is_still_spread_over_the_workers(tmp_path: Path) -> None:
    files = {f"f{n:02}.py": "" for n in range(40)}
    sections = sections_by_file(write(tmp_path, files), ["*.py"], seconds=dict.fromkeys(files, 0.01), parallelism=4)

    assert len(sections) >= 4


def test_files_wait_for_what_they_refer_to_and_a_circle_is_one_section(tmp_path: Path) -> None:
    root = write(
        tmp_path, {"low.py": "def f(): pass", "a.py": "import b, low", "b.py": "import a", "top.py": "import a\n"}
    )
    sections = {section.name: section for section in sections_by_file(root, ["*.py"], references=read_references(root))}

    assert set(sections) == {"low.py", "a.py and 1 more", "top.py"}
    assert sections["a.py and 1 more"].depends_on == (("low.py", "a.py:1 refers to low"),)
    assert "in a circle" in sections["a.py and 1 more"].why
    assert sections["top.py"].reads == ("a.py", "top.py")


_GRAPHS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)
_SECONDS = st.lists(st.sampled_from([0.001, 0.05, 2.0]), min_size=10, max_size=10)


@settings(max_examples=30, deadline=None)
@given(links=_GRAPHS, times=_SECONDS)
def test_batches_respect_order_and_hold_every_file_once(links: list[tuple[int, int]], times: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write(
            Path(folder),
            {f"m{n}.py": "".join(f"import m{b}\n" for a, b in links if a == n and a != b) for n in range(10)},
        )
        seconds = {f"m{n}.py": time for n, time in enumerate(times)}
        sections = sections_by_file(root, ["*.py"], references=read_references(root, jobs=1), seconds=seconds)

    assert sorted(path for section in sections for path in section.files) == [f"m{n}.py" for n in range(10)]
    assert cycles_of(after(sections)) == ()
    home = {path: section.name for section in sections for path in section.files}
    needed = {section.name: {name for name, _ in section.depends_on} for section in sections}
    for a, b in links:
        if home[f"m{a}.py"] != home[f"m{b}.py"]:
            assert home[f"m{b}.py"] in needed[home[f"m{a}.py"]]


def two_groups() -> dict[str, str]:
    """Twelve files whose names alternate between two groups that hardly know each other."""
    files = {"p/__init__.py": ""}
    for n in range(12):
        others = [m for m in range(n) if m % 2 == n % 2]
        body = "".join(f"from p.m{m:02} import f{m}\n" for m in others)
        files[f"p/m{n:02}.py"] = body + f"def f{n}(): return [{', '.join(f'f{m}()' for m in others)}]\n"
    files["p/m11.py"] += "from p.m00 import f0\nf0()\n"
    return files


def test_module_level_finds_the_groups_and_explains_the_cut(tmp_path: Path) -> None:
    cut = sections_by_module(read_references(write(tmp_path, two_groups())), cap=2)
    groups = [{int(path[3:5]) % 2 for path in section.files if "m" in path} for section in cut.sections]

    assert sorted(map(sorted, groups)) == [[0], [1]]
    assert len(cut.cut) == 1
    assert len(cut.cut) < cut.cut_alphabetically
    assert any("cut: 1 to" in section.why and "p/m11.py:7 refers to p.m00" in section.why for section in cut.sections)


@settings(max_examples=30, deadline=None)
@given(links=_GRAPHS, cap=st.integers(1, 5))
def test_modules_hold_every_file_once_and_have_no_circle(links: list[tuple[int, int]], cap: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write(
            Path(folder),
            {f"m{n}.py": "".join(f"import m{b}\n" for a, b in links if a == n and a != b) for n in range(10)},
        )
        cut = sections_by_module(read_references(root, jobs=1), cap=cap)

    assert 1 <= len(cut.sections) <= cap
    assert sorted(path for section in cut.sections for path in section.files) == [f"m{n}.py" for n in range(10)]
    assert cycles_of(after(cut.sections)) == ()


def test_module_level_without_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no Python file"):
        sections_by_module(read_references(tmp_path))


def test_the_example_cuts_an_installed_package_into_at_most_five_modules(tmp_path: Path) -> None:
    spec = read_spec(Path(__file__).parents[3] / "examples/module_level.json")
    assert isinstance(spec, SectioningSpec)
    notes: list[str] = []
    drafts = drafts_of(spec, state_dir=tmp_path, notes=notes)

    assert 2 <= len(drafts) <= 5
    assert "modules" in notes[0]


def test_a_base_that_is_no_installed_package_is_refused() -> None:
    task = {"description": "d", "level": "module", "root": "."}

    with pytest.raises(SpecError, match="names no installed package"):
        parse_spec({"task_id": "t", "mode": "sectioning", "main_task": task, "base": "package:no_such_thing"})
