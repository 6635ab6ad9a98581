"""Pages that a stranger reads: links lead somewhere, tasks in them are right, nothing public is without a word."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from ptx_prefect.report import Report
from ptx_prefect.settings import Settings
from ptx_prefect.spec import SectioningSpec, VotingSpec, parse_spec
from ptx_prefect.strict import StrictModel, _models_in

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "deployments/*.md", "examples/*.md", "skill/*/*.md", "docs/**/*.md")
    for page in ROOT.glob(pattern)
)
GENERATED = {f"{name}.md" for name in ("task", "config", "report", "cli", "errors", "python")}
_FENCE = re.compile(r"^ *```json\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_into_the_project_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:|#", target):
            continue
        path = (page.parent / target.partition("#")[0]).resolve()
        is_generated = path.parent.name == "reference" and (path.name in GENERATED or path.suffix == ".json")
        assert path.exists() or is_generated, f"{name_of(page)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_task_on_a_page_is_right(page: Path) -> None:
    for text in _FENCE.findall(page.read_text(encoding="utf-8")):
        if '"task_id"' in text and '"main_task"' in text:
            parse_spec(json.loads(text))


def test_every_key_of_every_worker_is_on_the_page_of_workers() -> None:
    page = (ROOT / "docs" / "reference" / "workers.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^## (\w+)[^\n]*\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    homes = {"command": "commands", "callable": "callables", "pytest": "pytests", "chat": "chat", "agent": "agent"}
    for kind, module in homes.items():
        keys = import_module(f"ptx_prefect.workers.{module}").KEYS
        missing = [key for key in keys if f"| `{key}` |" not in parts[kind] + parts["All"]]
        assert not missing, f"{kind}: {missing}"


def models(model: type[StrictModel], seen: set[type]) -> Iterator[type[StrictModel]]:
    if model not in seen:
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            for inner in _models_in(field.annotation):
                yield from models(inner, seen)  # type: ignore[arg-type]


@pytest.mark.parametrize("root", [SectioningSpec, VotingSpec, Settings, Report])
def test_every_key_says_what_it_means(root: type[StrictModel]) -> None:
    for model in models(root, set()):
        assert model.__doc__, model
        for name, field in model.model_fields.items():
            meaning = field.description or any(True for _ in _models_in(field.annotation))
            assert meaning, f"{model.__name__}.{name} needs a Field(description=...)"


def test_every_module_and_every_function_and_class_without_underscore_is_documented() -> None:
    bare = []
    for path in sorted((ROOT / "ptx_prefect").rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        if path.name != "__init__.py" and not ast.get_docstring(module):
            bare.append(name_of(path))
        for node in module.body:
            is_public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if is_public and not ast.get_docstring(node):  # type: ignore[arg-type]
                bare.append(f"{name_of(path)}: {node.name}")  # type: ignore[attr-defined]

    assert not bare


BESIDES_DECISIONS = [page for page in PAGES if page.parent.name != "decisions" and page.name != "CHANGELOG.md"]


def test_every_measured_figure_of_the_readme_names_the_command_that_measures_it() -> None:
    (table,) = re.findall(
        r"^\| against \| ours \| command \|\n\|[- |]+\|\n((?:\|.*\n)+)", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    for row in table.splitlines():
        assert re.search(r"\| `(make \w+|python benchmarks/\w+\.py[^`]*)` \|$", row), row


@pytest.mark.parametrize("page", BESIDES_DECISIONS, ids=name_of)
def test_a_ratio_is_measured_by_a_command_beside_it(page: Path) -> None:
    """`0.7×`, `86 % right`: what only a measurement tells, unlike limits and prices."""
    for block in re.split(r"\n\s*\n", re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)):
        if re.search(r"\d× (?:its|as|faster|smaller)|\d % right|\d(?:\.\d+)? times the (?:time|speed)", block):
            assert re.search(r"`(?:make |python )?[^`]*(?:benchmarks/\w+\.py|make \w+)", block), block


@pytest.mark.parametrize("page", BESIDES_DECISIONS, ids=name_of)
def test_every_benchmark_and_target_on_a_page_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in re.findall(r"benchmarks/(\w+\.py)", text):
        assert (ROOT / "benchmarks" / name).is_file(), name
    for target in re.findall(r"^\$ make ([\w-]+)|`make ([\w-]+)[^`]*`", text, re.MULTILINE):
        assert targets.issuperset(filter(None, target)), target
