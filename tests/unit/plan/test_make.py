"""Plans from tasks: what the sections are, what waits for what, and what it would cost."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ptx_prefect.errors import PlanError, SpecError
from ptx_prefect.plan.by_suite import suite_scope
from ptx_prefect.plan.collect import collect_tests
from ptx_prefect.plan.draw import plan_dot, plan_mermaid, plan_svg
from ptx_prefect.plan.durations import Durations
from ptx_prefect.plan.make import SECTIONS_SCOPE, make_plan
from ptx_prefect.plan.plan import Plan
from ptx_prefect.plan.show import plan_text, plan_to_json
from ptx_prefect.plan.suite import SECTION_START_S, key_of_test
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, Suite, parse_spec

WORK = {"kind": "command", "argv": ["true"]}


def plan_of(tmp_path: Path, settings: Settings | None = None, **task: Any) -> Plan:
    main = {"description": "d", **task.pop("main_task", {})}
    spec = parse_spec({"task_id": "t", "mode": "sectioning", "worker": WORK, "main_task": main, **task})
    assert isinstance(spec, SectioningSpec)
    return make_plan(spec, settings or Settings(), state_dir=tmp_path)


def test_a_plan_carries_waves_critical_path_and_price(tmp_path: Path) -> None:
    components = [
        {"name": "last", "depends_on": ["a", "b"], "estimate_seconds": 1},
        {"name": "a", "estimate_seconds": 5},
        {"name": "b", "estimate_seconds": 2},
        {"name": "c", "estimate_seconds": 3},
    ]

    plan = plan_of(tmp_path, main_task={"components": components}, parallelism_hint=2)

    assert plan.waves == (("a", "b", "c"), ("last",)) and plan.sync_points == 2 and plan.max_parallelism == 3
    assert plan.critical_path == ("a", "last") and plan.critical_path_s == 6
    assert (plan.sequential_s, plan.bound_s, plan.workers) == (11, 6, 2)
    assert plan.predicted_makespan_s == 6
    assert "a -> last" in plan_text(plan) and plan_to_json(plan)["sync_points"] == 2


def test_history_replaces_the_default_estimate_and_the_spec_beats_both(tmp_path: Path) -> None:
    Durations(tmp_path).record(SECTIONS_SCOPE, {"command:a": 7.0, "command:b": 7.0})

    plan = plan_of(tmp_path, main_task={"components": ["a", {"name": "b", "estimate_seconds": 2}, "c"]})

    assert [(section.estimate_s, section.estimate_from) for section in plan.sections] == [
        (7.0, "history"),
        (2.0, "spec"),
        (1.0, "default"),
    ]


@pytest.mark.parametrize(
    ("hint", "count", "workers"), [(None, 20, 5), (None, 3, 3), (None, 1, 2), (4, 20, 4), (50, 20, 10), (1, 20, 1)]
)
def test_the_pool_follows_hint_default_width_and_limits(
    tmp_path: Path, hint: int | None, count: int, workers: int
) -> None:
    plan = plan_of(tmp_path, main_task={"components": [f"s{i}" for i in range(count)]}, parallelism_hint=hint)

    assert plan.workers == workers


def test_two_writers_of_one_file_are_forecast_and_put_in_sequence(tmp_path: Path) -> None:
    components = [
        {"name": "a", "writes": ["x.py"]},
        {"name": "b", "writes": ["*.py"]},
        {"name": "c", "reads": ["x.py"]},
    ]

    plan = plan_of(tmp_path, main_task={"components": components})

    assert plan.forecast_conflicts[0].sections == ("a", "b")
    assert {(edge.source, edge.target) for edge in plan.edges} == {("a", "b"), ("a", "c"), ("b", "c")}
    with pytest.raises(PlanError, match="would write the same files"):
        plan_of(tmp_path, main_task={"components": components}, on_overlap="refuse")


def test_sections_without_a_worker_are_all_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        plan_of(tmp_path, main_task={"components": ["a", "b"]}, worker=None)

    assert set(caught.value.mistakes) == {"main_task.components[0]", "main_task.components[1]"}


def test_file_level_makes_one_section_a_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in "ab":
        (tree / f"{name}.py").write_text("import a\n")
    worker = {"kind": "command", "argv": ["fix", "{files}", "--now"]}

    plan = plan_of(tmp_path, base=str(tree), main_task={"level": "file"}, worker=worker)
    ordered = plan_of(tmp_path, base=str(tree), main_task={"level": "file", "order": "references"}, worker=worker)

    assert [(section.config["argv"], section.writes) for section in plan.sections] == [
        (["fix", "a.py", "--now"], ("a.py",)),
        (["fix", "b.py", "--now"], ("b.py",)),
    ]
    assert plan.edges == () and [(edge.source, edge.target) for edge in ordered.edges] == [("a.py", "b.py")]


def test_module_level_explains_its_cut(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "tree" / name).mkdir(parents=True)
        (tmp_path / "tree" / name / "__init__.py").write_text("")
        (tmp_path / "tree" / name / "a.py").write_text("def f():\n    return 1\n")
        (tmp_path / "tree" / name / "b.py").write_text(f"from {name}.a import f\n\n\ndef g():\n    return f()\n")

    plan = plan_of(tmp_path, base=str(tmp_path / "tree"), main_task={"level": "module", "sections": 2})

    assert len(plan.sections) == 2
    assert any("references cross" in note for note in plan.notes)


def test_a_plan_can_be_drawn(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, main_task={"components": ["a", {"name": 'b "x" <y>', "depends_on": ["a"]}]})

    assert "s0 --> s1" in plan_mermaid(plan)
    assert '"a" -> "b \\"x\\" <y>"' in plan_dot(plan)
    root = ElementTree.fromstring(plan_svg(plan))
    assert any("b" in (text.text or "") for text in root.iter("{http://www.w3.org/2000/svg}text"))


def test_only_impacted_tests_are_planned(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "pkg").mkdir(parents=True)
    files = {
        "pkg/__init__.py": "",
        "pkg/a.py": "def f():\n    return 1\n",
        "pkg/b.py": "def g():\n    return 2\n",
        "test_a.py": "from pkg.a import f\ndef test_f(): assert f()\n",
        "test_b.py": "from pkg.b import g\ndef test_g(): assert g()\ndef test_none(): pass\n",
    }
    for name, text in files.items():
        (tree / name).write_text(text)
    for args in (["init", "-q"], ["add", "."], ["-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "m"]):
        subprocess.run(["git", *args], cwd=tree, check=True)
    for output in ("ptx-output/t", "out"):  # what a run before has left there
        (tree / output / "pkg").mkdir(parents=True)
        (tree / output / "report.json").touch()
        (tree / output / "pkg/a.py").write_text("def f():\n    return 0\n")
    (tree / "pkg/__pycache__").mkdir(exist_ok=True)  # what Python has left there, where no .gitignore names it
    (tree / "pkg/__pycache__/a.pyc").touch()
    task = {"level": "test", "suite": {"args": ["test_a.py", "test_b.py"], "impacted_by": "HEAD"}}

    none = plan_of(tmp_path, workdir=str(tree), main_task=task, output_dir=str(tree / "out"))
    (tree / "pkg" / "b.py").write_text("def g():\n    return 3\n")
    plan = plan_of(tmp_path, workdir=str(tree), main_task=task, output_dir=str(tree / "out"))

    assert none.sections == () and "0 sections" in plan_text(none)

    assert [section.config["tests"] for section in plan.sections] == [[f"{tree}/test_b.py::test_g"]]
    assert any("can reach 1 of 3 tests" in note for note in plan.notes)


def test_a_share_of_a_suite_that_takes_long_gets_a_longer_deadline(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_f(): pass\n")
    suite = Suite(args=(str(tmp_path / "test_a.py"),))
    task = {"workdir": str(tmp_path), "main_task": {"level": "test", "suite": {"args": list(suite.args)}}}

    first = plan_of(tmp_path, **task)
    found = collect_tests(suite.args, workdir=tmp_path, python=None, state_dir=tmp_path)
    (name,) = (key_of_test(nodeid) for nodeid, _, _ in found.tests)
    Durations(tmp_path).record(suite_scope(suite, tmp_path), {name: 150.0})
    second = plan_of(tmp_path, **task)
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = plan_of(tmp_path, **{**task, "workdir": str(other)})

    assert elsewhere.sections[0].estimate_from == "counts", "another project's suite of the same name"
    assert (first.sections[0].timeout_s, first.sections[0].estimate_from) == (300, "counts")
    assert second.sections[0].timeout_s == 3 * (150 + SECTION_START_S)


def test_odd_names_break_neither_table_nor_picture(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, main_task={"components": ['a "b" <c> & #1', "two\nlines"]})

    assert "two lines" in plan_text(plan)
    assert '["a &quot;b&quot; &lt;c&gt; &amp; &num;1<br/>' in plan_mermaid(plan) and '["two lines<br/>' in plan_mermaid(
        plan
    )
    assert '"a \\"b\\" <c> & #1"' in plan_dot(plan)
    ElementTree.fromstring(plan_svg(plan))


def test_declared_sections_are_put_in_the_order_of_the_code_they_write_where_asked(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "app").mkdir(parents=True)
    (tree / "app/__init__.py").touch()
    (tree / "app/api.py").write_text("from app.store import save\n\ndef post(x):\n    return save(x)\n")
    (tree / "app/store.py").write_text("def save(x):\n    return x\n")
    components = [{"name": "api", "writes": ["app/api.py"]}, {"name": "store", "writes": ["app/store*"]}]
    task = {"base": str(tree), "main_task": {"components": components}}

    free = plan_of(tmp_path, **task)
    ordered = plan_of(tmp_path, base=str(tree), main_task={"components": components, "order": "references"})

    assert free.waves == (("api", "store"),)
    assert ordered.waves == (("store",), ("api",))
    assert [edge.reason for edge in ordered.edges] == ["api reads 'app/store.py', which store writes"]
    assert all(section.reads == () for section in ordered.sections)


def test_a_deadline_that_the_settings_cut_is_told(tmp_path: Path) -> None:
    components = ["a", {"name": "b", "timeout_seconds": 3600}]

    cut = plan_of(tmp_path, main_task={"components": components})
    fits = plan_of(tmp_path, main_task={"components": ["a"]}, timeout_seconds=600)

    assert any("3600 s are cut to 600 s" in note and "timeouts.max_task" in note for note in cut.notes)
    assert fits.notes == ()


@pytest.mark.parametrize("level", ["components", "test"])
def test_a_hint_below_the_minimum_holds_and_is_told(tmp_path: Path, level: str) -> None:
    (tmp_path / "test_a.py").write_text("def test_one(): pass\n")
    main = {"components": ["a", "b"]} if level == "components" else {"level": "test"}

    alone = plan_of(tmp_path, main_task=main, parallelism_hint=1, workdir=str(tmp_path))
    pair = plan_of(tmp_path, main_task=main, parallelism_hint=2, workdir=str(tmp_path))

    assert (alone.workers, pair.workers) == (1, 2)
    assert any("parallelism_hint 1 holds" in note for note in alone.notes)
    assert not any("parallelism_hint" in note for note in pair.notes)


def test_sections_are_cut_from_the_files_that_they_will_find(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    files = ("app/one.py", "app/two.py", "venv/lib/big.py", "lib/other.py", "new.py", ".hidden/x.py", "gone.py")
    for name in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x = 1\n")
    (tree / ".gitignore").write_text("venv/\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "-q"], ["add", "app", "gone.py", ".gitignore"], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", str(tree), *arguments], check=True, capture_output=True)
    (tree / "gone.py").unlink()
    subprocess.run(["git", "-C", str(tree / "lib"), "init", "-q"], check=True, capture_output=True)

    def names(base: Any, level: str = "file", **main: Any) -> set[str]:
        plan = plan_of(tmp_path, base=base, main_task={"level": level, **main})
        return {part for section in plan.sections for part in section.description.removeprefix("d: ").split(", ")}

    revision = {"path": str(tree), "revision": "HEAD"}
    assert names(revision) == {"app/one.py", "app/two.py", "gone.py"}
    assert names(revision, root="app") == names(revision, root="./app/") == {"one.py", "two.py"}
    assert names(str(tree)) == {"app/one.py", "app/two.py", "new.py"}
    assert names(revision, level="module") == {"app/one.py", "app/two.py"}
    assert names(str(tree), level="module", exclude=["app/two.py"]) == {"app/one.py", "new.py"}


def test_links_are_no_sections_and_brackets_in_names_are_no_patterns(tmp_path: Path) -> None:
    """A link's section would change what another section changes; `[lang]` and `[slug]` have letters in common."""
    code = tmp_path / "code"
    code.mkdir()
    for name in ("[lang].py", "[slug].py"):
        (code / name).write_text("x = 1\n")
    (code / "link.py").symlink_to("[lang].py")
    (code / "nowhere.py").symlink_to("gone.py")

    plan = plan_of(tmp_path, main_task={"level": "file", "root": str(code)})

    assert [section.name for section in plan.sections] == ["[lang].py", "[slug].py"]
    assert plan.edges == () and plan.forecast_conflicts == ()
    assert "2 symbolic link(s) left out, first 'link.py'" in plan.notes
