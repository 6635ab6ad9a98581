"""`ptx init`: a first task, from what stands in the directory or from what a person answers."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from ptx_prefect.cli.commands import ptx
from ptx_prefect.cli.exit_codes import OK
from ptx_prefect.cli.schema import schema_text
from ptx_prefect.errors import SpecError

SCHEMA_FILE = "task.schema.json"
_TARGETS = ("lint", "typecheck", "test", "tests", "docs", "build", "check")
"""Targets of a Makefile or scripts of a package.json that can run beside each other, and that people have."""
_NOT_OURS = ("venv", "env", "node_modules", "build", "dist", "site-packages")
"""Directories that may hold the tests of others."""


@ptx.command(short_help="Write a first task, from what is here.")
@click.option("--kind", type=click.Choice(["suite", "commands", "codemod", "vote"]), help="What the task is to do.")
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("task.json"), show_default=True)
@click.option("--yes", is_flag=True, help="Ask nothing: take what is found here, or an example.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(kind: str | None, output: Path, yes: bool, force: bool) -> int:
    """Write a first task: from the repository that you are in, or by asking.

    A test suite is cut into sections, targets of a Makefile or package.json become commands that run beside each other.
    """
    if output.exists() and not force:
        raise SpecError({"--output": f"{str(output)!r} is there already; name another file, or --force"}, "ptx init")
    here = Path.cwd()
    ask = _take_default if yes or not sys.stdin.isatty() else _prompt
    chosen = kind or ask("What is it to do? (suite, commands, codemod, vote)", _kind_for(here))
    if chosen not in _MAKERS:
        raise SpecError({"--kind": f"unknown {chosen!r}; known: {', '.join(_MAKERS)}"}, "ptx init")
    task = {"$schema": f"./{SCHEMA_FILE}", "task_id": _slug(here.name), **_MAKERS[chosen](here, ask)}
    _write(output, json.dumps(task, indent=2, ensure_ascii=False) + "\n", force=True)
    schema = _write(output.with_name(SCHEMA_FILE), schema_text("task"), force=force)
    click.echo(f"wrote {output}" + (f" (and {SCHEMA_FILE}, by which editors complete its keys)" if schema else ""))
    _say_what_is_missing(task)
    click.echo(f"next: ptx plan {output}     # what would run\n      ptx run {output}")
    return OK


def _write(path: Path, text: str, *, force: bool) -> bool:
    """Whether it was written: what is there stays without ``force``."""
    if path.exists() and not force:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError({"--output": f"{str(path)!r} cannot be written ({error.strerror})"}, "ptx init") from error
    return True


def _say_what_is_missing(task: Mapping[str, Any]) -> None:
    """An example names files and tools that may not be here: better told now than by the run."""
    from ptx_prefect.preflight import check_task
    from ptx_prefect.settings import load_settings
    from ptx_prefect.spec import parse_spec

    try:
        check_task(parse_spec({key: value for key, value in task.items() if key != "$schema"}), load_settings())
    except SpecError as error:
        click.echo("before it runs:")
        for place, text in error.mistakes.items():
            click.echo(f"  {place}: {text}")


def _words(line: str, about: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise SpecError({about: f"{line!r} is no command line ({error}); close the quotes"}, "ptx init") from None


Ask = Callable[[str, str], str]


def _prompt(question: str, default: str) -> str:
    return str(click.prompt(question, default=default))


def _take_default(_question: str, default: str) -> str:
    return default


def _kind_for(here: Path) -> str:
    return "suite" if _has_testpaths(here) or _test_folder(here) else "commands"


def _test_folder(here: Path) -> str:
    """What pytest is to be given: the one directory that holds the tests; ``.`` for several; empty where none is."""
    for name in ("tests", "test"):
        if _has_tests(here / name, "**/"):
            return name
    if _has_tests(here, ""):
        return "."
    elsewhere = [path for depth in ("*", "*/tests", "*/*/tests") for path in sorted(here.glob(depth))]
    found = [path for path in elsewhere if _is_of_project(path, here) and _has_tests(path, "")]
    return found[0].relative_to(here).as_posix() if len(found) == 1 else "." * bool(found)


def _has_tests(folder: Path, below: str) -> bool:
    return any(next(folder.glob(below + name), None) for name in ("test_*.py", "*_test.py"))


def _is_of_project(path: Path, here: Path) -> bool:
    parts = path.relative_to(here).parts
    return path.is_dir() and not any(part.startswith(".") or part in _NOT_OURS for part in parts)


def _has_testpaths(here: Path) -> bool:
    """Whether pytest's configuration says where the tests are: then no argument is best, for it may hold patterns."""
    for name in ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        try:
            if re.search(r"^\s*testpaths\s*=", (here / name).read_text(encoding="utf-8"), re.MULTILINE):
                return True
        except (OSError, UnicodeDecodeError):
            continue
    return False


def _packages(here: Path) -> list[str]:
    """Import packages that stand here or below src; they are what coverage is of."""
    places = [path.parent.name for root in (here, here / "src") for path in sorted(root.glob("*/__init__.py"))]
    return [name for name in places if name not in ("tests", "test", "docs")]


def _suite(here: Path, ask: Ask) -> dict[str, Any]:
    default = "" if _has_testpaths(here) else _test_folder(here) or "tests"
    words = _words(ask("Which tests? (empty: as pytest's configuration says)", default), "the tests")
    suite: dict[str, Any] = {"args": words} if words else {}
    packages = _packages(here)
    if packages:
        suite |= {"coverage": True, "source": packages}
    return _sectioning("Run the test suite", level="test", suite=suite)


def _commands(here: Path, ask: Ask) -> dict[str, Any]:
    found = _targets(here) or {"first": ["echo", "first"], "second": ["echo", "second"]}
    components: list[dict[str, Any]] = []
    for name, argv in found.items():
        line = ask(f"Command of {name!r} (empty: leave it out)", shlex.join(argv))
        if line.strip():
            components.append({"name": name, "worker": {"kind": "command", "argv": _words(line, name)}})
    return _sectioning("Run what can run beside each other", components=components)


def _targets(here: Path) -> Mapping[str, list[str]]:
    """Commands that a Makefile or package.json offers under the usual names."""
    try:
        rules = re.findall(r"^([A-Za-z][\w-]*)\s*:(?!=)", (here / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        rules = []
    found = {name: ["make", name] for name in rules if name in _TARGETS}
    try:
        scripts = json.loads((here / "package.json").read_text(encoding="utf-8")).get("scripts")
    except (OSError, ValueError, AttributeError):
        scripts = None
    named = scripts if isinstance(scripts, Mapping) else {}
    return found | {f"npm {name}": ["npm", "run", name] for name in named if name in _TARGETS}


def _codemod(here: Path, ask: Ask) -> dict[str, Any]:
    line = ask("Command, {files} stands for a section's files", "pyupgrade --py311-plus {files}")
    argv = _words(line, "the command")
    pattern = ask("Which files?", "**/*.py")
    revision: dict[str, Any] = {"path": ".", "revision": "HEAD"} if (here / ".git").exists() else {"path": "."}
    output: dict[str, Any] = {"branch": "ptx-codemod"} if "revision" in revision else {"directory": "../modernised"}
    return {
        **_sectioning("Change every file", level="file", include=[pattern]),
        "base": revision,
        "worker": {"kind": "command", "argv": argv},
        "merged_output": output,
    }


def _vote(_here: Path, ask: Ask) -> dict[str, Any]:
    entry = ask("Which function do the candidates define?", "solve")
    files = _words(ask("Files of the candidates", "a.py b.py"), "the candidates")
    test = ask("One test that each must pass", f"assert {entry}(2) == 4")
    return {
        "mode": "voting",
        "main_task": {
            "description": f"Choose an implementation of {entry}",
            "evaluation_criteria": ["performance", "readability"],
            "entry_point": entry,
            "tests": [test],
        },
        "voters": [{"name": Path(file).stem, "path": file} for file in files],
        "aggregation": "weighted_score",
    }


_MAKERS: Mapping[str, Callable[[Path, Ask], dict[str, Any]]] = {
    "suite": _suite,
    "commands": _commands,
    "codemod": _codemod,
    "vote": _vote,
}


def _sectioning(description: str, **main_task: Any) -> dict[str, Any]:
    return {"mode": "sectioning", "main_task": {"description": description, **main_task}}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "task"
