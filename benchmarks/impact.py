"""Impacted-only tests on networkx: is every test that runs the changed lines selected, and how small is the selection?

    python benchmarks/impact.py [--repository CLONE] [--changes 30] [--coverage FILE] [--suite PATH]

Needs ``pip install -e '.[dev,bench]'``. With a clone of networkx (a git repository), the changes are real: the last
commits that touch one Python file of the library, taken back one at a time on the newest tree, so that one coverage
map serves all. Without, they are edits of single functions of the installed package. The coverage map says for each
line which tests run it (set-up included); what runs when modules are imported belongs to no test and is left out.
``--coverage`` keeps the map, which takes some minutes to make, and reads it when it exists; ``--suite`` runs a part.

JSON line last: ``missed`` (tests that run a changed line and were not selected), ``changes``, ``median_smaller`` (how
many times smaller the selection is than the suite, median over the changes), ``sound_changes``.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import coverage

from ptx_prefect.plan.changes import FileChange
from ptx_prefect.plan.impact import impacted_tests
from ptx_prefect.plan.reach import Reach
from ptx_prefect.plan.references import read_references

PLUGIN = """
import coverage, pytest

@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    with open("ran.txt", "a") as ran:
        ran.write(item.nodeid + "\\n")
    coverage.Coverage.current().switch_context(item.nodeid)
    yield
    coverage.Coverage.current().switch_context("")
"""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        _fill(tree, arguments.repository)
        data_file = arguments.coverage or Path(folder) / "coverage.db"
        if not data_file.exists():
            _measure(tree, data_file, arguments.suite)
        tests, data = _read_map(data_file)
        known = set(tests)
        measured = {str(Path(name)).split("/tree/", 1)[-1]: name for name in data.measured_files()}
        started = time.perf_counter()
        references = read_references(tree)
        reach = Reach(references, tests)
        seconds = time.perf_counter() - started
        print(f"{len(tests)} tests, {len(references.files)} files; references and reach in {seconds:.1f} s")
        found = _real_changes(tree, arguments.repository) if arguments.repository else _edits(tree)
        results = []
        for label, change in found:
            lines = _changed_lines(change)
            by_line = data.contexts_by_lineno(measured.get(change.path, ""))
            running = {test for line in lines for test in by_line.get(line, ()) if test in known}
            if not lines or not any(line in by_line for line in lines):
                continue
            impact = impacted_tests(references, [change], tests, reach=reach)
            missed = sorted(running - set(impact.tests))
            smaller = len(tests) / max(1, len(impact.tests))
            results.append((smaller, missed))
            counts = f"runs {len(running):>5} selected {len(impact.tests):>5} missed {len(missed)}"
            print(f"{label:<10} {change.path:<62} {counts}")
            for test in missed[:5]:
                print(f"           missed: {test}")
            if len(results) == arguments.changes:
                break
    _report(results)


def _report(results: list[tuple[float, list[str]]]) -> None:
    if not results:
        sys.exit("no change touches a line that the coverage map knows")
    print(
        json.dumps(
            {
                "changes": len(results),
                "missed": sum(len(missed) for _, missed in results),
                "sound_changes": sum(not missed for _, missed in results),
                "median_smaller": round(statistics.median(smaller for smaller, _ in results), 1),
            }
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path, help="a git clone of networkx; default: the installed package")
    parser.add_argument("--changes", type=int, default=30)
    parser.add_argument("--suite", default="networkx", help="the part of the suite to run, as a path; default: all")
    parser.add_argument("--coverage", type=Path, help="where the coverage map is kept")
    return parser.parse_args()


def _fill(tree: Path, repository: Path | None) -> None:
    tree.mkdir()
    if repository:
        archive = subprocess.run(["git", "-C", repository, "archive", "HEAD"], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "x", "-C", tree], input=archive.stdout, check=True)
        return
    import networkx

    shutil.copytree(Path(networkx.__file__).parent, tree / "networkx", ignore=shutil.ignore_patterns("__pycache__"))


def _measure(tree: Path, data_file: Path, suite: str) -> None:
    (tree / "context_of_test.py").write_text(PLUGIN)
    command = [sys.executable, "-m", "coverage", "run", f"--data-file={data_file}", "--source=networkx", "-m", "pytest"]
    command += ["-q", "-p", "context_of_test", "-p", "no:cacheprovider", "-p", "no:timeout", suite]
    subprocess.run(
        command, cwd=tree, stdout=subprocess.DEVNULL, check=False, env={**os.environ, "PYTHONPATH": str(tree)}
    )
    shutil.copy(tree / "ran.txt", data_file.with_suffix(".txt"))


def _read_map(data_file: Path) -> tuple[list[str], coverage.CoverageData]:
    data = coverage.CoverageData(str(data_file))
    data.read()
    return data_file.with_suffix(".txt").read_text().splitlines(), data


def _is_library(path: str) -> bool:
    return path.startswith("networkx/") and path.endswith(".py") and "/tests/" not in path


def _real_changes(tree: Path, repository: Path) -> Iterator[tuple[str, FileChange]]:
    """Commits of one library file, the latest first, whose patch can be taken back on the newest tree."""
    log = ["git", "-C", repository, "log", "--no-merges", "-n", "3000", "--format=%x00%h", "--name-only"]
    commits = subprocess.run(log, capture_output=True, text=True, check=True).stdout.split("\0")[1:]
    for commit in commits:
        revision, *paths = [line for line in commit.splitlines() if line]
        library = [path for path in paths if _is_library(path)]
        if len(library) != 1 or not (tree / library[0]).exists():
            continue
        after = (tree / library[0]).read_text()
        before = _taken_back(repository, revision, library[0], after)
        if before is not None and before != after:
            yield revision, FileChange(library[0], before, after)


def _taken_back(repository: Path, revision: str, path: str, after: str) -> str | None:
    show = ["git", "-C", repository, "show", "--format=", revision, "--", path]
    patch = subprocess.run(show, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / path
        file.parent.mkdir(parents=True)
        file.write_text(after)
        done = subprocess.run(["git", "apply", "-R", "-"], input=patch, cwd=folder, capture_output=True, check=False)
        return file.read_text() if done.returncode == 0 and file.exists() else None


def _edits(tree: Path) -> Iterator[tuple[str, FileChange]]:
    """One statement put at the start of one function's body, at random places that stay the same from run to run."""
    files = sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*.py"))
    choose = random.Random(20)
    for _ in range(1000):
        path = choose.choice([name for name in files if _is_library(name)])
        after = (tree / path).read_text()
        functions = [one for one in ast.walk(ast.parse(after)) if isinstance(one, ast.FunctionDef)]
        if functions:
            function = choose.choice(functions)
            lines = after.splitlines(keepends=True)
            statement = function.body[-1]
            del lines[statement.lineno - 1 : statement.end_lineno]
            lines.insert(statement.lineno - 1, " " * statement.col_offset + "pass\n")
            yield function.name[:10], FileChange(path, "".join(lines), after)


def _changed_lines(change: FileChange) -> list[int]:
    before, after = (change.before or "").splitlines(), (change.after or "").splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [line + 1 for tag, _, _, low, high in matcher.get_opcodes() if tag != "equal" for line in range(low, high)]


if __name__ == "__main__":
    main()
