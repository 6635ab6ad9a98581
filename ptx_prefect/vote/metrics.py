"""What can be read off a candidate's source without running it.

Everything is measured on the program alone: comments, docstrings and layout are stripped first, so that nobody gains
by comment lines, and no marker in a comment can switch a tool off.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

MAX_SOURCE_CHARS = 400_000
"""A candidate is a program that a person could read; longer ones are not measured."""

LINT_RULES = ("E7", "E9", "F", "W6", "B", "C4", "SIM", "RET", "PIE", "PERF", "UP", "S1", "S3", "PLE", "PLW")
"""The ruff rules that count: likely mistakes and needless complication; nothing about layout."""

# Asserts are no fault here, and a name may come from the task's prelude (one that does not shows when it is run).
_LINT_EXCEPT = ("S101", "PLW2901", "F821")
_LINT_LIMIT_S = 60
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BRANCHES = (ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.With, ast.AsyncWith, ast.Match)


@dataclass(frozen=True, slots=True)
class SourceMeasures:
    """One program in figures; lower is better throughout.

    Attributes:
        statements: logical lines.
        cognitive: cognitive complexity of all functions (complexipy); None if the tool is missing.
        cyclomatic: decision points, plus one for each function.
        nesting: the deepest nesting of blocks.
        longest: statements of the longest function.
        density: syntax nodes per statement: how much a reader takes in at once.
        findings: lint findings (ruff, see ``LINT_RULES``); None if the tool is missing.
        coupling: modules imported, plus links between functions through module-level state.
        scatter: how many unrelated parts the classes fall into beyond one each (LCOM4, Hitz and Montazeri 1995).
    """

    statements: int
    cognitive: int | None
    cyclomatic: int
    nesting: int
    longest: int
    density: float
    findings: int | None
    coupling: int
    scatter: int


def measure_sources(sources: Mapping[str, str]) -> dict[str, SourceMeasures | str]:
    """The figures of each program by name; or, for one that cannot be read as Python, the reason."""
    bare = {name: stripped(source) for name, source in sources.items()}
    readable = {name: text for name, text in bare.items() if not isinstance(text, Unreadable)}
    findings = lint_findings(readable)
    return {
        name: text.reason if isinstance(text, Unreadable) else _measure(text, findings.get(name))
        for name, text in bare.items()
    }


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a text cannot be read as a Python program."""

    reason: str


def stripped(source: str) -> str | Unreadable:
    """The program without comments, docstrings and its own layout."""
    if len(source) > MAX_SOURCE_CHARS:
        return Unreadable(f"is longer than {MAX_SOURCE_CHARS} characters")
    try:
        tree = ast.parse(source)
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, *_FUNCTIONS)) and ast.get_docstring(node, clean=False):
                node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
        return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    except (SyntaxError, ValueError) as error:
        return Unreadable(f"is not Python ({getattr(error, 'msg', error)}, line {getattr(error, 'lineno', '?')})")
    except (RecursionError, MemoryError):
        return Unreadable("is nested too deeply to be read")


def cognitive_complexity(source: str) -> int | None:
    """Cognitive complexity of the whole program (Campbell 2018, by complexipy); None if it cannot be measured."""
    try:
        from complexipy import code_complexity
    except ImportError:
        return None
    text = stripped(source)
    if isinstance(text, Unreadable):
        return None
    try:
        return int(code_complexity(text).complexity)
    except Exception:  # the tool has no error type of its own, and a candidate's text may be anything
        return None


def lint_findings(sources: Mapping[str, str]) -> dict[str, int]:
    """The number of lint findings in each program, from one run of ruff; empty if ruff is missing."""
    if not sources or not has_ruff():
        return {}
    with tempfile.TemporaryDirectory(prefix="ptx-lint-") as folder:
        files = {f"candidate_{index}.py": name for index, name in enumerate(sources)}
        for file, name in files.items():
            (Path(folder) / file).write_text(sources[name], encoding="utf-8", errors="replace")
        found = _ruff(folder)
    if found is None:
        return {}
    counts = dict.fromkeys(sources, 0)
    for row in found:
        counts[files[Path(row["filename"]).name]] += 1
    return counts


def has_ruff() -> bool:
    """Whether ruff is installed beside this package."""
    return find_spec("ruff") is not None


def _ruff(folder: str) -> list[dict[str, str]] | None:
    # --isolated: the configuration of whatever project we stand in must not decide a vote.
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--preview", "--ignore-noqa"]
    command += ["--target-version", "py311", "--output-format", "json", "--exit-zero"]
    command += ["--select", ",".join(LINT_RULES), "--ignore", ",".join(_LINT_EXCEPT), "."]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=_LINT_LIMIT_S, check=True)
        rows: list[dict[str, str]] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return rows


def _measure(text: str, findings: int | None) -> SourceMeasures:
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
    statements = sum(isinstance(node, ast.stmt) for node in ast.walk(tree))
    return SourceMeasures(
        statements=statements,
        cognitive=cognitive_complexity(text),
        cyclomatic=len(functions) + sum(_decisions(node) for node in ast.walk(tree)),
        nesting=_depth(tree),
        longest=max((sum(isinstance(node, ast.stmt) for node in ast.walk(one)) for one in functions), default=0),
        density=round(sum(1 for _ in _tokens(tree)) / max(1, statements), 2),
        findings=findings,
        coupling=len(_imports(tree)) + _shared_state_links(tree),
        scatter=sum(_parts_of(node) - 1 for node in ast.walk(tree) if isinstance(node, ast.ClassDef)),
    )


def _decisions(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return int(isinstance(node, _BRANCHES))


def _depth(node: ast.AST) -> int:
    """How deep blocks nest; an ``elif`` stands on the level of its ``if``."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        is_elif = (
            isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse and len(node.orelse) == 1
        )
        deepest = max(deepest, _depth(child) + int(isinstance(child, _BLOCKS) and not is_elif))
    return deepest


def _tokens(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that a reader sees: not the contexts (load, store) that only the grammar knows."""
    return (node for node in ast.walk(tree) if not isinstance(node, (ast.expr_context, ast.Module)))


def _imports(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return found - {"__future__", "typing"}


def _shared_state_links(tree: ast.Module) -> int:
    """Uses, by functions, of module-level variables that are not constants (constants are written in capitals)."""
    variables = {
        name.id
        for statement in tree.body
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign))
        for name in ast.walk(statement)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }
    declared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    state = {name for name in variables if name != name.upper()} | declared
    links = 0
    for function in (node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)):
        own = {arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)}
        used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)} - own
        links += len(used & state)
    return links


def _parts_of(node: ast.ClassDef) -> int:
    """The number of groups of methods that share neither an attribute nor a call (1 for a cohesive class)."""
    methods = {child.name: child for child in node.body if isinstance(child, _FUNCTIONS)}
    touched = {name: _attributes(method) for name, method in methods.items() if name != "__init__"}
    groups: list[set[str]] = []
    for name, attributes in touched.items():
        mine = {name} | attributes
        joined = [group for group in groups if group & mine]
        groups = [group for group in groups if not group & mine]
        groups.append(mine.union(*joined))
    return max(1, len(groups))


def _attributes(method: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    arguments = method.args.posonlyargs + method.args.args
    if not arguments:
        return set()
    receiver = arguments[0].arg
    return {
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == receiver
    }
