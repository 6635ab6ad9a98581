"""The tests that a change can reach; in doubt a test is selected."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.plan.changes import FileChange, changed_in, changes_since
from ptx_prefect.plan.reach import Reach
from ptx_prefect.plan.references import References, read_references
from ptx_prefect.tree.globs import OUTPUT_FOLDER, matcher_of

HARMLESS = ("**/*.md", "**/*.rst", "LICENSE*", "NOTICE*", "AUTHORS*", ".git*", "**/.gitignore", ".editorconfig")
"""Files that no test is taken to read, unless they hold tests themselves."""


@dataclass(frozen=True, slots=True)
class Impact:
    """The selection, in the order of the suite.

    Args:
        tests: node ids that the change can reach.
        changed: ``path::qualified.name`` of the definitions that changed; the path alone for module code.
        everything_because: why all tests were selected, or "" if the change was followed definition by definition.
        unreached: files that changed and that no test was found to reach.
        by_name: how many tests were selected only because an import that leads nowhere is called as a changed module.
    """

    tests: tuple[str, ...]
    changed: tuple[str, ...]
    everything_because: str = ""
    unreached: tuple[str, ...] = ()
    by_name: int = 0


def impacted_since(
    root: Path,
    revision: str,
    tests: Sequence[str],
    *,
    state_dir: Path | None = None,
    outputs: Sequence[str] = (),
    task_id: str | None = None,
) -> Impact:
    """The tests that the difference between a git revision and the files on disk can reach.

    Args:
        root: where pytest's node ids start, inside a git repository.
        outputs: directories that runs write into, beside the default one: what changes there is no input.
        task_id: of the task that asks: its own file, and the new schema that `ptx init` puts beside it, are no input.
    """
    ours = {(root / output).resolve() for output in outputs}
    changes = [
        change
        for change in changes_since(root, revision)
        if not _is_output(root, change.path, ours) and not _is_own_task(change, task_id)
    ]
    if not changes:
        return Impact((), ())
    return impacted_tests(read_references(root, state_dir=state_dir), changes, tests)


def _is_output(root: Path, path: str, outputs: set[Path]) -> bool:
    if OUTPUT_FOLDER in path.split("/"):
        return True
    return bool(outputs) and not outputs.isdisjoint((root / path).resolve().parents)


def _is_own_task(change: FileChange, task_id: str | None) -> bool:
    if task_id is None or change.after is None or not change.path.endswith(".json"):
        return False
    try:
        data = json.loads(change.after)
    except (ValueError, RecursionError):
        return False
    if not isinstance(data, dict):
        return False
    is_new_schema = change.before is None and data.get("title") == "ptx task"
    return is_new_schema or ("main_task" in data and data.get("task_id") == task_id)


def impacted_tests(
    references: References,
    changes: Sequence[FileChange],
    tests: Sequence[str],
    *,
    harmless: Sequence[str] = HARMLESS,
    reach: Reach | None = None,
) -> Impact:
    """The tests that the changes can reach.

    Args:
        references: of the tree after the changes.
        tests: pytest node ids, relative to the root of the references.
        harmless: globs of files that are not Python and that no test reads; any other such file selects everything.
        reach: of the same references and tests, where several sets of changes are asked about.
    """
    is_harmless = matcher_of(harmless)
    direct = {test for change in changes for test in tests if test.partition("::")[0] == change.path}
    relevant = []
    for change in changes:
        if change.path.endswith(".py"):
            relevant.append(change)
        elif not is_harmless(change.path):
            return Impact(tuple(tests), (change.path,), f"{change.path} is not Python: who reads it cannot be told")
    broken = {one.path for one in references.unparsable}
    if unreadable := [change.path for change in relevant if change.path in broken]:
        return Impact(tuple(tests), tuple(unreadable), f"{unreadable[0]} does not parse")
    reach = reach or Reach(references, tests)
    selected = {test for test in direct if not test.partition("::")[0].endswith(".py")}
    changed: list[str] = []
    unreached: list[str] = []
    by_name: set[str] = set()
    importers = _Importers(references, reach)
    for change in relevant:
        found: set[str] = set()
        if change.path not in references.module_of and change.after is not None:
            return Impact(tuple(tests), (change.path,), f"{change.path} was not read")
        what = changed_in(change.before, change.after)
        if what.whole and change.after is None:
            return Impact(tuple(tests), (change.path,), f"{change.path} was deleted: who used it cannot be told")
        if what.whole:
            changed.append(change.path)
            found |= reach.tests_of(change.path, "")
        for qualname in sorted(what.definitions):
            changed.append(f"{change.path}::{qualname}")
            found |= reach.tests_of(change.path, qualname if reach.has(change.path, qualname) else "")
        if what.whole or what.definitions:
            named = importers.tests_of(change.path)
            by_name |= named
            if not found and not named:
                unreached.append(change.path)
        selected |= found
    only_by_name = by_name - selected
    chosen = tuple(test for test in tests if test in selected or test in by_name)
    return Impact(chosen, tuple(changed), unreached=tuple(unreached), by_name=len(only_by_name))


class _Importers:
    """Who imports a file by a name that reading cannot follow: a folder was put into the import path by hand, or by
    pytest's ``pythonpath``."""

    def __init__(self, references: References, reach: Reach) -> None:
        self._references, self._reach = references, reach
        self._by_name: dict[str, set[str]] = {}
        for path in references.files:
            for module in references.imported_from_nowhere(path):
                for name in _with_packages(module):
                    self._by_name.setdefault(name, set()).add(path)

    def tests_of(self, path: str) -> set[str]:
        """The tests that run what imports the file, or what depends on it, by such a name."""
        seen: set[str] = set()
        found: set[str] = set()
        open_ = {path}
        while open_:
            affected = self._references.files_reachable_from(open_) - seen
            seen |= affected
            open_ = {other for one in affected for name in _names_of(self._references, one) for other in self._of(name)}
            open_ -= seen
            for importer in open_:
                found |= self._reach.tests_of(importer, "")
        return found

    def _of(self, name: str) -> set[str]:
        return self._by_name.get(name, set())


def _with_packages(module: str) -> list[str]:
    """``a.b.c`` gives ``a``, ``a.b`` and ``a.b.c``: importing the last runs them all."""
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _names_of(references: References, path: str) -> list[str]:
    """What a file may be called, whichever folder above it is in the import path."""
    module = references.module_of.get(path, "")
    parts = module.split(".")
    names = [".".join(parts[start:]) for start in range(1, len(parts))]
    return [name for name in names if name.partition(".")[0] not in sys.stdlib_module_names]
