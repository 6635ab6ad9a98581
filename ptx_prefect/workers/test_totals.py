"""How many tests passed, failed and so on, by a JUnit file of pytest's."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

TestOutcome = Literal["passed", "failed", "error", "skipped", "xfailed"]


@dataclass(frozen=True, slots=True)
class TestCase:
    """One row of a JUnit file. ``name`` is ``"pkg.test_file.Class::test[param]"``."""

    __test__ = False

    name: str
    outcome: TestOutcome
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class TestTotals:
    """Counts of tests by outcome; ``seconds`` is the sum over the tests.

    A test whose teardown broke after it had passed is an error, once. A non-strict unexpected pass is a pass.
    """

    __test__ = False

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    xfailed: int = 0
    seconds: float = 0.0

    @property
    def tests(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.errors + self.skipped + self.xfailed

    def __add__(self, other: TestTotals) -> TestTotals:
        sums = {field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        return TestTotals(**{**sums, "seconds": round(sums["seconds"], 6)})

    def as_json(self) -> dict[str, float]:
        """Plain data, with the number of all tests."""
        return {**asdict(self), "tests": self.tests}


_COLUMN = {"passed": "passed", "failed": "failed", "error": "errors", "skipped": "skipped", "xfailed": "xfailed"}


def totals_of(cases: Iterable[TestCase]) -> TestTotals:
    """Counts over rows."""
    counts = dict.fromkeys(_COLUMN.values(), 0)
    seconds = 0.0
    for case in cases:
        counts[_COLUMN[case.outcome]] += 1
        seconds += case.seconds
    return TestTotals(**counts, seconds=round(seconds, 6))


def read_cases(junit: Path) -> Iterator[TestCase]:
    """The rows of a JUnit file, in its order; a test that pytest reports twice (call and teardown) comes once.

    Raises:
        OSError: not readable.
        xml.etree.ElementTree.ParseError: not XML, or cut short.
    """
    seen: TestCase | None = None
    for _, element in ElementTree.iterparse(junit):
        if element.tag != "testcase":
            continue
        case = _case(element)
        element.clear()
        # pytest writes a second row for a test that failed and whose teardown broke as well.
        if seen is not None and seen.name == case.name and case.outcome == "error" and seen.outcome == "failed":
            continue
        if seen is not None:
            yield seen
        seen = case
    if seen is not None:
        yield seen


def session_seconds(junit: Path) -> float:
    """How long pytest's session took, by its JUnit file: its tests, their collection and all else in it.

    Raises:
        OSError: not readable.
        xml.etree.ElementTree.ParseError: not XML, or cut short.
    """
    for _, element in ElementTree.iterparse(junit, events=("start",)):
        if element.tag == "testsuite":
            return float(element.get("time") or 0.0)
    return 0.0


def _case(element: ElementTree.Element) -> TestCase:
    classname, name = element.get("classname", ""), element.get("name", "")
    outcome: TestOutcome = "passed"
    message = ""
    for child in element:
        if child.tag == "failure":
            outcome, message = "failed", child.get("message", "")
        elif child.tag == "error":
            outcome, message = "error", child.get("message", "")
        elif child.tag == "skipped":
            outcome = "xfailed" if child.get("type") == "pytest.xfail" else "skipped"
            message = child.get("message", "")
    return TestCase(f"{classname}::{name}", outcome, float(element.get("time") or 0.0), message)
