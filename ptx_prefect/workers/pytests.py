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

Where the run has a slot that nothing waits for, the section goes on in more processes than one
(:mod:`ptx_prefect.workers.test_parts`); its files and its value are those of one.
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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import WorkerError
from ptx_prefect.plan.collect import bytecode_dir
from ptx_prefect.plan.suite import key_of_test
from ptx_prefect.run.outcomes import Cancelled, Done, Failed, TimedOut, Usage, WorkerOutcome
from ptx_prefect.strict import nearest
from ptx_prefect.workers.crashes import Crash, add_cases_of, add_crash, read_journal, running_test
from ptx_prefect.workers.endings import (
    COMMON_KEYS,
    files_dir,
    is_strings,
    mistakes_in_common_keys,
    order_for,
    outcome_unless_exited,
    tail_of,
    usage_of,
)
from ptx_prefect.workers.process import Ended, Order, run_process
from ptx_prefect.workers.protocol import Beat, Job
from ptx_prefect.workers.spare import spare_named
from ptx_prefect.workers.spawners import START_LIMIT_S, Spawner, shared_spawner
from ptx_prefect.workers.test_parts import Files, Part, Share, Team, add_coverage, merged_usage, payload_of
from ptx_prefect.workers.test_totals import TestTotals, read_cases, totals_of

KEYS = ("args", "tests", "coverage", "source", "branch", "python", "rootdir", "warm", "preload", *COMMON_KEYS)
_LISTS = ("args", "tests", "source", "preload")
_FLAGS = ("coverage", "branch", "warm")
MAX_FAILURES_TOLD = 20
_MEANING = {
    2: ("interrupted", "the tests could not be collected, or were interrupted"),
    3: ("pytest_internal", "pytest broke internally"),
    4: ("usage", "pytest refused its arguments; check args and tests"),
}
_HOST = (
    "from ptx_prefect.workers.pytest_main import host; host({{fd}}, {args!r}, {preload!r}, {coverage!r}, {bytecode!r})"
)
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
        for pattern in ("*.xml", "*.jsonl", "*.data*", "*.stock*"):
            for stale in folder.glob(pattern):
                stale.unlink(missing_ok=True)
        return _Runs(job, folder, beat).outcome()


class _Runs:
    """The processes of one section: its parts, and one for each test that ended its interpreter."""

    def __init__(self, job: Job, folder: Path, beat: Beat) -> None:
        self._job, self._folder, self._beat = job, folder, beat
        self._until_s = time.monotonic() + job.deadline_s
        self._spare = spare_named(job.spare)
        self._usages: list[Usage] = []
        self._notes: list[str] = []
        self._crashed: list[str] = []

    def outcome(self) -> WorkerOutcome:
        """How the section ended."""
        junit, data, journal = (self._folder / name for name in ("junit.xml", "coverage.data", "ran.jsonl"))
        stock = self._folder / "ran.stock" if self._spare is not None else None
        files = Files(junit, data, journal, stock)
        first = self._part(self._job, files, Share(tuple(self._job.config.get("tests", ()))))
        parts = Team(self._job.section, first, spare=self._spare, make=self._taken_over).run()
        self._usages = [usage for part in parts for usage in part.usages]
        return self._early(parts) or self._put_together(parts)

    def _part(self, job: Job, files: Files, share: Share) -> Part:
        return Part(job, files, share, until_s=self._until_s, run=self._process)

    def _taken_over(self, number: int, share: Share) -> Part:
        """A part beside the first one, with files of its own."""
        job = dataclasses.replace(self._job, log_path=self._folder / f"part-{number}.log")
        return self._part(job, Files.named(self._folder, f"part-{number}", is_shared=True), share)

    def _process(self, job: Job, files: Files, share: Share, without: Sequence[str]) -> tuple[Ended, Order]:
        return _run(job, self._folder, _payload(job, files, share, without), self._beat)

    def _early(self, parts: Sequence[Part]) -> WorkerOutcome | None:
        """The section's outcome where some part did not come to its end; the others were cancelled because of it."""
        usage, log = merged_usage(self._usages), str(self._job.log_path)
        found: list[WorkerOutcome] = []
        for part in parts:
            if part.ended is None or part.order is None:
                continue
            if part.last_crash is not None:
                names = ", ".join(repr(one.nodeid) for one in (*part.crashes, part.last_crash))
                reason = f"the interpreter ended in {names} ({part.last_crash.how}); what stands behind was not run"
                return Failed(reason + tail_of(part.ended), "crashed", permanent=True, usage=usage, log=log)
            early = outcome_unless_exited(part.ended, part.order)
            if isinstance(early, TimedOut):
                early = dataclasses.replace(early, during=running_test(part.files.journal) or "")
            if early is not None:
                found.append(early)
        return next((one for one in found if not isinstance(one, Cancelled)), found[0] if found else None)

    def _put_together(self, parts: Sequence[Part]) -> WorkerOutcome:
        """One set of files for all parts, and what it says; where pytest broke in one, that part's end counts."""
        first, worst = parts[0], max(parts, key=_badness)
        self._notes += [f"switched off: {text}" for text in _notes_in(first.files.journal)]
        if _badness(worst) < _BROKE:
            try:
                self._join(parts)
            except ElementTree.ParseError as error:
                reason, usage = f"a report of {first.files.junit.parent} is cut short: {error}", self._usages[0]
                return Failed(reason, "bad_report", usage=usage, log=str(self._job.log_path))
        assert worst.ended is not None
        files = first.files if _badness(worst) < _BROKE else worst.files
        is_broken = len(parts) > 1 or bool(first.crashes)
        found = _outcome(self._job, worst.ended, files, is_broken=is_broken)
        if isinstance(found, Done | Failed):
            more = {"crashed": self._crashed, "notes": self._notes, "parts": len(parts)}
            value = {**found.value, **more} if isinstance(found.value, dict) else found.value
            return dataclasses.replace(found, value=value, usage=merged_usage(self._usages))
        return found

    def _join(self, parts: Sequence[Part]) -> None:
        """What the parts wrote, in the files of the first one.

        Raises:
            xml.etree.ElementTree.ParseError: a report is cut short.
        """
        for part in parts:
            for index, crash in enumerate(part.crashes):
                self._try_alone(crash, f"{part.files.junit.stem}-alone-{index}", part.files.junit)
        first = parts[0].files
        for files in (part.files for part in parts[1:]):
            add_cases_of(first.junit, files.junit)
            with first.journal.open("ab") as stream:
                stream.write(files.journal.read_bytes())
            if files.data.is_file():
                add_coverage(first.data, files.data)

    def _try_alone(self, crash: Crash, name: str, junit: Path) -> None:
        """Run a test that ended its interpreter by itself; its rows go into the part's JUnit file."""
        files = Files.named(self._folder, name)
        path, _, rest = crash.nodeid.partition("::")
        start = Path(self._job.config.get("rootdir") or self._job.workdir)
        job = dataclasses.replace(
            self._job,
            log_path=files.junit.with_suffix(".log"),
            deadline_s=min(self._job.deadline_s, max(1.0, self._until_s - time.monotonic())),
        )
        ended, _ = self._process(job, files, Share((f"{start / path}::{rest}",)), ())
        self._usages.append(usage_of(ended))
        if files.junit.is_file():
            add_cases_of(junit, files.junit)
            self._notes.append(f"{crash.nodeid} ended the interpreter ({crash.how}) and did not when it ran alone")
            return
        add_crash(junit, crash)
        self._crashed.append(key_of_test(crash.nodeid))


_BROKE = 2


def _badness(part: Part) -> int:
    """0: all is well, 1: tests failed, 2: something else."""
    code = part.ended.exit_code if part.ended is not None else None
    if code not in (0, 1, 5) or not part.files.junit.is_file():
        return _BROKE
    return int(code == 1)


def _notes_in(journal: Path) -> list[str]:
    return [text for kind, text in read_journal(journal) if kind == "note"]


def _run(job: Job, folder: Path, payload: Mapping[str, Any], beat: Beat) -> tuple[Ended, Order]:
    """On a fork of a pytest that is configured for the suite already, else by a new process.

    The latter for another interpreter, for variables that count at its start, for ``"warm": false``, and where the
    former does not come up: then the new process fails alike, and its log says why.
    """
    config = job.config
    name = Path(payload["journal"]).stem
    # Tests may tell resources apart by these (a database, a port): no two processes have the same.
    files = {"PTX_SECTION_FILES": str(folder)}
    if name.startswith("part-"):
        files = {"PTX_SECTION_FILES": str(folder / name), "PTX_SECTION": f"{job.section}-{name}"}
    if config.get("python") is None and config.get("warm", True) and not _is_about_start(config):
        order = order_for(job, allowed=("*",), entry=_NOT_CALLED, payload=payload)
        added = {key: value for key, value in order.env.items() if key.startswith("PTX_")}
        order = dataclasses.replace(order, env={**added, **files}, is_configured=True)
        with contextlib.suppress(WorkerError):
            return run_process(order, beat=beat, spawner=_configured(job, payload)), order
    paper = folder / f"{name}.order.json"
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
    code = _HOST.format(
        args=args, preload=list(config.get("preload", ())), coverage=coverage, bytecode=payload["bytecode"]
    )
    env = order_for(job, allowed=("*",)).env
    env = {key: value for key, value in env.items() if not key.startswith("PTX_")}
    return shared_spawner(
        code, env=env, cwd=job.workdir.resolve(), start_limit_s=min(job.deadline_s, START_LIMIT_S), retry_s=RETRY_S
    )


def _payload(job: Job, files: Files, share: Share, without: Sequence[str]) -> dict[str, Any]:
    config = job.config
    coverage = {"data_file": str(files.data), "source": list(config.get("source", ())), "branch": config.get("branch")}
    # The cache plugin stays (tests may use it), but sections that run at once must not share its directory.
    has_cache = "no:cacheprovider" not in config.get("args", ()) and "-pno:cacheprovider" not in config.get("args", ())
    options = ["-o", "cache_dir=$PTX_SECTION_FILES/cache"] if has_cache else []
    if config.get("rootdir"):
        options.append(f"--rootdir={config['rootdir']}")
    return {
        "args": [*options, *config.get("args", ())],
        **payload_of(share, files, without),
        "bytecode": bytecode_dir(job.state_dir, job.workdir),
        "coverage": coverage if config.get("coverage") else None,
    }


def _is_about_start(config: Mapping[str, Any]) -> bool:
    """Variables like PYTHONHASHSEED count at the start of an interpreter only."""
    return any(str(name).startswith("PYTHON") for name in config.get("set_env") or {})


def _resolved(python: str, workdir: Path) -> str:
    return str(workdir / python) if "/" in python else python


def _outcome(job: Job, ended: Ended, files: Files, *, is_broken: bool) -> WorkerOutcome:
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
