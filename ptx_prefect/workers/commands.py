"""The ``command`` worker: a program with arguments.

    {"kind": "command", "argv": ["make", "docs"], "cwd": "sub", "env": ["CI"], "set_env": {"LANG": "C"}}

The program gets the base environment (``PATH``, ``HOME``, locale, ``PYTHON*`` ...), what ``env`` names and what
``set_env`` sets; no input; its output goes to the section's log. It may read its prerequisites' values as JSON from
``$PTX_INPUTS_FILE``, say that it lives by writing to ``$PTX_BEAT_FILE``, leave a JSON value in ``$PTX_RESULT_FILE``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from ptx_prefect.workers.environment import environment_of
from ptx_prefect.workers.process import Order, run_process
from ptx_prefect.workers.protocol import Beat, Job

KEYS = ("argv", "cwd", "expect_exit", *COMMON_KEYS)
MAX_RESULT_BYTES = 16 * 1024 * 1024
NOT_FOUND, NOT_EXECUTABLE = 127, 126


class CommandWorker:
    """Runs ``argv``; done where the exit code is one of ``expect_exit`` (default 0)."""

    kind = "command"

    def check(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, str]:
        """Unknown keys, wrong types, a program or directory that is not there."""
        mistakes = {key: f"unknown key {key!r}; {nearest(key, KEYS)}" for key in config if key not in KEYS}
        mistakes |= mistakes_in_common_keys(config)
        argv = config.get("argv")
        if not is_strings(argv) or not argv:
            mistakes["argv"] = f'takes a program and its arguments, like ["make", "docs"], found {argv!r}'
        cwd = config.get("cwd", ".")
        if not isinstance(cwd, str):
            mistakes["cwd"] = f"takes a directory, found {cwd!r}"
        elif not _is_inside(workdir / cwd, workdir):
            mistakes["cwd"] = f"{cwd!r} leads out of the directory where sections work; name one below it"
        elif not (workdir / cwd).is_dir():
            mistakes["cwd"] = f"{cwd!r} is not a directory in {str(workdir)!r}"
        codes = config.get("expect_exit", [0])
        if not (isinstance(codes, list | tuple) and codes and all(type(code) is int for code in codes)):
            mistakes["expect_exit"] = f"takes a list of exit codes, like [0, 1], found {codes!r}"
        if not mistakes and _program(config, workdir) is None:
            mistakes["argv"] = f"there is no program {config['argv'][0]!r}; install it or check PATH"
        return mistakes

    def fingerprint(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, Any]:
        """The values of the variables it is allowed to see by name, and the program's own digest where it is small."""
        program = _program(config, workdir)
        named = {name: os.environ.get(name) for name in config.get("env") or () if "*" not in name}
        return {"env": named, "program": _digest(Path(program)) if program else None}

    def run(self, job: Job, *, beat: Beat) -> WorkerOutcome:
        """Start the program and wait."""
        folder = files_dir(job)
        result = folder / "result.json"
        result.unlink(missing_ok=True)
        cwd = job.workdir / job.config.get("cwd", ".")
        if not _is_inside(cwd, job.workdir):
            return Failed(f"cwd {job.config['cwd']!r} leads out of the workspace", "bad_cwd", permanent=True)
        order = order_for(job, allowed=(), argv=tuple(job.config["argv"]), cwd=cwd)
        order = dataclasses.replace(order, env={**order.env, **_file_names(job, folder, result)})
        ended = run_process(order, beat=beat)
        early = outcome_unless_exited(ended, order)
        if early is not None:
            return early
        code = ended.exit_code
        usage, log = usage_of(ended), str(job.log_path)
        if code not in tuple(job.config.get("expect_exit", (0,))):
            # A shell says by 126 and 127 that there is no such program: another attempt would not help.
            is_permanent = code in (NOT_FOUND, NOT_EXECUTABLE)
            kind = "missing_command" if is_permanent else "exit_code"
            return Failed(
                f"{_shown(order)} ended with exit code {code}{tail_of(ended)}", kind, is_permanent, usage, log
            )
        return _done(job, code, result, Done({"exit_code": code, "output": ended.output}, usage=usage, log=log))


def _is_inside(place: Path, directory: Path) -> bool:
    """True where ``place``, links followed, is ``directory`` or lies below it."""
    return place.resolve().is_relative_to(directory.resolve())


def _done(job: Job, code: int | None, result: Path, done: Done) -> WorkerOutcome:
    """With the value that the program left, if it did."""
    if not result.is_file():
        return done
    try:
        if result.stat().st_size > MAX_RESULT_BYTES:
            raise ValueError(f"it is larger than {MAX_RESULT_BYTES} bytes; leave a file and its path instead")
        value = json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = f"what {job.section!r} left in PTX_RESULT_FILE cannot be read as JSON: {error}"
        return Failed(reason, "bad_result", permanent=True, usage=done.usage, log=done.log)
    assert isinstance(done.value, dict)
    return dataclasses.replace(done, value={**done.value, "result": value})


def _file_names(job: Job, folder: Path, result: Path) -> dict[str, str]:
    inputs = folder / "inputs.json"
    inputs.write_text(json.dumps(dict(job.inputs)), encoding="utf-8")
    return {"PTX_INPUTS_FILE": str(inputs.resolve()), "PTX_RESULT_FILE": str(result.resolve())}


def _program(config: Mapping[str, Any], workdir: Path) -> str | None:
    argv: list[str] = list(config["argv"]) if is_strings(config.get("argv")) else []
    if not argv:
        return None
    added = {str(name): str(value) for name, value in (config.get("set_env") or {}).items()}
    path = environment_of(config.get("env") or (), added=added).get("PATH")
    if os.sep in argv[0]:
        candidate = workdir / config.get("cwd", ".") / argv[0]
        return str(candidate) if os.access(candidate, os.X_OK) and candidate.is_file() else None
    return shutil.which(argv[0], path=path)


def _digest(program: Path) -> str | None:
    """Scripts change while one works on them; the large programs of a system are told apart by size and time."""
    try:
        stat = program.stat()
        if stat.st_size <= 1 << 20:
            return hashlib.sha256(program.read_bytes()).hexdigest()
        return f"{stat.st_size}:{stat.st_mtime_ns}"
    except OSError:
        return None


def _shown(order: Order) -> str:
    text = " ".join(order.argv)
    return repr(text if len(text) < 120 else text[:117] + "...")
