"""Tasks for clusters, and a program that runs one: ``python work.py SPEC`` prints the report as its last line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
APP = """import os


def home():
    return os.path.sep


def name():
    return "app"


def last():
    return 0
"""
MODULE = "def write(n, workdir):\n    (workdir / 'mine.txt').write_text(str(n))\n    return n\n"
LOCAL_DASK = {"cluster_kwargs": {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": None}}
LOCAL_RAY = {"init_kwargs": {"num_cpus": 2, "object_store_memory": 100_000_000, "include_dashboard": False}}


def shell(name: str, *scripts: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "worker": {"kind": "command", "argv": ["sh", "-c", " && ".join(scripts)]}, **keys}


def dag(root: Path) -> dict[str, Any]:
    """A DAG whose sections edit the same file, build on each other, fail and call a module of the task."""
    repository = root / "repository"
    repository.mkdir(parents=True)
    (root / "work").mkdir()
    (root / "work/mine.py").write_text(
        "def write(n, workdir):\n    (workdir / 'mine.txt').write_text(str(n))\n    return n\n"
    )
    (repository / "app.py").write_text(APP)
    (repository / "run.sh").write_text("#!/bin/sh\n")
    (repository / "run.sh").chmod(0o755)
    for args in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "start"]):
        identity = ["-c", "user.name=n", "-c", "user.email=e@e"]
        subprocess.run(["git", *identity, *args], cwd=repository, check=True)
    components = [
        shell("json", "sed -i 's/^import os/import json\\nimport os/' app.py", "echo 'X = json' >> app.py"),
        shell("sys", "sed -i 's/^import os/import os\\nimport sys/' app.py", "sed -i 's/\"app\"/sys.argv[0]/' app.py"),
        shell("new", "cp app.py copy.py", "git log --format=%s", depends_on=["json"]),
        shell("both", "grep -q sys app.py", "grep -q 'X = json' app.py", "touch both", depends_on=["json", "sys"]),
        shell("broken", "echo 'this is wrong' >&2", "exit 3"),
        shell("late", "true", depends_on=["broken"]),
        {"name": "call", "worker": {"kind": "callable", "target": "mine:write", "args": {"n": 3}}},
    ]
    return {
        "task_id": "dag",
        "mode": "sectioning",
        "main_task": {"description": "change", "components": components},
        "base": {"path": str(repository), "revision": "HEAD"},
        "merged_output": str(root / "merged"),
        "workdir": str(root / "work"),
        "output_dir": str(root / "out"),
    }


def files_of(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Every file by path: whether it can be run, and its bytes."""
    return {
        path.relative_to(directory).as_posix(): (path.stat().st_mode & 0o111, path.read_bytes())
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


MEASURED = {
    "execution_time", "speedup_factor", "execution_seconds", "sequential_seconds", "bound_seconds", "bound_ratio",
    "worker_utilization", "avg_task_time", "critical_path_time", "avg_task_seconds", "critical_path_seconds", "pool",
    "timeline", "seconds", "cpu_seconds", "peak_memory_mb", "usage", "parallel_executions", "workers_used", "identity",
    "run_id", "key",
}  # fmt: skip
"""What two runs of the same work may differ in: times, sizes, and names made of the moment."""
_RUN_ID = re.compile(r"\bdag-\d{8}-\d{6}-\d+")


def unmeasured(report: Any, root: Path) -> Any:
    """The report without what was measured, and without where it happened."""
    if isinstance(report, dict):
        return {key: unmeasured(value, root) for key, value in report.items() if key not in MEASURED}
    if isinstance(report, list):
        return [unmeasured(value, root) for value in report]
    return _RUN_ID.sub("RUN", report.replace(str(root), "ROOT")) if isinstance(report, str) else report


def run(spec: dict[str, Any], root: Path, env: dict[str, str], **settings: Any) -> dict[str, Any]:
    """The report of a run in a process of its own, with a state directory of its own."""
    process = start(spec, root, env, **settings)
    said, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors[-4000:]
    report: dict[str, Any] = json.loads(said.splitlines()[-1])
    return report


def start(spec: dict[str, Any], root: Path, env: dict[str, str], **settings: Any) -> subprocess.Popen[str]:
    root.mkdir(parents=True, exist_ok=True)
    own = {f"PTX_PREFECT_{name.upper()}": json.dumps(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, __file__, json.dumps(spec)],
        env={**env, "PTX_STATE_DIR": str(root / "state"), "PREFECT_LOGGING_LEVEL": "ERROR", **own},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root, start_new_session=True,
    )  # fmt: skip


def main() -> None:
    from ptx_prefect import RunError, sectioning

    try:
        report = sectioning(json.loads(sys.argv[1]))
    except RunError as error:
        if error.report is None:
            raise
        report = error.report
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # Ray and Dask have threads that take seconds to end.
