"""The tests that a change can reach; in doubt a test is selected."""

from __future__ import annotations

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
    """

    tests: tuple[str, ...]
    changed: tuple[str, ...]
    everything_because: str = ""


def impacted_since(
    root: Path, revision: str, tests: Sequence[str], *, state_dir: Path | None = None, outputs: Sequence[str] = ()
) -> Impact:
    """The tests that the difference between a git revision and the files on disk can reach.

    Args:
        root: where pytest's node ids start, inside a git repository.
        outputs: directories that runs write into, beside the default one: what changes there is no input.
    """
    ours = {(root / output).resolve() for output in outputs}
    changes = [change for change in changes_since(root, revision) if not _is_output(root, change.path, ours)]
    if not changes:
        return Impact((), ())
    return impacted_tests(read_references(root, state_dir=state_dir), changes, tests)


def _is_output(root: Path, path: str, outputs: set[Path]) -> bool:
    if OUTPUT_FOLDER in path.split("/"):
        return True
    return bool(outputs) and not outputs.isdisjoint((root / path).resolve().parents)


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
    for change in relevant:
        if change.path not in references.module_of and change.after is not None:
            return Impact(tuple(tests), (change.path,), f"{change.path} was not read")
        what = changed_in(change.before, change.after)
        if what.whole and change.after is None:
            return Impact(tuple(tests), (change.path,), f"{change.path} was deleted: who used it cannot be told")
        if what.whole:
            changed.append(change.path)
            selected |= reach.tests_of(change.path, "")
        for qualname in sorted(what.definitions):
            changed.append(f"{change.path}::{qualname}")
            selected |= reach.tests_of(change.path, qualname if reach.has(change.path, qualname) else "")
    return Impact(tuple(test for test in tests if test in selected), tuple(changed))
