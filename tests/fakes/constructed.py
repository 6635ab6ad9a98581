"""Edits of real modules whose merge is known: each replaces stretches of lines, those of all sides are disjoint."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import random
import re
from collections.abc import Callable
from dataclasses import dataclass

MODULES = (
    *("bisect", "calendar", "csv", "difflib", "fnmatch", "json.decoder", "queue", "sched", "shlex", "string"),
    *("textwrap", "trace", "uuid", "configparser", "asyncio.queues", "asyncio.locks", "heapq", "selectors"),
)
Patch = tuple[int, int, list[str]]
"""First line and end in the base (from 0), and the lines that stand there instead."""


@dataclass(frozen=True)
class Scene:
    """One real module: its text and every function in it with its dotted name."""

    name: str
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    def functions(self) -> list[ast.FunctionDef]:
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)]

    def top(self) -> list[ast.FunctionDef]:
        return [node for node in self.tree.body if isinstance(node, ast.FunctionDef) and not node.decorator_list]

    def classes(self) -> list[ast.ClassDef]:
        return [node for node in self.tree.body if isinstance(node, ast.ClassDef)]


def scene(dice: random.Random) -> Scene:
    name = dice.choice(MODULES)
    return Scene(name, inspect.getsource(importlib.import_module(name)))


def patched(lines: list[str], patches: list[Patch]) -> str:
    out = list(lines)
    for low, high, new in sorted(patches, key=lambda patch: patch[:2], reverse=True):
        out[low:high] = new
    return "".join(out)


def are_apart(patches: list[Patch], lines: list[str]) -> bool:
    """True when an unchanged line that says something stands between any two."""
    ordered = sorted(patches, key=lambda patch: patch[:2])
    pairs = itertools.pairwise(ordered)
    return all(any(len(line.strip()) > 3 for line in lines[one[1] : other[0]]) for one, other in pairs)


def _statement(at: Scene, dice: random.Random, number: int) -> list[Patch]:
    last = dice.choice(at.functions()).body[-1]
    return [(last.lineno - 1, last.lineno - 1, [f"{' ' * last.col_offset}trace_{number}({number})\n"])]


def _method(at: Scene, dice: random.Random, number: int) -> list[Patch]:
    if not at.classes():
        return []
    chosen = dice.choice(at.classes())
    end, indent = chosen.end_lineno or 0, " " * chosen.body[0].col_offset
    text = ["\n", f"{indent}def added_{number}(self, value):\n", f"{indent}    return value * {number}\n"]
    return [(end, end, text)]


def _function(at: Scene, dice: random.Random, number: int) -> list[Patch]:
    end = dice.choice([*at.top(), *at.classes()]).end_lineno or 0
    return [(end, end, ["\n", "\n", f"def added_{number}(value):\n", f"    return value + {number}\n"])]


def _decorator(at: Scene, dice: random.Random, number: int) -> list[Patch]:
    node = dice.choice([one for one in at.functions() if not one.decorator_list])
    return [(node.lineno - 1, node.lineno - 1, [f"{' ' * node.col_offset}@decorated_{number}\n"])]


def _docstring(at: Scene, dice: random.Random, number: int) -> list[Patch]:
    texts = [one.body[0] for one in at.functions() if ast.get_docstring(one) and one.body[0].end_lineno is not None]
    long = [one for one in texts if one.lineno < (one.end_lineno or 0)]
    if not long:
        return []
    chosen = dice.choice(long)
    return [(chosen.lineno, chosen.lineno, [f"{' ' * chosen.col_offset}Also see note {number}.\n"])]


EDITS: tuple[Callable[[Scene, random.Random, int], list[Patch]], ...] = (
    *(_statement, _method, _function, _decorator, _docstring),
)


def _renamed(text: str, name: str) -> str:
    return re.sub(rf"\b{re.escape(name)}\b", f"{name}_renamed", text)


def _with_user(at: Scene, use: str) -> str:
    return f"{at.text}\n\ndef newcomer(thing):\n    return {use}\n"


def _arguments(node: ast.FunctionDef) -> str:
    required = len(node.args.posonlyargs + node.args.args) - len(node.args.defaults)
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return ", ".join([*["1"] * required, *(f"{one.arg}=1" for one, default in pairs if default is None)])


def _function_renamed(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    name = dice.choice(at.top()).name if at.top() else None
    return (_renamed(at.text, name), _with_user(at, f"{name}(thing)")) if name else None


def _class_renamed(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    name = dice.choice(at.classes()).name if at.classes() else None
    return (_renamed(at.text, name), _with_user(at, f"isinstance(thing, {name})")) if name else None


def _attribute_renamed(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    names = sorted(set(re.findall(r"^ +self\.(\w{3,}) = ", at.text, re.M)))
    names = [name for name in names if f"def {name}(" not in at.text]
    if not names:
        return None
    name = dice.choice(names)
    return re.sub(rf"\.{name}\b", f".{name}_renamed", at.text), _with_user(at, f"thing.{name}")


def _parameter_required(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    nodes = [node for node in at.top() if "(" in at.lines[node.lineno - 1]]
    if not nodes:
        return None
    node, lines = dice.choice(nodes), at.lines
    lines[node.lineno - 1] = lines[node.lineno - 1].replace("(", "(needed, ", 1).replace(", )", ")")
    return "".join(lines), _with_user(at, f"{node.name}({_arguments(node)})")


def _made_async(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    nodes = [node for node in at.top() if not any(isinstance(one, ast.Yield | ast.YieldFrom) for one in ast.walk(node))]
    if not nodes:
        return None
    node, lines = dice.choice(nodes), at.lines
    lines[node.lineno - 1] = f"async {lines[node.lineno - 1]}"
    return "".join(lines), _with_user(at, f"{node.name}({_arguments(node)})")


def _added_twice(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    tops = [*at.top(), *at.classes()]
    if len(tops) < 2:
        return None
    first, second = dice.sample(tops, 2)
    sides = []
    for node, body in ((first, "return value + 1"), (second, "raise ValueError(value)")):
        end = node.end_lineno or 0
        sides.append(patched(at.lines, [(end, end, ["\n\n", "def added_twice(value):\n", f"    {body}\n"])]))
    return sides[0], sides[1]


def _two_targets(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    imports = [node for node in at.tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    if not imports:
        return None
    ends = [dice.choice(imports).end_lineno or 0 for _ in range(2)]
    sides = [patched(at.lines, [(end, end, [f"from lib_{end} import target\n"])]) for end in ends]
    return (sides[0], sides[1]) if ends[0] != ends[1] else None


def _deleted_and_edited(at: Scene, dice: random.Random) -> tuple[str, str] | None:
    if not at.top():
        return None
    node = dice.choice(at.top())
    last = node.body[-1]
    edited = patched(at.lines, [(last.lineno - 1, last.lineno - 1, [f"{' ' * last.col_offset}trace(1)\n"])])
    return patched(at.lines, [(node.lineno - 1, node.end_lineno or 0, [])]), edited


AT_ODDS: tuple[Callable[[Scene, random.Random], tuple[str, str] | None], ...] = (
    *(_function_renamed, _class_renamed, _attribute_renamed, _parameter_required, _made_async, _added_twice),
    *(_two_targets, _deleted_and_edited),
)
