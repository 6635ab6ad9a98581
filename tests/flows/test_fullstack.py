"""The specification's example 1 end to end: `examples/fullstack.json` through `chat` workers, answers from files.

The answers are written beforehand (tests/cases/fullstack); no model says anything here. With a key, the same file runs
against the provider: leave out the one line below that sets PTX_PREFECT_MODELS__SONNET.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra `ai`")

from ptx_prefect import sectioning
from tests.fakes.provider import Provider
from tests.fakes.written import written_answers

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Provider]:
    """One run of the example: its report, the merged tree, the provider with its calls."""
    place = tmp_path_factory.mktemp("fullstack")
    shutil.copytree(ROOT / "examples", place / "examples")
    with pytest.MonkeyPatch.context() as patch, Provider(written_answers("fullstack")) as provider:
        patch.chdir(place)
        patch.setenv("PTX_STATE_DIR", str(place / "state"))
        patch.setenv("ANTHROPIC_API_KEY", "scripted")
        patch.setenv("PTX_PREFECT_MODELS__SONNET", json.dumps({"base_url": provider.url}))
        report = sectioning(json.loads((place / "examples/fullstack.json").read_text()))
    return report, Path(report["results"]["merged_output"]), provider


@pytest.mark.needs("node")
def test_three_parts_at_once_then_the_integration(built: tuple[dict[str, Any], Path, Provider]) -> None:
    report, _, provider = built
    calls = [call.prompt.split("# Your part: ", 1)[1].splitlines()[0] for call in provider.calls]

    assert report["status"] == "success" and report["results"]["manual_review_required"] == []
    assert sorted(calls[:3]) == ["backend", "database", "frontend"] and calls[3:] == ["integration"]
    assert "The backend is done." in provider.calls[3].prompt and "todoService" in provider.calls[3].prompt
    assert report["execution_summary"]["sync_points"] == 2
    assert report["usage"]["budget"]["spent"]["calls"] == 4
    assert report["usage"]["budget"]["spent"]["tokens"] == provider.billed_tokens


@pytest.mark.needs("node")
def test_manifests_are_united_and_imports_stand_once(built: tuple[dict[str, Any], Path, Provider]) -> None:
    _, tree, _ = built
    package = json.loads((tree / "package.json").read_text())
    config, tasks = (tree / "shared/config.js").read_text(), (tree / "tools/dev.py").read_text()

    assert set(package["dependencies"]) == {"express", "pg", "react", "react-dom"}
    assert set(package["scripts"]) == {"test", "web", "api", "migrate"}
    assert config.count('import { URL } from "node:url";') == 1 and config.count("import process") == 1
    assert tasks.count("import subprocess") == 1 and tasks.count("import os") == 1
    listed = subprocess.run([sys.executable, tree / "tools/dev.py"], capture_output=True, text=True, check=True)
    assert listed.stdout.strip() == "api, commands, migrate, web"


@pytest.mark.needs("node")
def test_the_merged_app_parses_and_passes_its_own_tests(built: tuple[dict[str, Any], Path, Provider]) -> None:
    report, tree, _ = built
    scripts = [path for path in tree.rglob("*.js") if "node_modules" not in path.parts]
    checked = [subprocess.run(["node", "--check", path], capture_output=True, check=False) for path in scripts]
    tested = subprocess.run(["node", "--test", "tests/"], cwd=tree, capture_output=True, text=True, check=False)

    assert len(scripts) >= 9 and [done.stderr for done in checked if done.returncode] == []
    assert tested.returncode == 0 and "# pass 3" in tested.stdout, tested.stdout
    assert (tree / "docker-compose.yml").is_file() and (tree / "db/migrations/001_todos.sql").is_file()
    assert report["results"]["validation"]["passed"] is True


@pytest.mark.needs("node")
def test_the_components_are_valid_jsx(built: tuple[dict[str, Any], Path, Provider]) -> None:
    parser = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_javascript")
    _, tree, _ = built
    reader = parser.Parser(parser.Language(grammar.language()))
    pages = sorted((tree / "web").rglob("*.jsx"))

    assert [page.name for page in pages] == ["AddTodo.jsx", "TodoItem.jsx", "TodoList.jsx", "main.jsx"]
    assert not any(reader.parse(page.read_bytes()).root_node.has_error for page in pages)
