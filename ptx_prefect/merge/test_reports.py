"""Test reports of many sections put together: one JUnit file, one coverage data file, and their totals."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.errors import MergeError
from ptx_prefect.workers.test_totals import TestTotals, read_cases, totals_of


@dataclass(frozen=True, slots=True)
class CoverageTotals:
    """What coverage.py counts: ``percent`` as its own reports print it (with branches, where they were measured)."""

    percent: float
    lines_covered: int
    lines_total: int
    branches_covered: int
    branches_total: int
    files: int

    def as_json(self) -> dict[str, float]:
        """The keys of the report; branches only where they were measured."""
        found = {
            "coverage_percent": round(self.percent, 2),
            "lines_covered": self.lines_covered,
            "lines_total": self.lines_total,
        }
        if self.branches_total:
            found |= {"branches_covered": self.branches_covered, "branches_total": self.branches_total}
        return found


def merge_junit(paths: Sequence[Path], out: Path, *, name: str = "ptx") -> TestTotals:
    """Write one JUnit file with the suites of all ``paths``, in that order; the totals over them.

    Raises:
        MergeError: a file is missing or cut short; names it.
    """
    from junitparser import JUnitXml

    merged = JUnitXml(name)
    totals = TestTotals()
    for path in paths:
        try:
            found = JUnitXml.fromfile(str(path))
            totals += totals_of(read_cases(path))
        except Exception as error:
            raise MergeError(f"the JUnit file {str(path)!r} cannot be read ({error}); run its section again") from error
        for suite in found if isinstance(found, JUnitXml) else [found]:
            merged.add_testsuite(suite)
    merged.update_statistics()  # type: ignore[no-untyped-call]  # junitparser leaves it so
    out.parent.mkdir(parents=True, exist_ok=True)
    merged.write(str(out))
    return totals


def combine_coverage(
    data_files: Iterable[Path],
    out: Path,
    *,
    source: Sequence[str] = (),
    branch: bool | None = None,
    config_file: Path | None = None,
    xml: Path | None = None,
) -> CoverageTotals:
    """Combine coverage data with coverage.py's own API; the inputs stay as they are.

    Args:
        source: packages or directories that count, as in the runs: files never imported count as not covered.
        branch: whether branches were measured; None: as the configuration file says.
        config_file: coverage's configuration; None: none is read.
        xml: also write a Cobertura file there.

    Raises:
        MergeError: nothing to combine, a file that cannot be read (named), or coverage.py refuses.
    """
    import coverage
    from coverage.exceptions import CoverageException, CoverageWarning

    files = [Path(path) for path in data_files]
    if not files:
        raise MergeError("there is no coverage data to combine; did the sections run with coverage?")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="ptx-coverage-") as folder:
        copies = _copied(files, Path(folder))
        combined = coverage.Coverage(
            data_file=str(out),
            source=list(source) or None,
            branch=branch,
            config_file=str(config_file) if config_file else False,
            messages=False,
        )
        try:
            with warnings.catch_warnings():
                # coverage.py only warns of a file that it cannot read, and goes on without that section's lines.
                warnings.simplefilter("error", CoverageWarning)
                combined.combine(list(copies), strict=True, keep=False)
            combined.save()
            return _totals(combined, xml)
        except (CoverageException, CoverageWarning) as error:
            told = str(error)
            for copy, path in copies.items():
                told = told.replace(f"'{copy}'", repr(str(path)))
            raise MergeError(f"coverage.py cannot combine {len(files)} data files: {told}") from error


def _copied(files: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Copies, which combining uses up, and where each is from.

    coverage.py takes a name's suffix apart, and two sections may use one file name.
    """
    copies = {}
    for index, path in enumerate(files):
        try:
            copies[str(shutil.copy(path, folder / f"part.{index}"))] = path
        except OSError as error:
            raise MergeError(f"the coverage data {str(path)!r} cannot be read ({error.strerror})") from error
    return copies


def coverage_config_of(workdir: Path) -> Path | None:
    """The configuration file that coverage.py would read in ``workdir``; None where there is none."""
    for name, mark in _CONFIGS:
        path = workdir / name
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if mark in path.read_text(encoding="utf-8"):
                return path
    return None


_CONFIGS = (
    (".coveragerc", ""),
    ("setup.cfg", "[coverage:"),
    ("tox.ini", "[coverage:"),
    ("pyproject.toml", "[tool.coverage"),
)
"""In coverage.py's order, with what shows that the file means it."""


def _totals(combined: object, xml: Path | None) -> CoverageTotals:
    import json

    import coverage

    assert isinstance(combined, coverage.Coverage)
    with tempfile.TemporaryDirectory(prefix="ptx-coverage-") as folder:
        report = Path(folder) / "coverage.json"  # coverage.py removes it where it has nothing to say
        combined.json_report(outfile=str(report), ignore_errors=True)
        data = json.loads(report.read_text(encoding="utf-8"))
    if xml is not None:
        combined.xml_report(outfile=str(xml), ignore_errors=True)
    totals = data["totals"]
    return CoverageTotals(
        percent=round(totals["percent_covered"], 4),
        lines_covered=totals["covered_lines"],
        lines_total=totals["num_statements"],
        branches_covered=totals.get("covered_branches", 0),
        branches_total=totals.get("num_branches", 0),
        files=len(data["files"]),
    )
