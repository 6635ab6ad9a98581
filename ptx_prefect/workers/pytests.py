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
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import json
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.errors import WorkerError
from ptx_prefect.run.outcomes import Done, Failed, WorkerOutcome
from ptx_prefect.strict import nearest
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
from ptx_prefect.workers.spawners import START_LIMIT_S, Spawner, shared_spawner
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
        """Run the section's tests."""
        folder = files_dir(job).resolve()
        junit, data = folder / "junit.xml", folder / "coverage.data"
        for stale in (junit, *folder.glob("coverage.data*")):
            stale.unlink(missing_ok=True)
        ended, order = _run(job, folder, junit, data, beat)
        early = outcome_unless_exited(ended, order)
        return early if early is not None else _outcome(job, ended, junit, data)


def _run(job: Job, folder: Path, junit: Path, data: Path, beat: Beat) -> tuple[Ended, Order]:
    """On a fork of a pytest that is configured for the suite already, else by a new process.

    The latter for another interpreter, for variables that count at its start, for ``"warm": false``, and where the
    former does not come up: then the new process fails alike, and its log says why.
    """
    config, payload = job.config, _payload(job, folder, junit, data)
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


def _payload(job: Job, folder: Path, junit: Path, data: Path) -> dict[str, Any]:
    config = job.config
    coverage = {"data_file": str(data), "source": list(config.get("source", ())), "branch": config.get("branch")}
    # The cache plugin stays (tests may use it), but sections that run at once must not share its directory.
    has_cache = "no:cacheprovider" not in config.get("args", ()) and "-pno:cacheprovider" not in config.get("args", ())
    options = ["-o", "cache_dir=$PTX_SECTION_FILES/cache"] if has_cache else []
    if config.get("rootdir"):
        options.append(f"--rootdir={config['rootdir']}")
    return {
        "args": [*options, *config.get("args", ())],
        "tests": list(config.get("tests", ())),
        "junit": str(junit),
        "coverage": coverage if config.get("coverage") else None,
    }


def _is_about_start(config: Mapping[str, Any]) -> bool:
    """Variables like PYTHONHASHSEED count at the start of an interpreter only."""
    return any(str(name).startswith("PYTHON") for name in config.get("set_env") or {})


def _resolved(python: str, workdir: Path) -> str:
    return str(workdir / python) if "/" in python else python


def _outcome(job: Job, ended: Ended, junit: Path, data: Path) -> WorkerOutcome:
    usage, log, code = usage_of(ended), str(job.log_path), ended.exit_code
    value: dict[str, Any] = {"exit_code": code, "junit": None, "coverage": None, "totals": TestTotals().as_json()}
    value["failures"] = []
    if data.is_file():
        value["coverage"] = str(data)
    if junit.is_file():
        try:
            cases = list(read_cases(junit))
        except ElementTree.ParseError as error:
            return Failed(f"{str(junit)!r} is cut short: {error}", "bad_report", usage=usage, log=log, value=value)
        totals = totals_of(cases)
        broken = [case for case in cases if case.outcome in ("failed", "error")]
        value |= {"junit": str(junit), "totals": totals.as_json()}
        value["failures"] = [{"test": case.name, "message": case.message[:500]} for case in broken[:MAX_FAILURES_TOLD]]
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
