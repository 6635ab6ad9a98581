"""Chapters of a guide to networkx, written from the docstrings of its modules."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

LINK = "- [About this guide](#about-this-guide)\n"


def write(workdir: Path, title: str, package: str) -> dict[str, int]:
    """Add one chapter and its line in the contents to `guide.md`; tells how many functions it describes."""
    guide = workdir / "guide.md"
    text = guide.read_text(encoding="utf-8")
    anchor = title.lower().replace(" ", "-")
    chapter, count = _chapter(title, package)
    text = text.replace(LINK, f"{LINK}- [{title}](#{anchor})\n")
    guide.write_text(f"{text.rstrip()}\n\n{chapter}", encoding="utf-8")
    return {"functions": count}


def _chapter(title: str, package: str) -> tuple[str, int]:
    lines, count = [f"## {title}", ""], 0
    for path in _modules(package):
        module = ast.parse(path.read_text(encoding="utf-8"))
        functions = [
            (node.name, (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " "))
            for node in module.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node)
        ]
        if functions:
            lines += [f"### {package}.{path.stem}", ""]
            lines += [f"- `{name}`: {summary}" for name, summary in functions]
            lines.append("")
            count += len(functions)
    return "\n".join(lines), count


def _modules(package: str) -> list[Path]:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise LookupError(f"{package!r} is no installed package; install networkx")
    return sorted(Path(found.submodule_search_locations[0]).glob("[a-z]*.py"))
