"""Ten workspaces at once on one git repository, from threads and from processes."""

from __future__ import annotations

import subprocess
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from ptx_prefect.merge.changesets import merge_changesets
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset
from ptx_prefect.tree.workspace import open_workspace

FILES, SECTIONS = 200, 40


@pytest.fixture
def base(tmp_path: Path) -> Base:
    root = tmp_path / "repo"
    for number in range(FILES):
        path = root / f"pkg{number % 20}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"VALUE = {number}\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "maintenance.auto=false"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run(["git", *identity, *command], cwd=root, check=True)
    return Base.of_revision(root, "HEAD")


def do_section(base: Base, root: Path, number: int) -> tuple[str, Changeset]:
    """Work as a section does: read everything, change its own part, commit for good measure."""
    name = f"s{number}"
    with open_workspace(base, [], root=root, name=name) as workspace:
        values = {path.read_text() for path in workspace.path.glob("pkg*/*.py")}
        assert len(values) == FILES, "saw another section's work"
        for index in range(number, FILES, SECTIONS):
            path = workspace.path / f"pkg{index % 20}" / f"m{index}.py"
            path.write_text(f"VALUE = 'by {name}'\n")
        identity = ["-c", "user.name=t", "-c", "user.email=t@t"]
        subprocess.run(["git", *identity, "commit", "-qam", name], cwd=workspace.path, check=True)
        found = workspace.collect()
        assert isinstance(found, Changeset)
        return name, found


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_ten_at_once(base: Base, tmp_path: Path, kind: type[Executor]) -> None:
    state = subprocess.check_output(["git", "for-each-ref"], cwd=base.root), sorted((base.root / ".git").rglob("*"))
    with kind(max_workers=10) as pool:  # type: ignore[call-arg]  # both take it
        futures = [pool.submit(do_section, base, tmp_path / "w", number) for number in range(SECTIONS)]
        sides = [future.result() for future in futures]

    assert all(len(changeset.changes) == FILES // SECTIONS for _, changeset in sides)
    merged = merge_changesets(base, sides)
    assert merged.is_clean
    assert len(merged.changeset.changes) == FILES
    assert len(list((tmp_path / "w").glob("slot-*"))) < SECTIONS, "slots are used again"
    after = subprocess.check_output(["git", "for-each-ref"], cwd=base.root), sorted((base.root / ".git").rglob("*"))
    assert after == state
