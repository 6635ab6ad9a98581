"""The ``checks`` of a section: commands that its own result must pass, run where it works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptx_prefect.workers.endings import is_strings, tail_of
from ptx_prefect.workers.environment import environment_of
from ptx_prefect.workers.process import Order, run_process
from ptx_prefect.workers.protocol import Job

CHECK_LIMIT_S = 120.0
"""The most that one check may take (seconds)."""


def broken_check(job: Job) -> str:
    """The first check that does not pass, with the end of what it printed; empty where all pass."""
    for argv in job.config.get("checks") or ():
        order = Order(
            section=job.section,
            cwd=job.workdir,
            # A next answer of the same length within the same second would be taken for the one compiled before.
            env=environment_of((), added={"PYTHONDONTWRITEBYTECODE": "1"}),
            log_path=job.log_path.with_name("checks.txt"),
            state_dir=job.state_dir,
            deadline_s=min(CHECK_LIMIT_S, job.deadline_s),
            argv=tuple(argv),
        )
        ended = run_process(order, beat=lambda _: None)
        shown = " ".join(argv)
        if ended.by != "exit":
            return f"the check `{shown}` was stopped ({ended.by}){tail_of(ended)}"
        if ended.exit_code != 0:
            return f"the check `{shown}` ended with exit code {ended.exit_code}{tail_of(ended)}"
    return ""


def mistakes_in_checks(checks: Any) -> Mapping[str, str]:
    """Where ``checks`` is no list of commands."""
    if checks is None or (isinstance(checks, list | tuple) and all(is_strings(argv) and argv for argv in checks)):
        return {}
    return {"checks": f'takes a list of commands, like [["node", "--check", "app.js"]], found {checks!r}'}
