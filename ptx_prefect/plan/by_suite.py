"""Test level: a pytest suite as sections of about equal length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict
from uuid import uuid4

from ptx_prefect.plan.collect import Collected, collect_early, collect_tests
from ptx_prefect.plan.durations import Durations
from ptx_prefect.plan.impact import impacted_since
from ptx_prefect.plan.kept_cut import KeptCut
from ptx_prefect.plan.plan import Section
from ptx_prefect.plan.suite import cut_as, cut_suite
from ptx_prefect.spec import SectioningSpec, Suite


def sections_by_suite(
    spec: SectioningSpec, blank: Section, *, workers: int, state_dir: Path, notes: list[str], fresh: bool = False
) -> tuple[Section, ...]:
    """The sections of a suite, the longest first; ``blank`` gives what they share. Adds to ``notes``.

    Args:
        fresh: cut anew, by all that is known by now, though nothing has changed since the last cut.

    Raises:
        PlanError: the suite cannot be collected, or the revision of `impacted_by` is not known.
    """
    suite = spec.main_task.suite or Suite()
    collected = collect_tests(suite.args, **_place(spec, state_dir))
    if collected.unknown_because:
        notes.append(f"no result of these tests is reused later: {collected.unknown_because}")
    learned = Durations(state_dir).estimates(suite_scope(suite, Path(spec.workdir)))
    only = _impacted(spec, suite, collected, state_dir, notes) if suite.impacted_by else None
    chosen = None if only is None else sorted(only)
    kept = KeptCut(state_dir, collected.digest, _config(suite, collected), workers, chosen)
    before = None if fresh else kept.read()
    shares = cut_as(before, collected, learned=learned) if before else None
    if shares is None:
        shares, before = cut_suite(collected, learned=learned, workers=workers, only=only), None
        kept.write([share.selection for share in shares])
    known = "balanced by " + ("durations of earlier runs" if learned else "counts: no earlier run is known")
    known = "cut as before, since nothing has changed" if before else known
    remembered = ", collection remembered" if collected.is_remembered else ""
    count = sum(share.tests for share in shares)
    notes.append(f"{count} tests in {len(shares)} sections, {known}{remembered}")
    width = len(str(len(shares)))
    return tuple(
        replace(
            blank,
            name=f"tests-{index:0{width}d}",
            description=f"{share.tests} tests of {share.files} files",
            config={**_config(suite, collected), "tests": list(share.selection)},
            estimate_s=share.estimate_s,
            estimate_from="history" if learned else "counts",
            identity="",
            items=share.tests,
            # Where nothing is known of the content, no other run may take the results.
            content=collected.digest or f"unknown: {uuid4().hex}",
        )
        for index, share in enumerate(shares, start=1)
    )


def collect_suite_early(spec: SectioningSpec, *, state_dir: Path) -> None:
    """Begin to collect a task's suite, if it has one, while Prefect starts."""
    if spec.main_task.level == "test":
        collect_early((spec.main_task.suite or Suite()).args, **_place(spec, state_dir))


def _place(spec: SectioningSpec, state_dir: Path) -> _Place:
    return {
        "workdir": Path(spec.workdir),
        "python": (spec.main_task.suite or Suite()).python,
        "state_dir": state_dir,
        "outputs": [Path(spec.output_dir)] if spec.output_dir else [],
    }


class _Place(TypedDict):
    """Where a suite is collected."""

    workdir: Path
    python: str | None
    state_dir: Path
    outputs: list[Path]


def suite_scope(suite: Suite, workdir: Path) -> str:
    """The scope that a suite's test durations are remembered under.

    Most suites are called ``tests``, so the directory's name belongs to it; its whole path would forget what another
    checkout of the same project has shown.
    """
    return f"tests:{workdir.resolve().name}:" + " ".join(suite.args)


def _config(suite: Suite, collected: Collected) -> dict[str, Any]:
    return {
        "args": list(suite.args),
        "rootdir": collected.rootdir,
        "coverage": suite.coverage,
        "source": list(suite.source),
        **({"python": suite.python} if suite.python else {}),
        **({"preload": list(suite.preload)} if suite.preload else {}),
    }


def _impacted(
    spec: SectioningSpec, suite: Suite, collected: Collected, state_dir: Path, notes: list[str]
) -> frozenset[str]:
    nodeids = [nodeid for nodeid, _, _ in collected.tests]
    root, revision = Path(collected.rootdir), suite.impacted_by or "HEAD"
    outputs = [str(Path(spec.output_dir).resolve())] if spec.output_dir else []
    found = impacted_since(root, revision, nodeids, state_dir=state_dir, outputs=outputs, task_id=spec.task_id)
    why = f"; {found.everything_because}" if found.everything_because else ""
    if not found.changed:
        why = "; nothing that a test could read has changed"
    if found.by_name:
        why += f"; {found.by_name} of them because an import that leads nowhere is called as a changed module"
    if found.unreached:
        names = ", ".join(found.unreached[:5]) + " …" * (len(found.unreached) > 5)
        why += f"; no test was found to reach {names}"
    notes.append(f"the changes since {suite.impacted_by} can reach {len(found.tests)} of {len(nodeids)} tests{why}")
    return frozenset(found.tests)
