"""Tests that end the interpreter which runs them: which one it was, and its row in the section's JUnit file."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.plan.suite import key_of_test

CRASHED = "ptx.crashed"
"""Type of the error that a JUnit file has for such a test."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A test that was running when its interpreter ended. ``how`` is "exit code 3" or "SIGSEGV (signal 11)"."""

    nodeid: str
    how: str

    @property
    def message(self) -> str:
        """For the report."""
        return f"the interpreter ended in this test ({self.how}), and did so again when it ran alone"


def read_journal(path: Path) -> Iterator[tuple[str, str]]:
    """What a section's pytest wrote down while it ran: ``start`` and ``end`` of a test, or a ``note``."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            kind, text = json.loads(line)
        except (ValueError, TypeError):  # cut short
            continue
        yield str(kind), str(text)


def running_test(journal: Path) -> str | None:
    """The test that had begun and not ended."""
    running = None
    for kind, nodeid in read_journal(journal):
        if kind == "start":
            running = nodeid
        elif kind == "end":
            running = None
    return running


def add_crash(junit: Path, crash: Crash) -> None:
    """Put the test into a JUnit file, as an error."""
    classname, _, name = key_of_test(crash.nodeid).partition("::")
    case = ElementTree.Element("testcase", classname=classname, name=name, time="0")
    ElementTree.SubElement(case, "error", message=crash.message, type=CRASHED)
    _add_cases(junit, [case])


def add_cases_of(junit: Path, other: Path) -> None:
    """Put the tests of another JUnit file, and the time of its session, into a JUnit file.

    Raises:
        xml.etree.ElementTree.ParseError: one of them is cut short.
    """
    tree = ElementTree.parse(other)
    seconds = sum(float(suite.get("time") or 0.0) for suite in tree.iter("testsuite"))
    _add_cases(junit, list(tree.iter("testcase")), seconds)


def _add_cases(junit: Path, cases: list[ElementTree.Element], seconds: float = 0.0) -> None:
    tree = ElementTree.parse(junit)
    suite = next(tree.iter("testsuite"))
    suite.extend(cases)
    counts = {"tests": len(cases)}
    for column, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[column] = sum(case.find(tag) is not None for case in cases)
    for column, count in counts.items():
        suite.set(column, str(int(suite.get(column, "0")) + count))
    suite.set("time", f"{float(suite.get('time') or 0.0) + seconds:.3f}")
    tree.write(junit, encoding="utf-8", xml_declaration=True)
