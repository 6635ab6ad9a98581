"""What sections changed, merged, validated and published in one step."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ptx_prefect.engine.account import Aggregated
from ptx_prefect.engine.execution import Execution
from ptx_prefect.engine.reviewed import Reviewed, Sides
from ptx_prefect.errors import TreeError
from ptx_prefect.merge.changesets import Merged
from ptx_prefect.merge.result import Conflict
from ptx_prefect.merge.steps import rest_after, steps_of
from ptx_prefect.run.outcomes import Done
from ptx_prefect.spec import SectioningSpec
from ptx_prefect.tree import Base, Changeset
from ptx_prefect.tree.changeset import SYMLINK
from ptx_prefect.tree.commits import Part
from ptx_prefect.tree.location import own_slug_of
from ptx_prefect.tree.publish import publish, target_of
from ptx_prefect.validate import CheckResult, Ejection, Validation, run_commands, validate

MAX_RESOLUTIONS = 200
"""The report names so many; the count is exact."""
REVIEW = "review"
CONFLICT = ".conflict"
"""Follows the name of a file whose text has conflict markers."""


def merge_sections(spec: SectioningSpec, execution: Execution, base: Base, output: Path) -> Aggregated:
    """Merge what the finished sections changed; publish it where all checks pass."""
    after = execution.plan.after
    sides = [
        (section.name, outcome.changeset)
        for section in execution.plan.sections
        if isinstance(outcome := execution.scheduler.outcomes.get(section.name), Done) and outcome.changeset is not None
    ]
    state = execution.site.state

    def check(sides: Sides, decide: Callable[[Merged], Merged] | None) -> Validation:
        workspaces = state / "workspaces"
        return validate(base, sides, after=after, checks=spec.checks, root=workspaces, state_dir=state, decide=decide)

    found = check(sides, None)
    if spec.review != "pause" or not any(changes.changes for _, changes in sides):
        return _close(spec, base, sides, Reviewed(found, True, {}), after, output, state)
    from ptx_prefect.engine.hold_review import hold_review  # only with a review: forms take a while to import

    reviewed = hold_review(spec, base, sides, found, check, after=after, state=state, say=execution.say)
    return _close(spec, base, sides, reviewed, after, output, state)


def check_in_place(spec: SectioningSpec, state: Path) -> Aggregated:
    """The task's checks in the working directory, where the sections of a task without base have worked."""
    root = state / "workspaces"
    root.mkdir(exist_ok=True, mode=0o700)
    began_s = time.monotonic()
    results = run_commands(spec.checks, Path(spec.workdir), root=root, state_dir=state)
    passed = all(row.passed for row in results)
    record = _validation(Validation(passed, Merged(Changeset()), results, (), 1, time.monotonic() - began_s))
    failures = () if passed else (f"What the sections made does not pass its checks: {_why(results)}",)
    return Aggregated(validation=record, failures=failures)


def _why(results: Sequence[CheckResult]) -> str:
    return "; ".join(row.reason for row in results if not row.passed)


def _close(
    spec: SectioningSpec,
    base: Base,
    sides: Sides,
    reviewed: Reviewed,
    after: Mapping[str, Sequence[str]],
    output: Path,
    state: Path,
) -> Aggregated:
    """Publish what may be published, keep what is not, say what a person has still to look at."""
    found = reviewed.found
    review = [_conflict(row) for row in found.merged.conflicts if row not in reviewed.kept_as_merged]
    review += [_conflict(row) for ejection in found.ejected for row in ejection.conflicts]
    failures = list(reviewed.failures)
    if not found.passed:
        why = "; ".join(filter(None, (found.note, _why(found.checks))))
        failures.append(f"The merged tree does not pass its checks, so nothing was published: {why}")
    place, published = None, None
    if found.passed and reviewed.approved:
        try:
            place, published = _publish(spec, base, sides, found, after, output, state)
        except TreeError as error:
            failures.append(f"The merged tree was not published: {error}")
    left_out = {**{row.section: row.reason for row in found.ejected}, **reviewed.left_out}
    _keep_for_review(sides, left_out, found.ejected, output)
    if not reviewed.approved:
        review.append(_not_approved(reviewed, output))
    return Aggregated(
        merged_output=place,
        conflicts_resolved=len(found.merged.resolutions),
        manual_review_required=tuple(review),
        resolutions=tuple(asdict(row) for row in found.merged.resolutions[:MAX_RESOLUTIONS]),
        validation=_validation(found),
        published=published,
        review=reviewed.record or None,
        merged=found.merged.changeset if found.passed and reviewed.approved else None,
        left_out=left_out,
        failures=tuple(failures),
        notes=_notes_on_left_out(sides, left_out, output / REVIEW),
    )


def _not_approved(reviewed: Reviewed, output: Path) -> dict[str, Any]:
    """The merged tree that nobody approved, kept beside the report and named among what is to be reviewed."""
    folder = output / REVIEW / "merged"
    merged = reviewed.found.merged
    _write_files(merged.changeset, folder)
    reason = reviewed.failures[0] if reviewed.failures else "it was not approved"
    return {"class": "file", "path": str(folder), "place": "merged tree", "reason": reason, "sections": merged.sections}


def _publish(
    spec: SectioningSpec,
    base: Base,
    sides: Sequence[tuple[str, Changeset]],
    found: Validation,
    after: Mapping[str, Sequence[str]],
    output: Path,
    state: Path,
) -> tuple[str | None, dict[str, Any]]:
    kept = [side for side in sides if side[0] in found.kept]
    steps = steps_of(base, kept, after=after)
    parts = [Part(f"{name}: {spec.main_task.description}", changes) for name, changes in steps]
    rest = rest_after(base, steps, found.merged.changeset)
    if rest.changes:
        parts.append(Part("Settle what the sections' changes share", rest))
    target = target_of(spec.merged_output, output, spec.workdir)
    now_s = time.time()
    # With the fraction: a run of a small task that is repeated at once ends within the same second.
    moment = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_s))}-{int(now_s % 1 * 1e6):06}"
    run_id = f"{own_slug_of(spec.task_id)}-{moment}"
    if not found.merged.changeset.changes:
        return None, {"run_id": None, "kind": target.kind, "note": "no change is in the merged tree"}
    done = publish(base, found.merged.changeset, parts, target, run_id=run_id, state_dir=state, now_s=now_s)
    place = done.branch or done.where
    return place, {"run_id": done.run_id, "kind": done.kind, "where": done.where, "identity": done.identity}


def _keep_for_review(sides: Sides, gone: Collection[str], ejected: Sequence[Ejection], output: Path) -> None:
    """What was left out of the merged tree is not lost: each ejected section's files lie below ``review/``.

    Beside a file that conflicts lies what its merge gave, with markers.
    """
    shutil.rmtree(output / REVIEW, ignore_errors=True)
    for name, changes in sides:
        if name in gone:
            _write_files(changes, output / REVIEW / own_slug_of(name))
    for row in ejected:
        marked = [replace(change, path=f"{change.path}{CONFLICT}") for change in row.marked]
        _write_files(Changeset(tuple(marked)), output / REVIEW / own_slug_of(row.section))


def _notes_on_left_out(sides: Sides, gone: Collection[str], folder: Path) -> tuple[str, ...]:
    notes = [f"what was left out lies in {str(folder)!r}"] if folder.is_dir() else []
    for name, changes in sides:
        deleted = [change.path for change in changes.changes if change.content is None] if name in gone else []
        if deleted:
            told = ", ".join(map(repr, deleted[:5])) + " …" * (len(deleted) > 5)
            notes.append(f"section {name!r}, which was left out, would delete {told}")
    return tuple(notes)


def _write_files(changes: Changeset, folder: Path) -> None:
    for change in changes.changes:
        if change.content is None or change.mode == SYMLINK:
            continue
        place = folder / change.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(change.content)


def _validation(found: Validation) -> dict[str, Any]:
    return {
        "passed": found.passed,
        "checks": [{**asdict(row), "seconds": round(row.seconds, 3)} for row in found.checks],
        "ejected": [
            {"section": row.section, "reason": row.reason, "together_with": row.together_with} for row in found.ejected
        ],
        "runs": found.runs,
        "seconds": round(found.seconds, 3),
        "note": found.note,
    }


def _conflict(row: Conflict) -> dict[str, Any]:
    return {"class": row.kind, **{key: value for key, value in asdict(row).items() if key != "kind"}}
