"""The merged tree appears where it was asked for, in one step that happens or does not; and can be undone."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.spec import Output, SectioningSpec
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.branches import commit_of, drop_temporary, move_branch, prepare_branch, restore_branch
from ptx_prefect.tree.changeset import Changeset
from ptx_prefect.tree.commits import Part, identity_of, write_commits
from ptx_prefect.tree.git import run_git
from ptx_prefect.tree.location import place_in
from ptx_prefect.tree.private_git import init_borrowing
from ptx_prefect.tree.records import Kind, Publication, publishing_lock, records_in, safe_name, write_record
from ptx_prefect.tree.slots import bring_to, digest_of_directory, wanted_tree
from ptx_prefect.tree.swap import exchange, finish_exchange


@dataclass(frozen=True, slots=True)
class Target:
    """Where the merged tree goes: a directory's path, a branch's name, or the path of a directory of patch files."""

    kind: Kind
    name: str


def target_of(wanted: Output | str | None, output: Path, workdir: Path | str) -> Target:
    """Where a task's merged tree goes; without a wish a directory beside the report."""
    if isinstance(wanted, str):
        wanted = Output(directory=wanted)
    if wanted is not None and wanted.branch:
        return Target("branch", wanted.branch)
    if wanted is not None and wanted.patches:
        return Target("patches", str(place_in(workdir, wanted.patches)))
    named = wanted.directory if wanted is not None else None
    return Target("directory", str(place_in(workdir, named) if named else output / "merged"))


def own_places(spec: SectioningSpec, output: Path) -> tuple[str, ...]:
    """Absolute paths of the directories that a run of ``spec`` writes to: no part of its base."""
    target = target_of(spec.merged_output, output, spec.workdir)
    places = [output] if target.kind == "branch" else [output, Path(target.name)]
    return tuple(str(place.resolve()) for place in places)


def publish(
    base: Base,
    merged: Changeset,
    parts: Sequence[Part],
    target: Target,
    *,
    run_id: str,
    state_dir: Path,
    now_s: float,
) -> Publication:
    """Publish ``merged`` (for a branch and for patches: ``parts``, one commit each, that add up to it).

    Until the last step nothing shows; after it everything does, whatever instant the machine stops at. What stood
    there before is kept for :func:`rollback` until the next publishing to the same target.

    Args:
        now_s: Unix time, for the record and the commits.

    Raises:
        TreeError: the target holds something that this tool did not publish, or cannot be written.
    """
    where, branch = _place_of(target, base.root)
    draft = Publication(run_id, target.kind, where, branch, "", now_s)
    with publishing_lock(draft.target, state_dir=state_dir):
        recover(draft.target, state_dir=state_dir)
        rows = records_in(state_dir)
        if any(row.run_id == run_id and row.status in ("published", "superseded") for row in rows):
            raise TreeError(f"run {run_id!r} has published already; roll it back first, or start another run")
        former = _former(draft.target, rows)
        draft = replace(draft, replaced_run=former.run_id if former else None)
        if branch:
            done = _publish_branch(base, parts, draft, former, state_dir)
        else:
            done = _publish_directory(base, merged, parts, draft, former, state_dir)
        _supersede(done, state_dir)
        return done


def check_target(target: Target, repository: Path, *, revision: str | None, state_dir: Path) -> None:
    """Return if :func:`publish` would take ``target`` as things stand: told before any work is done for it.

    Args:
        repository: where the base lies; ``revision`` is the commit or name asked for, None where it is a directory.

    Raises:
        TreeError: as :func:`publish`.
    """
    where, branch = _place_of(target, repository.resolve())
    if any(row.target == (where, branch) and row.status == "prepared" for row in records_in(state_dir)):
        with publishing_lock((where, branch), state_dir=state_dir):
            recover((where, branch), state_dir=state_dir)
    former = _former((where, branch), records_in(state_dir))
    if branch is None:
        _check_place(Path(where), former)
    else:
        known = former.identity if former else None
        prepare_branch(repository.resolve(), branch, revision=revision, known=known)


def _place_of(target: Target, repository: Path) -> tuple[str, str | None]:
    """Where a target lies: a directory, or a repository with the name of a branch."""
    if target.kind == "branch":
        return str(repository), target.name
    return str(Path(target.name).absolute()), None


def _former(target: tuple[str, str | None], rows: Sequence[Publication]) -> Publication | None:
    return next((row for row in reversed(rows) if row.target == target and row.status == "published"), None)


def rollback(run_id: str, *, state_dir: Path, force: bool = False) -> Publication:
    """Undo what ``run_id`` published: what stood there before is back, or nothing where nothing was.

    Raises:
        TreeError: no such publication, a later one stands on it, or the target was changed since (``force`` undoes
            it all the same).
    """
    rows = [row for row in records_in(state_dir) if row.run_id == run_id]
    if not rows:
        raise TreeError(f"no publication of run {run_id!r} is on record in {str(state_dir)!r}; nothing to roll back")
    with publishing_lock(rows[0].target, state_dir=state_dir):
        recover(rows[0].target, state_dir=state_dir)
        record = next(row for row in records_in(state_dir) if row.run_id == run_id)
        if record.status != "published":
            raise TreeError(f"the publication of run {run_id!r} is {record.status}; there is nothing to roll back")
        if not record.previous_kept and not force:
            raise TreeError(f"what run {run_id!r} replaced is not kept any more; --force removes its output")
        if record.branch is not None:
            place, published = Path(record.where), record.identity
            restore_branch(place, record.branch, published=published, former=record.previous, force=force)
        else:
            _restore_directory(record, force=force)
        done = replace(record, status="rolled back")
        write_record(done, state_dir=state_dir)
        _reinstate(record, state_dir)
        if record.branch is None:
            _remove(_beside(record))
        return done


def recover(target: tuple[str, str | None], *, state_dir: Path) -> None:
    """Decide about publishings to ``target`` that were cut off: done when the step was made, else cleared away.

    Called with the target's lock held, so that none of them is under way.
    """
    for record in records_in(state_dir):
        if record.target != target or record.status != "prepared":
            continue
        if _was_made(record):
            done = replace(record, status="published")
            write_record(done, state_dir=state_dir)
            _supersede(done, state_dir)
        else:
            write_record(replace(record, status="abandoned"), state_dir=state_dir)


def _was_made(record: Publication) -> bool:
    place, beside = Path(record.where), _beside(record)
    if record.branch is not None:
        made = bool(record.identity) and commit_of(place, record.branch) == record.identity
        drop_temporary(place, _temporary(record))
        return made
    finish_exchange(place, beside)
    made = bool(record.identity) and place.is_dir() and digest_of_directory(place) == record.identity
    if not made:
        _remove(beside)
    return made


def _publish_branch(
    base: Base, parts: Sequence[Part], draft: Publication, former: Publication | None, state_dir: Path
) -> Publication:
    assert draft.branch is not None
    old = prepare_branch(base.root, draft.branch, revision=base.revision, known=former.identity if former else None)
    ref = _temporary(draft)
    write_record(replace(draft, previous=old), state_dir=state_dir)
    commit = write_commits(base.root, base, parts, ref=ref, identity=identity_of(base.root), now_s=draft.at_s)
    record = replace(draft, identity=commit, previous=old)
    write_record(record, state_dir=state_dir)
    move_branch(base.root, draft.branch, new=commit, old=old, temporary=ref)
    record = replace(record, status="published")
    write_record(record, state_dir=state_dir)
    return record


def _publish_directory(
    base: Base,
    merged: Changeset,
    parts: Sequence[Part],
    draft: Publication,
    former: Publication | None,
    state_dir: Path,
) -> Publication:
    place, beside = Path(draft.where), _beside(draft)
    stands = _check_place(place, former)
    draft = replace(draft, previous=str(beside) if stands else None)
    write_record(draft, state_dir=state_dir)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove(beside)
        with tempfile.TemporaryDirectory(dir=state_dir) as scratch:
            if draft.kind == "patches":
                _write_patches(base, parts, beside, Path(scratch), now_s=draft.at_s)
            else:
                bring_to(beside, base, wanted_tree(base, merged), record=Path(scratch) / "record.json")
        record = replace(draft, identity=digest_of_directory(beside))
        os.sync()  # once for all files: one fsync a file takes minutes for a large tree
        write_record(record, state_dir=state_dir)
        if stands:
            exchange(place, beside)
        else:
            beside.rename(place)
    except (OSError, TreeError) as error:
        _remove(beside)
        write_record(replace(draft, status="abandoned"), state_dir=state_dir)
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise TreeError(f"cannot publish to {draft.where!r}: {why}; nothing was published") from error
    _sync_folder(place.parent)
    record = replace(record, status="published")
    write_record(record, state_dir=state_dir)
    return record


def _check_place(place: Path, former: Publication | None) -> bool:
    """True when a directory of ours stands there that is to be replaced."""
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise TreeError(f"{str(place)!r} is there and no directory; name another place for the output")
    if not place.exists() or not any(place.iterdir()):
        return False
    if former is None:
        raise TreeError(f"{str(place)!r} is not empty and nothing of ours; name another place, or empty it")
    if (place / ".git").exists() or digest_of_directory(place) != former.identity:
        raise TreeError(
            f"{str(place)!r} was changed since run {former.run_id!r} published it; move it elsewhere to keep those"
            " changes, or delete it, and run again: finished sections are reused"
        )
    return True


def _write_patches(base: Base, parts: Sequence[Part], folder: Path, repository: Path, *, now_s: float) -> None:
    identity = identity_of(base.root)
    init_borrowing(repository, base)
    tip = write_commits(repository, base, parts, ref="refs/heads/tip", identity=identity, now_s=now_s)
    root = base.revision or run_git(repository, "rev-list", "--max-parents=0", tip).decode().strip()
    # The user's settings for patches (prefixes, cover letters, signatures) are for patches by hand.
    neutral = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    shape = ("--no-signature", "--zero-commit", "--full-index", "--binary", "--find-renames", "--no-stat", "--quiet")
    folder.mkdir()
    run_git(repository, "format-patch", *shape, "-o", str(folder), f"{root}..{tip}", env=neutral)


def _restore_directory(record: Publication, *, force: bool) -> None:
    place, beside = Path(record.where), _beside(record)
    if not place.is_dir():
        if force:
            return
        raise TreeError(f"{record.where!r} is not there any more; nothing to roll back (--force forgets it)")
    if beside.is_dir() and digest_of_directory(beside) == record.identity != digest_of_directory(place):
        return  # an earlier rollback was cut off after its step
    if not force and digest_of_directory(place) != record.identity:
        raise TreeError(f"{record.where!r} was changed since it was published; --force discards those changes")
    if record.previous is not None and beside.exists():
        exchange(place, beside)
    else:
        place.rename(beside)
    _sync_folder(place.parent)


def _supersede(done: Publication, state_dir: Path) -> None:
    """The one before is replaced; what it had replaced in its turn is kept no longer."""
    for row in records_in(state_dir):
        if row.run_id == done.replaced_run and row.status == "published" and row.target == done.target:
            kept = row.branch is not None or row.previous is None
            write_record(replace(row, status="superseded", previous_kept=kept), state_dir=state_dir)
            if row.branch is None:
                _remove(_beside(row))


def _reinstate(record: Publication, state_dir: Path) -> None:
    for row in records_in(state_dir):
        if row.run_id == record.replaced_run and row.status == "superseded" and row.target == record.target:
            write_record(replace(row, status="published"), state_dir=state_dir)


def _temporary(record: Publication) -> str:
    return f"refs/ptx/{safe_name(record.run_id)}"


def _beside(record: Publication) -> Path:
    place = Path(record.where)
    return place.with_name(f".{place.name}.ptx-{safe_name(record.run_id)}")


def _remove(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
