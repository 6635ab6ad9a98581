"""A pytest suite cut into balanced sections: longest first, by what earlier runs took."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.plan.collect import Collected

SECTIONS_CAP = 8
"""The specification's cap of test level."""
SECTION_START_S = 0.5
"""What a section takes before pytest's session begins, as long as no run has shown it."""
START, OVERHEAD = "(before each session)", "(around each test)"
"""Remembered beside the tests: what a section takes before pytest's session, and what the session takes for each test
beside the time that its report gives (collection, fixtures of modules, coverage)."""
UNKNOWN_TEST_S = 0.02
"""A test never seen before, where none of its file's tests were seen either."""


@dataclass(frozen=True, slots=True)
class Share:
    """One section's tests. ``selection`` is what pytest is given: whole files, or node ids where a file is cut."""

    selection: tuple[str, ...]
    tests: int
    estimate_s: float
    files: int


@dataclass(frozen=True, slots=True)
class SectionTime:
    """What a section took, in seconds: all of it, pytest's sessions alone, and all tests by its report.

    It had ``parts`` processes, whose times are added up.
    """

    held_s: float
    session_s: float
    tests_s: float
    tests: int
    parts: int = 1


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never torn apart: a file, or a class or function of a file that was cut."""

    selection: tuple[str, ...]
    file: str
    tests: int
    seconds: float


def cut_suite(
    collected: Collected,
    *,
    learned: Mapping[str, float],
    workers: int,
    cap: int = SECTIONS_CAP,
    only: frozenset[str] | None = None,
) -> tuple[Share, ...]:
    """At most ``cap`` shares that end at about the same time on ``workers`` workers, the longest first.

    Args:
        learned: seconds by :func:`key_of_test`; where it is empty, tests count alike.
        only: the node ids to run; None: all.
    """
    seconds = _seconds(collected, learned)
    units = _units(collected, seconds, workers) if only is None else _chosen_units(collected, seconds, only)
    if not units:  # a change that no test can reach
        return ()
    start_s = learned.get(START, SECTION_START_S)
    count = max(1, min(cap, len(units), _best_count(units, workers, cap, start_s)))
    bins = _longest_first(units, count)
    shares = [_share(units_of_bin, start_s) for units_of_bin in bins if units_of_bin]
    return tuple(sorted(shares, key=lambda share: (-share.estimate_s, share.selection)))


def cut_as(
    selections: Sequence[Sequence[str]], collected: Collected, *, learned: Mapping[str, float]
) -> tuple[Share, ...] | None:
    """Shares with these selections, in this order; None where they are not a cut of these tests."""
    seconds = _seconds(collected, learned)
    share_of = {item: index for index, row in enumerate(selections) for item in row}
    tests: list[list[tuple[str, str]]] = [[] for _ in selections]
    for nodeid, file, _ in collected.tests:
        rest = nodeid.partition("::")[2]
        names = (file, f"{file}::{rest.split('::', 1)[0].split('[', 1)[0]}", f"{file}::{rest}")
        index = next((share_of[name] for name in names if name in share_of), None)
        if index is not None:
            tests[index].append((nodeid, file))
    if not all(tests):
        return None
    start_s = learned.get(START, SECTION_START_S)
    return tuple(
        Share(
            tuple(selection),
            len(rows),
            sum(seconds[nodeid] for nodeid, _ in rows) + start_s,
            len({file for _, file in rows}),
        )
        for selection, rows in zip(selections, tests, strict=True)
    )


def key_of_test(nodeid: str) -> str:
    """A test's name as JUnit files spell it: ``"pkg.test_file.Class::test[param]"``. Durations are remembered by it."""
    address, bracket, parameters = nodeid.partition("[")
    names = address.split("::")
    names[0] = names[0].replace("/", ".").removesuffix(".py")
    # A file that is skipped as a whole stands there without a class.
    return f"{'.'.join(names[:-1])}::{names[-1]}{bracket}{parameters}"


def _seconds(collected: Collected, learned: Mapping[str, float]) -> dict[str, float]:
    by_file: dict[str, list[float]] = {}
    for nodeid, file, _ in collected.tests:
        if (key := key_of_test(nodeid)) in learned:
            by_file.setdefault(file, []).append(learned[key])
    means = {file: sum(values) / len(values) for file, values in by_file.items()}
    around_s = learned.get(OVERHEAD, 0.0)
    return {
        nodeid: around_s + learned.get(key_of_test(nodeid), means.get(file, UNKNOWN_TEST_S))
        for nodeid, file, _ in collected.tests
    }


def beside_tests(times: Sequence[SectionTime]) -> dict[str, float]:
    """Seconds of one run that no test's own time holds, by `START` and `OVERHEAD`.

    Means, not medians: they are added up again in the next plan, and a sum is wrong by what a mean is wrong by.
    """
    if not times:
        return {}
    start_s = sum(max(0.0, one.held_s - one.session_s) / one.parts for one in times) / len(times)
    around_s = sum(max(0.0, one.session_s - one.tests_s) for one in times)
    return {START: start_s, OVERHEAD: around_s / max(1, sum(one.tests for one in times))}


def _units(collected: Collected, seconds: Mapping[str, float], workers: int) -> list[_Unit]:
    """Files; a file longer than a fair share of the work is cut below file level where its fixtures allow."""
    files: dict[str, list[tuple[str, bool]]] = {}
    for nodeid, file, is_bound in collected.tests:
        files.setdefault(file, []).append((nodeid, is_bound))
    fair_s = sum(seconds.values()) / (4 * workers)
    units: list[_Unit] = []
    for file, tests in files.items():
        total = sum(seconds[nodeid] for nodeid, _ in tests)
        if total > fair_s and len(tests) > 1 and not any(is_bound for _, is_bound in tests):
            units += _groups(file, [nodeid for nodeid, _ in tests], seconds)
        else:
            units.append(_Unit((file,), file, len(tests), total))
    return units


def _chosen_units(collected: Collected, seconds: Mapping[str, float], only: frozenset[str]) -> list[_Unit]:
    """Files of which every test was chosen, and the chosen tests of the others."""
    files: dict[str, list[str]] = {}
    for nodeid, file, _ in collected.tests:
        files.setdefault(file, []).append(nodeid)
    units = []
    for file, nodeids in files.items():
        chosen = [nodeid for nodeid in nodeids if nodeid in only]
        if not chosen:
            continue
        whole = len(chosen) == len(nodeids)
        selection = (file,) if whole else tuple(f"{file}::{nodeid.partition('::')[2]}" for nodeid in chosen)
        units.append(_Unit(selection, file, len(chosen), sum(seconds[nodeid] for nodeid in chosen)))
    return units


def _groups(file: str, nodeids: Sequence[str], seconds: Mapping[str, float]) -> list[_Unit]:
    """Classes whole (they share set-up), functions with all their parameters."""
    groups: dict[str, list[str]] = {}
    for nodeid in nodeids:
        name = nodeid.partition("::")[2].split("::", 1)[0].split("[", 1)[0]
        groups.setdefault(f"{file}::{name}", []).append(nodeid)
    return [_Unit((name,), file, len(ids), sum(seconds[nodeid] for nodeid in ids)) for name, ids in groups.items()]


def _best_count(units: Sequence[_Unit], workers: int, cap: int, start_s: float) -> int:
    """The number of sections with the least predicted makespan; more sections forgive wrong estimates, but each
    costs its start. A quarter of the largest share is what an estimate may be off by."""
    best, best_s = 1, float("inf")
    for count in sorted({1, *range(workers, cap + 1, max(1, min(workers, cap)))}):
        loads = [sum(unit.seconds for unit in group) + start_s for group in _longest_first(units, count) if group]
        makespan = _makespan(loads, workers) + 0.25 * max(loads) * (count > 0)
        if makespan < best_s:
            best, best_s = count, makespan
    return best


def _makespan(loads: Sequence[float], workers: int) -> float:
    free = [0.0] * workers
    for load in sorted(loads, reverse=True):
        heapq.heapreplace(free, free[0] + load)
    return max(free)


def _longest_first(units: Sequence[_Unit], count: int) -> list[list[_Unit]]:
    """Longest processing time first (Graham 1969): within 4/3 of the best balance."""
    bins: list[list[_Unit]] = [[] for _ in range(count)]
    heap = [(0.0, 0, index) for index in range(count)]
    for unit in sorted(units, key=lambda unit: (-unit.seconds, unit.selection)):
        load, tests, index = heapq.heappop(heap)
        bins[index].append(unit)
        heapq.heappush(heap, (load + unit.seconds, tests + unit.tests, index))
    return bins


def _share(units: Sequence[_Unit], start_s: float) -> Share:
    return Share(
        selection=tuple(part for unit in sorted(units, key=lambda unit: unit.selection) for part in unit.selection),
        tests=sum(unit.tests for unit in units),
        estimate_s=sum(unit.seconds for unit in units) + start_s,
        files=len({unit.file for unit in units}),
    )
