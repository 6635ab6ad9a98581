"""Trees merged on the command line, without a run."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.settings import state_dir
from ptx_prefect.tree import Base, Changeset, FileChange
from ptx_prefect.tree.publish import Target, publish


def merge_trees(base_path: Path, sides: Sequence[Path], output: Path, *, as_json: bool) -> int:
    """Merge changed copies of one tree into a new directory; conflicts stand there with markers."""
    base = Base.of_directory(base_path)
    changes = [(str(side), difference_of(base, Base.of_directory(side))) for side in sides]
    merged = merge_changesets(base, changes)
    now_s = time.time()
    target = Target("directory", str(output))
    run_id = f"merge-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_s))}-{output.name}"
    publish(base, merged.changeset, [], target, run_id=run_id, state_dir=state_dir(), now_s=now_s)
    click.echo(_as_json(merged) if as_json else _as_text(merged, output))
    return 0 if merged.is_clean else 1


def difference_of(base: Base, side: Base) -> Changeset:
    """What a changed copy of a tree changed."""
    changes = []
    for path in sorted({*base.entries, *side.entries}):
        before, now = base.entries.get(path), side.entries.get(path)
        if before == now:
            continue
        old = next(iter(base.digests_at([path]).values())) if before else None
        if now is None:
            changes.append(FileChange(path, old, None))
        else:
            changes.append(FileChange(path, old, side.read(path), now.mode))
    return Changeset(tuple(changes))


def _as_json(merged: Merged) -> str:
    resolutions, conflicts = [asdict(row) for row in merged.resolutions], [asdict(row) for row in merged.conflicts]
    return json.dumps({"resolutions": resolutions, "conflicts": conflicts}, indent=2)


def _as_text(merged: Merged, output: Path) -> str:
    lines = [f"{output}: {len(merged.changeset.changes)} changed files, {len(merged.resolutions)} places merged"]
    lines += [f"  review {row.path}, {row.place}: {row.reason}" for row in merged.conflicts]
    return "\n".join(lines)
