"""`ptx init`, `ptx schema`, `ptx completion`, and how the command speaks to people, pipes and narrow terminals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from ptx_prefect.cli import main
from ptx_prefect.cli.schema import KINDS, schema_of
from ptx_prefect.spec import SectioningSpec, VotingSpec, read_spec

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.json"))
PTX = [sys.executable, "-m", "ptx_prefect"]


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> SectioningSpec | VotingSpec:
    monkeypatch.chdir(tmp_path)

    assert main(["init", "--yes", *options]) == 0
    jsonschema.validate(json.loads(Path("task.json").read_text()), json.loads(Path("task.schema.json").read_text()))
    return read_spec("task.json")


def test_a_repository_with_tests_gets_a_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").touch()
    (tmp_path / "src" / "pack").mkdir(parents=True)
    (tmp_path / "src" / "pack" / "__init__.py").touch()

    task = made(tmp_path, monkeypatch)

    assert isinstance(task, SectioningSpec) and task.main_task.suite
    assert task.main_task.suite.args == ("tests",) and task.main_task.suite.source == ("pack",)


@pytest.mark.parametrize(
    ("file", "args"),
    [
        ("testing/test_a.py", ("testing",)),
        ("pack/tests/test_a.py", ("pack/tests",)),
        ("src/pack/tests/test_a.py", ("src/pack/tests",)),
        ("tests/sub/a_test.py", ("tests",)),
        ("venv/tests/test_a.py", ("tests",)),
    ],
)
def test_tests_are_found_where_projects_keep_them(
    file: str, args: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()

    task = made(tmp_path, monkeypatch, "--kind", "suite")

    assert isinstance(task, SectioningSpec) and task.main_task.suite and task.main_task.suite.args == args


def test_tests_in_several_places_are_left_to_pytest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "tests").mkdir(parents=True)
        (tmp_path / name / "tests" / "test_a.py").touch()

    task = made(tmp_path, monkeypatch)

    assert isinstance(task, SectioningSpec) and task.main_task.suite and task.main_task.suite.args == (".",)


def test_what_pytest_is_told_by_its_configuration_is_not_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["checks/*"]\n')

    task = made(tmp_path, monkeypatch)

    assert isinstance(task, SectioningSpec) and task.main_task.level == "test"
    assert task.main_task.suite and task.main_task.suite.args == ()


def test_targets_of_make_and_npm_become_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text("X := 1\nlint: a b\n\tx\ndocs:\n\ty\nclean:\n\tz\n")
    (tmp_path / "package.json").write_text('{"scripts": {"test": "x", "start": "y"}}')

    task = made(tmp_path, monkeypatch)

    assert isinstance(task, SectioningSpec)
    assert [row.name for row in task.main_task.components if not isinstance(row, str)] == ["lint", "docs", "npm test"]


@pytest.mark.parametrize("kind", ["suite", "commands", "codemod", "vote"])
def test_every_kind_makes_a_task_of_the_right_form(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = made(tmp_path, monkeypatch, "--kind", kind)

    assert task.mode == ("voting" if kind == "vote" else "sectioning")


def test_nothing_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, monkeypatch)

    assert main(["init", "--yes"]) == 2
    assert main(["init", "--yes", "--force"]) == 0


def test_answers_of_a_person_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["commands", "echo one", ""])
    monkeypatch.setattr("ptx_prefect.cli.init._prompt", lambda _question, _default: next(answers))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.chdir(tmp_path)

    assert main(["init"]) == 0
    assert [row["worker"]["argv"] for row in json.loads(Path("task.json").read_text())["main_task"]["components"]] == [
        ["echo", "one"]
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_schemas_are_those_of_the_code(kind: str) -> None:
    """`make schema` writes them anew."""
    published = json.loads((ROOT / "schema" / f"{kind}.schema.json").read_text())

    assert published == schema_of(kind)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_name_the_schema_and_keep_to_it(path: Path) -> None:
    task = json.loads(path.read_text())

    jsonschema.validate(task, schema_of("task"))
    assert (path.parent / task["$schema"]).resolve() == ROOT / "schema" / "task.schema.json"


def test_the_schema_knows_a_mistake() -> None:
    task = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d"}, "paralelism_hint": 3}

    with pytest.raises(jsonschema.ValidationError, match="paralelism_hint"):
        jsonschema.validate(task, schema_of("task"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_commands() -> None:
    env = {**os.environ, "_PTX_COMPLETE": "bash_complete", "COMP_WORDS": "ptx do", "COMP_CWORD": "1"}
    script = subprocess.run([*PTX, "completion", "bash"], capture_output=True, text=True, check=True).stdout

    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    done = subprocess.run(
        [sys.executable, "-c", "from ptx_prefect.cli import main; main()"], capture_output=True, text=True, env=env
    )
    assert "doctor" in done.stdout and "down" in done.stdout


def test_a_mistyped_command_gets_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pln"]) == 2
    assert "did you mean `ptx plan`?" in capsys.readouterr().err


def test_commands_stand_under_headings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    _, commands = capsys.readouterr().out.split("A task:")

    assert "This machine:" in commands and "Exit codes: 0 done" in commands


def test_a_reader_that_leaves_early_is_no_error() -> None:
    line = f"{' '.join(PTX)} schema report | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True)

    assert done.stdout == "{\n" and not done.stderr and done.returncode == 0


@pytest.mark.skipif(shutil.which("script") is None, reason="script (util-linux) is not installed")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_for_terminals_that_want_it(no_color: str, coloured: bool) -> None:
    env = {**os.environ, "NO_COLOR": no_color}
    piped = subprocess.run([*PTX, "doctor"], capture_output=True, text=True, env=env)
    terminal = subprocess.run(
        ["script", "-qec", f"{' '.join(PTX)} doctor", "/dev/null"], capture_output=True, text=True, env=env
    )

    assert "\x1b[" not in piped.stdout
    assert ("\x1b[" in terminal.stdout) is coloured


@pytest.mark.parametrize("text", ['{"scripts": null}', '{"scripts": ["test"]}', "[]", "{", ""])
def test_a_package_file_that_says_nothing_useful_is_passed_over(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package.json").write_text(text)

    task = made(tmp_path, monkeypatch)

    assert isinstance(task, SectioningSpec) and len(task.main_task.components) == 2
