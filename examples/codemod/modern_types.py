"""A codemod: ``Optional[X]`` and ``Union[X, Y]`` in annotations become ``X | None`` and ``X | Y``.

``modernise`` is what a section calls on its own files. ``careless`` is the section that goes wrong on purpose: it
renames a function and forgets who uses it, and validating the merged tree throws it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import libcst as cst

NAMES = ("Optional", "Union")


def modernise(workdir: Path, files: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Rewrite the section's Python files; tells how many files and annotations changed."""
    changed = annotations = 0
    for path in _python_files(workdir, files.get("writes", ())):
        source = path.read_bytes()
        if not any(name.encode() in source for name in NAMES):
            continue
        rewriter = _Annotations()
        module = cst.parse_module(source).visit(rewriter)
        if rewriter.count:
            unused = frozenset(name for name, uses in rewriter.uses.items() if not uses)
            path.write_bytes(module.visit(_Imports(unused)).bytes)
            changed += 1
            annotations += rewriter.count
    return {"files": changed, "annotations": annotations}


def careless(workdir: Path, file: str, old: str, new: str) -> dict[str, int]:
    """Rename a function where it is defined and nowhere else."""
    path = workdir / file
    source = path.read_text(encoding="utf-8")
    count = source.count(f"def {old}(")
    path.write_text(source.replace(f"def {old}(", f"def {new}("), encoding="utf-8")
    return {"renamed": count}


class _Annotations(cst.CSTTransformer):
    """Rewrites only inside annotations: elsewhere the value is used when the program runs.

    ``uses`` counts what is left of each name outside the imports from ``typing``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.uses = dict.fromkeys(NAMES, 0)
        self._depth = 0

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:  # noqa: N802 - named by libcst
        return not _is_typing(node)

    def visit_Annotation(self, node: cst.Annotation) -> None:  # noqa: N802 - named by libcst
        self._depth += 1

    def leave_Annotation(  # noqa: N802 - named by libcst
        self, original_node: cst.Annotation, updated_node: cst.Annotation
    ) -> cst.Annotation:
        self._depth -= 1
        return updated_node

    def visit_Name(self, node: cst.Name) -> None:  # noqa: N802 - named by libcst
        if node.value in self.uses:
            self.uses[node.value] += 1

    def leave_Subscript(  # noqa: N802 - named by libcst
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        name = updated_node.value
        if not self._depth or not isinstance(name, cst.Name) or name.value not in NAMES:
            return updated_node
        parts = [element.slice.value for element in updated_node.slice if isinstance(element.slice, cst.Index)]
        # "X" | None fails where an annotation is evaluated.
        if not parts or any(isinstance(part, cst.SimpleString | cst.ConcatenatedString) for part in parts):
            return updated_node
        if name.value == "Optional":
            parts.append(cst.Name("None"))
        self.count += 1
        self.uses[name.value] -= 1
        joined = parts[0]
        for part in parts[1:]:
            joined = cst.BinaryOperation(joined, cst.BitOr(), part)
        return joined


class _Imports(cst.CSTTransformer):
    """Drops names from the module's own ``from typing import``; looks into no function or class."""

    def __init__(self, unused: frozenset[str]) -> None:
        super().__init__()
        self.unused = unused

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802 - named by libcst
        return False

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802 - named by libcst
        return False

    def leave_ImportFrom(  # noqa: N802 - named by libcst
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        if not _is_typing(updated_node) or isinstance(updated_node.names, cst.ImportStar):
            return updated_node
        kept = [alias for alias in updated_node.names if alias.asname or alias.evaluated_name not in self.unused]
        if not kept:
            return cst.RemoveFromParent()
        if updated_node.lpar is None:
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(names=kept)


def _is_typing(node: cst.ImportFrom) -> bool:
    return isinstance(node.module, cst.Name) and node.module.value == "typing" and not node.relative


def _python_files(workdir: Path, writes: Sequence[str]) -> Iterator[Path]:
    for pattern in writes or ("**/*.py",):
        found = [workdir / pattern] if (workdir / pattern).is_file() else sorted(workdir.glob(pattern))
        yield from (path for path in found if path.suffix == ".py")
