"""What the sections made, put together: test reports merged, changes merged, validated and published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ptx_prefect.engine.account import Aggregated
from ptx_prefect.engine.execution import Execution
from ptx_prefect.errors import MergeError
from ptx_prefect.plan.durations import Durations
from ptx_prefect.plan.suite import SectionTime, beside_tests
from ptx_prefect.run.outcomes import Done, Failed
from ptx_prefect.run.records import SectionRecord
from ptx_prefect.spec import SectioningSpec, Suite
from ptx_prefect.workers.crashes import read_journal


def aggregate(spec: SectioningSpec, execution: Execution, output: Path) -> Aggregated:
    """Everything that follows the sections, as far as this task asks for it; only that is imported."""
    records, sections = execution.records, execution.plan.sections
    tested = [records[section.name] for section in sections if section.worker == "pytest"]
    merged = _merged(spec, execution, output)
    if not tested:
        return merged
    suite, workdir = spec.main_task.suite or Suite(), Path(spec.workdir)
    is_cut = execution.plan.level == "test"  # Sections that a person wrote may share tests.
    planned = {section.name: section.items for section in sections} if is_cut else {}
    found = _aggregate_tests(suite, tested, output, execution.site.state, workdir, planned)
    failures, notes = (*merged.failures, *found.failures), (*merged.notes, *found.notes)
    return replace(merged, tests=found.tests, failures=failures, notes=notes)


def _merged(spec: SectioningSpec, execution: Execution, output: Path) -> Aggregated:
    """The sections' changes merged, checked and published; where they worked in place, the checks alone."""
    if execution.site.base is not None:
        from ptx_prefect.engine.merging import merge_sections

        return merge_sections(spec, execution, execution.site.base, output)
    if spec.checks and any(isinstance(record.outcome, Done) for record in execution.records.values()):
        from ptx_prefect.engine.merging import check_in_place

        return check_in_place(spec, execution.site.state)
    return Aggregated()


def _aggregate_tests(
    suite: Suite,
    records: Sequence[SectionRecord],
    output: Path,
    state: Path,
    workdir: Path,
    planned: Mapping[str, int],
) -> Aggregated:
    """One JUnit file and one coverage result for all sections, equal to those of one serial run."""
    from ptx_prefect.merge.test_reports import merge_junit

    values = [(record, value) for record in records if (value := _value_of(record)) is not None]
    junits = [Path(value["junit"]) for _, value in values if value.get("junit")]
    tests: dict[str, Any] = {}
    failures: list[str] = []
    notes: list[str] = []
    try:
        if junits:
            totals = merge_junit(junits, output / "junit.xml", name="ptx")
            tests = {**totals.as_json(), "junit": str(output / "junit.xml")}
    except MergeError as error:
        failures.append(str(error))
    if suite.coverage or any(value.get("coverage") for _, value in values):
        tests |= _coverage_of(suite, values, output, workdir, notes)
    _remember(suite, values, state, workdir)
    incomplete = len(records) - len(junits)
    if incomplete:
        failures.append(f"{incomplete} of {len(records)} test sections left no report: the totals are incomplete")
    if planned:
        failures += _not_as_planned(values, planned)
    notes += dict.fromkeys(note for _, value in values for note in value.get("notes", ()))
    helped = [record.name for record, value in values if not record.reused and value.get("parts", 1) > 1]
    if helped:
        notes.append(f"idle workers took over tests of {', '.join(helped)}, which went on in several processes")
    crashed = [name for _, value in values for name in value.get("crashed", ())]
    if crashed:
        tests["crashed"] = crashed
    broken = [row for _, value in values for row in value.get("failures", ())]
    if broken:
        tests["failures"] = broken
        failures.append(f"Mend {tests['failed'] + tests['errors']} failing test(s), first {broken[0]['test']!r}")
    return Aggregated(tests=tests or None, failures=tuple(failures), notes=tuple(notes))


def _not_as_planned(values: Sequence[tuple[SectionRecord, Mapping[str, Any]]], planned: Mapping[str, int]) -> list[str]:
    """Tests that two sections ran, and sections that ran fewer than they were given: then the totals are wrong."""
    found: list[str] = []
    owner: dict[str, str] = {}
    for record, value in values:
        nodeids = (
            {text for kind, text in read_journal(Path(value["ran"])) if kind == "end"} if value.get("ran") else set()
        )
        twice = sorted(nodeid for nodeid in nodeids if nodeid in owner)
        if twice:
            found.append(
                f"{len(twice)} test(s) ran in {owner[twice[0]]!r} and in {record.name!r}, first {twice[0]!r}: the"
                " totals count them twice; take what spreads or repeats tests out of suite.args and addopts"
            )
        owner |= dict.fromkeys(nodeids, record.name)
        told = value["totals"]["tests"]
        if value.get("junit") and told < planned.get(record.name, 0):
            found.append(
                f"section {record.name!r} reports {told} of its {planned[record.name]} tests: the others were not run;"
                " take what selects or stops tests out of suite.args and addopts"
            )
    return found


def _coverage_of(
    suite: Suite,
    values: Sequence[tuple[SectionRecord, Mapping[str, Any]]],
    output: Path,
    workdir: Path,
    notes: list[str],
) -> dict[str, Any]:
    """The combined coverage. Tests count without it, so what is missing is told in ``notes``."""
    from ptx_prefect.merge.test_reports import combine_coverage, coverage_config_of

    found = [Path(value["coverage"]) for _, value in values if value.get("coverage")]
    data, xml = output / "coverage.data", output / "coverage.xml"
    if suite.coverage and len(found) < len(values):
        notes.append(f"{len(values) - len(found)} of {len(values)} test sections left no coverage data")
    try:
        covered = combine_coverage(found, data, source=suite.source, xml=xml, config_file=coverage_config_of(workdir))
    except MergeError as error:
        about = f" (suite.source: {', '.join(suite.source)})" if suite.source else ""
        notes.append(f"no coverage result: {error}{about}")
        return {}
    return {**covered.as_json(), "coverage": str(data), "coverage_xml": str(xml)}


def _value_of(record: SectionRecord) -> dict[str, Any] | None:
    outcome = record.outcome
    value = outcome.value if isinstance(outcome, Done | Failed) else None
    return value if isinstance(value, dict) else None


def _remember(
    suite: Suite, values: Sequence[tuple[SectionRecord, Mapping[str, Any]]], state: Path, workdir: Path
) -> None:
    """Each test's seconds and what is around them, for the balance of the next run."""
    from ptx_prefect.plan.by_suite import suite_scope
    from ptx_prefect.workers.test_totals import read_cases, session_seconds

    seconds: dict[str, float] = {}
    times: list[SectionTime] = []
    for record, value in values:
        if not record.reused and value.get("junit"):
            junit = Path(value["junit"])
            took = {case.name: case.seconds for case in read_cases(junit)}
            seconds |= took
            parts = int(value.get("parts", 1))
            held_s = record.held_s if parts == 1 else record.busy_s
            times.append(SectionTime(held_s, session_seconds(junit), sum(took.values()), len(took), parts))
    Durations(state).record(suite_scope(suite, workdir), seconds | beside_tests(times))
