"""The ``pytest`` worker: one section of a suite.

    {"kind": "pytest", "tests": ["tests/test_a.py", "tests/test_b.py::test_c"], "args": ["-m", "not slow"],
     "coverage": true, "source": ["package"], "python": "/other/venv/bin/python", "rootdir": "."}

``args`` are the suite's own arguments; paths among them decide configuration and first conftest files as ever, and
``tests``, where given, is what is collected. ``rootdir`` is what node ids are relative to: the whole suite's, so that
a section names its tests as one run of everything does.

The sections of a suite start as forks of one pytest that has loaded plugins, arguments, first conftest files and the
modules that ``preload`` names (what every section imports anyway). It is started again when one of those files
changes; ``"warm": false`` starts every section from nothing.

A section writes ``junit.xml`` (and ``coverage.data``) into the directory beside its log; its value names them:

    {"exit_code": 0, "junit": path, "coverage": path or null, "totals": {"passed": ...}, "failures": [...]}

Failed tests are a permanent failure (another attempt would only hide an unsteady test) which carries the same value.
A test that ends its interpreter (``os._exit``, a segmentation fault) is named; the section's other tests run without
it, then it runs alone: a second crash is an error in the JUnit file, beside what the others gave.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import json
import shutil
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.errors import WorkerError
from ptx_prefect.plan.suite import key_of_test
from ptx_prefect.run.outcomes import Done, Failed, TimedOut, Usage, WorkerOutcome
from ptx_prefect.strict import nearest
from ptx_prefect.workers.crashes import Crash, add_cases_of, add_crash, read_journal, running_test
from ptx_prefect.workers.endings import (
    COMMON_KEYS,
    files_dir,
    is_strings,
    mistakes_in_common_keys,
    order_for,
    outcome_unless_exited,
    signal_name,
    tail_of,
    usage_of,
)
from ptx_prefect.workers.process import Ended, Order, run_process
from ptx_prefect.workers.protocol import Beat, Job
from ptx_prefect.workers.spawners import START_LIMIT_S, Spawner, shared_spawner
from ptx_prefect.workers.test_totals import TestTotals, read_cases, totals_of

KEYS = ("args", "tests", "coverage", "source", "branch", "python", "rootdir", "warm", "preload", *COMMON_KEYS)
_LISTS = ("args", "tests", "source", "preload")
_FLAGS = ("coverage", "branch", "warm")
MAX_FAILURES_TOLD = 20
MAX_CRASHES = 10
"""So many tests of a section may end its interpreter before the rest is given up."""
_MEANING = {
    2: ("interrupted", "the tests could not be collected, or were interrupted"),
    3: ("pytest_internal", "pytest broke internally"),
    4: ("usage", "pytest refused its arguments; check args and tests"),
}
_HOST = "from ptx_prefect.workers.pytest_main import host; host({{fd}}, {args!r}, {preload!r}, {coverage!r})"
_NOT_CALLED = "the configured pytest goes on by itself"
RETRY_S = 300.0
"""A suite whose configured pytest did not come up runs without one for so long (seconds)."""


class PytestWorker:
    """Runs tests with the suite's own pytest and leaves JUnit and coverage files."""

    kind = "pytest"

    def check(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, str]:
        """Unknown keys, wrong types, no interpreter, no pytest or coverage."""
        mistakes = {key: f"unknown key {key!r}; {nearest(key, KEYS)}" for key in config if key not in KEYS}
        mistakes |= mistakes_in_common_keys(config)
        for key in _LISTS:
            if not is_strings(config.get(key, [])):
                mistakes[key] = f"takes a list of texts, found {config[key]!r}"
        for key in _FLAGS:
            if not isinstance(config.get(key, False), bool):
                mistakes[key] = f"takes true or false, found {config[key]!r}"
        python = config.get("python")
        if python is not None and (not isinstance(python, str) or shutil.which(_resolved(python, workdir)) is None):
            mistakes["python"] = f"there is no interpreter {python!r}"
        if python is None:
            wanted = ("pytest", "coverage") if config.get("coverage") else ("pytest",)
            missing = [name for name in wanted if importlib.util.find_spec(name) is None]
            if missing:
                mistakes["kind"] = f"needs {' and '.join(missing)}; pip install 'ptx-prefect[pytest]'"
        return mistakes

    def fingerprint(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, Any]:
        """Versions of the interpreter, pytest and coverage; what the tests import is the suite's own digest to say."""
        if config.get("python") is not None:
            stat = Path(shutil.which(_resolved(config["python"], workdir)) or sys.executable).stat()
            return {"python": f"{stat.st_size}:{stat.st_mtime_ns}"}
        return {"python": sys.version, **{name: _version(name) for name in ("pytest", "coverage")}}

    def run(self, job: Job, *, beat: Beat) -> WorkerOutcome:
        """Run the section's tests; a test that ends its interpreter is tried once more, alone."""
        folder = files_dir(job).resolve()
        for stale in (*folder.glob("*.xml"), *folder.glob("*.jsonl"), *folder.glob("coverage.data*")):
            stale.unlink(missing_ok=True)
        return _Runs(job, folder, beat).outcome()


@dataclasses.dataclass(frozen=True, slots=True)
class _Files:
    """What one pytest of a section writes, beside its coverage."""

    junit: Path
    data: Path
    journal: Path


class _Runs:
    """The processes of one section: one, and where tests end their interpreter one without them and one for each."""

    def __init__(self, job: Job, folder: Path, beat: Beat) -> None:
        self._job, self._folder, self._beat = job, folder, beat
        self._until_s = time.monotonic() + job.deadline_s
        self._usages: list[Usage] = []
        self._crashes: list[Crash] = []

    def outcome(self) -> WorkerOutcome:
        """How the section ended."""
        files = _Files(*(self._folder / name for name in ("junit.xml", "coverage.data", "ran.jsonl")))
        tests = list(self._job.config.get("tests", ()))
        ended, order, crash = self._once(files, tests, self._job.log_path)
        while crash is not None and len(self._crashes) < MAX_CRASHES and time.monotonic() < self._until_s:
            self._crashes.append(crash)
            log = self._folder / f"without-{len(self._crashes)}.log"
            ended, order, crash = self._once(files, tests, log)
        usage, notes = self._usage(), [f"switched off: {text}" for text in _notes_in(files.journal)]
        if crash is not None:
            names = ", ".join(repr(one.nodeid) for one in (*self._crashes, crash))
            reason = f"the interpreter ended in {names} ({crash.how}); what stands behind was not run{tail_of(ended)}"
            return Failed(reason, "crashed", permanent=True, usage=usage, log=str(self._job.log_path))
        early = outcome_unless_exited(ended, order)
        if isinstance(early, TimedOut):
            return dataclasses.replace(early, during=running_test(files.journal) or "")
        if early is not None:
            return early
        crashed = []
        for index, one in enumerate(self._crashes):
            if files.junit.is_file() and self._crashes_alone(one, index, files.junit):
                crashed.append(key_of_test(one.nodeid))
            else:
                notes.append(f"{one.nodeid} ended the interpreter ({one.how}) and did not when it ran alone")
        found = _outcome(self._job, ended, files, is_broken=bool(self._crashes))
        if isinstance(found, Done | Failed) and isinstance(found.value, dict):
            found.value.update({"crashed": crashed, "notes": notes})
            return dataclasses.replace(found, usage=self._usage())
        return found

    def _crashes_alone(self, crash: Crash, index: int, junit: Path) -> bool:
        """Run the test by itself; its rows go into the section's JUnit file."""
        files = _Files(*(self._folder / f"alone-{index}{end}" for end in (".xml", ".data", ".jsonl")))
        path, _, rest = crash.nodeid.partition("::")
        start = Path(self._job.config.get("rootdir") or self._job.workdir)
        self._once(files, [f"{start / path}::{rest}"], files.junit.with_suffix(".log"), is_alone=True)
        if not files.junit.is_file():
            add_crash(junit, crash)
            return True
        add_cases_of(junit, files.junit)
        return False

    def _once(
        self, files: _Files, tests: list[str], log: Path, *, is_alone: bool = False
    ) -> tuple[Ended, Order, Crash | None]:
        """One process; and the test that ended it, if one did."""
        files.journal.unlink(missing_ok=True)
        left_s = max(1.0, self._until_s - time.monotonic())
        job = dataclasses.replace(self._job, log_path=log, deadline_s=min(self._job.deadline_s, left_s))
        without = [] if is_alone else [one.nodeid for one in self._crashes]
        ended, order = _run(job, self._folder, _payload(job, files, tests, without), self._beat)
        self._usages.append(usage_of(ended))
        running = running_test(files.journal) if ended.by == "exit" and not files.junit.is_file() else None
        if running is None or ended.exit_code is None:
            return ended, order, None
        code = ended.exit_code
        return ended, order, Crash(running, signal_name(-code) if code < 0 else f"exit code {code}")

    def _usage(self) -> Usage:
        one = self._usages[0]
        if len(self._usages) == 1:
            return one
        cpu = [usage.cpu_s for usage in self._usages if usage.cpu_s is not None]
        peaks = [usage.peak_rss_mb for usage in self._usages if usage.peak_rss_mb is not None]
        wall_s = sum(usage.wall_s for usage in self._usages)
        return Usage(wall_s, sum(cpu) if cpu else None, max(peaks, default=None))


def _notes_in(journal: Path) -> list[str]:
    return [text for kind, text in read_journal(journal) if kind == "note"]


def _run(job: Job, folder: Path, payload: Mapping[str, Any], beat: Beat) -> tuple[Ended, Order]:
    """On a fork of a pytest that is configured for the suite already, else by a new process.

    The latter for another interpreter, for variables that count at its start, for ``"warm": false``, and where the
    former does not come up: then the new process fails alike, and its log says why.
    """
    config = job.config
    files = {"PTX_SECTION_FILES": str(folder)}
    if config.get("python") is None and config.get("warm", True) and not _is_about_start(config):
        order = order_for(job, allowed=("*",), entry=_NOT_CALLED, payload=payload)
        added = {key: value for key, value in order.env.items() if key.startswith("PTX_")}
        order = dataclasses.replace(order, env={**added, **files}, is_configured=True)
        with contextlib.suppress(WorkerError):
            return run_process(order, beat=beat, spawner=_configured(job, payload)), order
    paper = folder / "order.json"
    paper.write_text(json.dumps(payload), encoding="utf-8")
    python = _resolved(config.get("python") or sys.executable, job.workdir)
    script = Path(__file__).with_name("pytest_main.py").resolve()
    order = order_for(job, allowed=("*",), argv=(python, str(script), str(paper)))
    order = dataclasses.replace(order, env={**order.env, **files})
    return run_process(order, beat=beat), order


def _configured(job: Job, payload: Mapping[str, Any]) -> Spawner:
    """The spawner of the suite that this section is of; it is the same for all of them."""
    config = job.config
    args = list(payload["args"])
    if not config.get("args") and config.get("rootdir"):
        args.append(str(config["rootdir"]))  # Where a suite without arguments starts, for its first conftest files.
    coverage = payload["coverage"]
    if coverage is not None:
        coverage = {**coverage, "data_file": str(job.state_dir / "coverage")}
    code = _HOST.format(args=args, preload=list(config.get("preload", ())), coverage=coverage)
    env = order_for(job, allowed=("*",)).env
    env = {key: value for key, value in env.items() if not key.startswith("PTX_")}
    return shared_spawner(
        code, env=env, cwd=job.workdir.resolve(), start_limit_s=min(job.deadline_s, START_LIMIT_S), retry_s=RETRY_S
    )


def _payload(job: Job, files: _Files, tests: list[str], without: list[str]) -> dict[str, Any]:
    config = job.config
    coverage = {"data_file": str(files.data), "source": list(config.get("source", ())), "branch": config.get("branch")}
    # The cache plugin stays (tests may use it), but sections that run at once must not share its directory.
    has_cache = "no:cacheprovider" not in config.get("args", ()) and "-pno:cacheprovider" not in config.get("args", ())
    options = ["-o", "cache_dir=$PTX_SECTION_FILES/cache"] if has_cache else []
    if config.get("rootdir"):
        options.append(f"--rootdir={config['rootdir']}")
    return {
        "args": [*options, *config.get("args", ())],
        "tests": tests,
        "without": without,
        "junit": str(files.junit),
        "journal": str(files.journal),
        "coverage": coverage if config.get("coverage") else None,
    }


def _is_about_start(config: Mapping[str, Any]) -> bool:
    """Variables like PYTHONHASHSEED count at the start of an interpreter only."""
    return any(str(name).startswith("PYTHON") for name in config.get("set_env") or {})


def _resolved(python: str, workdir: Path) -> str:
    return str(workdir / python) if "/" in python else python


def _outcome(job: Job, ended: Ended, files: _Files, *, is_broken: bool) -> WorkerOutcome:
    """What the reports say; ``is_broken``: they have rows that the exit code knows nothing of."""
    usage, log, code = usage_of(ended), str(job.log_path), ended.exit_code
    junit = files.junit
    value: dict[str, Any] = {"exit_code": code, "junit": None, "coverage": None, "totals": TestTotals().as_json()}
    value["failures"] = []
    if files.data.is_file():
        value["coverage"] = str(files.data)
    if junit.is_file():
        try:
            cases = list(read_cases(junit))
        except ElementTree.ParseError as error:
            return Failed(f"{str(junit)!r} is cut short: {error}", "bad_report", usage=usage, log=log, value=value)
        totals = totals_of(cases)
        broken = [case for case in cases if case.outcome in ("failed", "error")]
        value |= {"junit": str(junit), "totals": totals.as_json(), "ran": str(files.journal)}
        value["failures"] = [{"test": case.name, "message": case.message[:500]} for case in broken[:MAX_FAILURES_TOLD]]
    if code in (0, 5) and is_broken and value["failures"]:
        code = 1
    if code in (0, 5) and value["junit"] is None:
        reason = f"pytest ended (exit code {code}) without a report{tail_of(ended)}"
        return Failed(reason, "no_report", permanent=True, usage=usage, log=log, value=value)
    if code in (0, 5):  # 5: no test was left after the suite's own filters.
        return Done(value, usage=usage, log=log)
    if code == 1 and value["failures"]:
        totals_told = value["totals"]
        count = totals_told["failed"] + totals_told["errors"]
        first = value["failures"][0]
        reason = f"{count} of {totals_told['tests']} tests failed, first {first['test']!r}: {first['message']}"
        return Failed(reason, "tests_failed", permanent=True, usage=usage, log=log, value=value)
    kind, meaning = _MEANING.get(code or 0, ("exit_code", "pytest did not end as pytest does"))
    reason = f"{meaning} (exit code {code}){tail_of(ended)}"
    return Failed(reason, kind, permanent=code in (2, 4), usage=usage, log=log, value=value)


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
