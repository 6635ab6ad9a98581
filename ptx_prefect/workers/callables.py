"""The ``callable`` worker: a Python function.

    {"kind": "callable", "target": "package.module:function", "args": {"n": 3}}

The function is called by keyword with ``args`` and, where its signature names them, with ``workdir`` (Path), ``inputs``
(values of the prerequisites by name), ``section``, ``description``, ``files`` (``{"reads": [...], "writes": [...]}``),
``attempt`` and ``beat`` (call it with a line of text when there is progress). What it returns must be plain JSON.

It runs in a child process of its own, so its deadline and memory limit hold and a crash stays there. A raised
exception is a failure that is tried again, unless it has a true attribute ``permanent``; one with an attribute
``retry_after_s`` (seconds or None) is a rate limit. ``"in_process": true`` calls it in the run's own thread: faster by
some milliseconds, for trivial functions only, because **nothing can interrupt it there**: its deadline is only
found to have passed when it returns, and it shares memory and working directory with the run.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ptx_prefect.run.outcomes import Cancelled, Done, Failed, RateLimited, TimedOut, Usage, WorkerOutcome
from ptx_prefect.strict import nearest
from ptx_prefect.workers.call_target import call_of, name_of, said_by
from ptx_prefect.workers.endings import (
    COMMON_KEYS,
    mistakes_in_common_keys,
    order_for,
    outcome_unless_exited,
    tail_of,
    usage_of,
)
from ptx_prefect.workers.process import run_process
from ptx_prefect.workers.protocol import Beat, Job

KEYS = ("target", "args", "in_process", "path", *COMMON_KEYS)


class CallableWorker:
    """Calls ``target`` and takes what it returns."""

    kind = "callable"

    def check(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, str]:
        """Unknown keys, wrong types, a module that is not there. The module is not imported: that may cost seconds."""
        mistakes = {key: f"unknown key {key!r}; {nearest(key, KEYS)}" for key in config if key not in KEYS}
        mistakes |= mistakes_in_common_keys(config)
        target = config.get("target")
        module, _, function = target.partition(":") if isinstance(target, str) else ("", "", "")
        if not (module and all(part.isidentifier() for part in [*module.split("."), *function.split(".")])):
            mistakes["target"] = f'takes "package.module:function", found {target!r}'
        elif (
            missing := _missing(module, [workdir, *(workdir / extra for extra in config.get("path") or ())])
        ) is not None:
            mistakes["target"] = f"there is no module {missing!r} in {str(workdir)!r} or among the installed ones"
        args = config.get("args", {})
        if not (isinstance(args, Mapping) and all(isinstance(name, str) and name.isidentifier() for name in args)):
            mistakes["args"] = f"takes an object of keyword arguments, found {args!r}"
        return mistakes

    def fingerprint(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, Any]:
        """The digest of the file that defines the function (not of what that imports)."""
        module = str(config.get("target", "")).partition(":")[0]
        name = module.replace(".", "/")
        for place in (workdir, *(workdir / extra for extra in config.get("path") or ())):
            for path in (f"{place}/{name}.py", f"{place}/{name}/__init__.py"):
                with contextlib.suppress(OSError):
                    return {"module": _digest(path)}
        with contextlib.suppress(ImportError, ValueError, OSError):
            spec = importlib.util.find_spec(module)
            if spec is not None and spec.origin is not None and spec.has_location:
                return {"module": _digest(spec.origin)}
        return {"module": None}

    def run(self, job: Job, *, beat: Beat) -> WorkerOutcome:
        """Call the function in a child process, or here where the section asks for it."""
        if job.config.get("in_process"):
            return _call_here(job, beat)
        order = order_for(job, allowed=("*",), entry="ptx_prefect.workers.call_target:main", payload=_payload(job))
        ended = run_process(order, beat=beat)
        early = outcome_unless_exited(ended, order)
        if early is not None:
            return early
        usage, log = usage_of(ended), str(job.log_path)
        if not ended.result:
            reason = f"{name_of(job.config)} ended its process with exit code {ended.exit_code}{tail_of(ended)}"
            return Failed(reason, "exit_code", usage=usage, log=log)
        return _outcome(json.loads(ended.result), job, usage=usage, log=log)


def _payload(job: Job) -> dict[str, Any]:
    return {
        "target": job.config["target"],
        "args": dict(job.config.get("args") or {}),
        "path": _search_path(job),
        "workdir": _real(str(job.workdir)),
        "inputs": dict(job.inputs),
        "section": job.section,
        "description": job.description,
        "files": {"reads": list(job.reads), "writes": list(job.writes)},
        "attempt": job.attempt,
    }


def _search_path(job: Job) -> list[str]:
    """Where the function's module is looked for: the task's own places first, then the workspace."""
    home = job.home or job.workdir
    extras = job.config.get("path") or ()
    places = (*(home / extra for extra in extras), home, job.workdir) if home != job.workdir or extras else (home,)
    return [_real(str(place)) for place in dict.fromkeys(places)]


def _outcome(said: Mapping[str, Any], job: Job, *, usage: Usage, log: str | None) -> WorkerOutcome:
    """From what the call's side wrote, see :func:`ptx_prefect.workers.call_target.said_by`."""
    if "value" in said:
        return Done(said["value"], usage=usage, log=log)
    if "retry_after_s" in said:
        return RateLimited(name_of(job.config), said["retry_after_s"], usage, log)
    return Failed(said["reason"], said["kind"], permanent=said["permanent"], usage=usage, log=log)


def _call_here(job: Job, beat: Beat) -> WorkerOutcome:
    began, cpu_began = time.monotonic(), time.thread_time()
    payload = _payload(job)
    # Its own copy, as a child has it: what it changes there is nobody else's.
    payload |= {name: copy.deepcopy(payload[name]) for name in ("args", "inputs") if payload[name]}
    sys.path += [place for place in payload["path"] if place not in sys.path]
    said = said_by(lambda: call_of(payload, beat), job.config)
    usage = Usage(wall_s=time.monotonic() - began, cpu_s=time.thread_time() - cpu_began)
    log = _log_here(job, said.get("traceback") or said.get("reason"))
    if usage.wall_s > job.deadline_s:
        return TimedOut(job.deadline_s, "deadline", usage, log)
    if said.get("kind") == "interrupted":
        return Cancelled(said["reason"], usage)
    return _outcome(said, job, usage=usage, log=log)


def _log_here(job: Job, text: str | None) -> str | None:
    """What went wrong, in the section's log; a call that went well leaves none, as it costs more than the call."""
    if not text:
        return None
    job.log_path.parent.mkdir(parents=True, exist_ok=True)
    job.log_path.write_text(text, encoding="utf-8")
    return str(job.log_path)


def _missing(module: str, places: list[Path]) -> str | None:
    """The outermost package of ``module`` that cannot be found, without importing anything."""
    top = module.split(".")[0]
    if any((place / top).is_dir() or (place / f"{top}.py").is_file() for place in places):
        relative = module.replace(".", "/")
        for place in places:
            found = place / relative
            if found.is_dir() or found.with_suffix(".py").is_file() or list(found.parent.glob(f"{found.name}.*.so")):
                return None
        return module
    try:
        return None if importlib.util.find_spec(top) is not None else top
    except (ImportError, ValueError):
        return top


@lru_cache(maxsize=64)
def _real(path: str) -> str:
    """Without symbolic links. Asked once for each place: thousands of sections share one."""
    return os.path.realpath(path)


def _digest(path: str) -> str:
    state = os.stat(path)  # noqa: PTH116 - before each section
    return _digest_as_of(path, (state.st_size, state.st_mtime_ns, state.st_ino))


@lru_cache(maxsize=256)
def _digest_as_of(path: str, state: tuple[int, ...]) -> str:
    """Read once while the file is the same: thousands of sections may call the same function."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
