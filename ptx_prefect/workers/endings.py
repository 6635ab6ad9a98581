"""From how a child ended to the section's outcome: the part that all workers in child processes share."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.run.outcomes import Cancelled, Failed, OverMemory, TimedOut, Usage, WorkerOutcome
from ptx_prefect.workers.environment import environment_of
from ptx_prefect.workers.process import GRACE_S, Ended, Order
from ptx_prefect.workers.protocol import Job

COMMON_KEYS = ("env", "set_env", "heartbeat_seconds", "memory_mb")


def order_for(job: Job, *, allowed: Sequence[str], **what: Any) -> Order:
    """The order for a section's child; ``what`` says what it runs (``argv`` or ``entry`` and ``payload``)."""
    config = job.config
    added = {str(name): str(value) for name, value in (config.get("set_env") or {}).items()}
    added |= {"PTX_SECTION": job.section, "PTX_ATTEMPT": str(job.attempt)}
    names = config.get("env")
    heartbeat_s = config.get("heartbeat_seconds", job.heartbeat_s)
    limits = [limit for limit in (config.get("memory_mb"), job.memory_limit_mb) if limit]
    what.setdefault("cwd", job.workdir)
    return Order(
        section=job.section,
        env=environment_of(allowed if names is None else names, added=added),
        log_path=job.log_path,
        hidden=job.hidden,
        state_dir=job.state_dir,
        deadline_s=job.deadline_s,
        heartbeat_s=heartbeat_s or None,
        memory_limit_mb=min(limits) if limits else None,
        grace_s=GRACE_S,
        **what,
    )


def usage_of(ended: Ended) -> Usage:
    """What the child cost."""
    return Usage(wall_s=ended.wall_s, cpu_s=ended.cpu_s, peak_rss_mb=ended.peak_mb)


def outcome_unless_exited(ended: Ended, order: Order) -> WorkerOutcome | None:
    """The outcome where the child did not end by itself, or could not start; None: its exit status decides."""
    usage, log = usage_of(ended), str(order.log_path)
    match ended.by:
        case "deadline":
            return TimedOut(order.deadline_s, "deadline", usage, log)
        case "silent":
            return TimedOut(order.heartbeat_s or 0.0, "silent", usage, log)
        case "memory":
            return OverMemory(ended.peak_mb or 0.0, order.memory_limit_mb or 0.0, usage, log)
        case "cancelled":
            return Cancelled(ended.reason, usage)
        case "trouble":
            return Failed(f"the child process was lost: {ended.reason}", "lost", usage=usage, log=log)
        case "exit":
            pass
    if ended.start_errno is not None:
        what = f"cannot start {order.argv[0]!r} in {str(order.cwd)!r}: {os.strerror(ended.start_errno)}"
        return Failed(f"{what}; check argv, cwd and PATH", "missing_command", permanent=True, usage=usage, log=log)
    if (code := ended.exit_code) is not None and code < 0:
        text = f"killed by {signal_name(-code)}{tail_of(ended)}"
        return Failed(text, "crashed", usage=usage, log=log)
    return None


def signal_name(number: int) -> str:
    """``"SIGSEGV (signal 11)"``."""
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


def tail_of(ended: Ended, *, lines: int = 12) -> str:
    """The last lines of output, as an end of a sentence; empty where there is none."""
    found = [line.rstrip() for line in ended.output.splitlines() if line.strip()][-lines:]
    return ":\n" + "\n".join(line[:300] for line in found) if found else ""


def files_dir(job: Job) -> Path:
    """Where a section's own files lie (JUnit, coverage, inputs): beside its log, named as it. Created empty."""
    path = job.log_path.with_name(job.log_path.name.removesuffix(".log") + ".files")
    path.mkdir(parents=True, exist_ok=True)
    return path


def mistakes_in_common_keys(config: Mapping[str, Any]) -> dict[str, str]:
    """Mistakes in the keys that every worker in a child process knows."""
    mistakes: dict[str, str] = {}
    names = config.get("env")
    if names is not None and not is_strings(names):
        mistakes["env"] = (
            f'takes a list of names of variables to pass on, like ["DATABASE_URL", "AWS_*"], found {names!r}'
        )
    added = config.get("set_env")
    if added is not None and not (
        isinstance(added, Mapping) and all(isinstance(value, str | int | float) for value in added.values())
    ):
        mistakes["set_env"] = f'takes an object of names and texts, like {{"LANG": "C"}}, found {added!r}'
    for key, meaning in (("heartbeat_seconds", "seconds, 0 for none"), ("memory_mb", "megabytes")):
        value = config.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            mistakes[key] = f"takes a number ({meaning}), found {value!r}"
    return mistakes


def is_strings(value: object) -> bool:
    """Whether ``value`` is a list of texts."""
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
