"""The same task on threads, Dask and Ray; workers that share nothing with the flow; a worker that is killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.e2e.clusters.work import LOCAL_DASK, LOCAL_RAY, dag, files_of, run, shell, start, unmeasured
from tests.e2e.programs import free_port, program, wait_for

pytestmark = [pytest.mark.clusters, pytest.mark.timeout(1500)]


def test_merged_trees_are_equal_on_threads_dask_and_ray(server: dict[str, str], tmp_path: Path) -> None:
    found = {}
    for kind, options in {"concurrent": {}, "dask": LOCAL_DASK, "ray": LOCAL_RAY}.items():
        root = tmp_path / kind
        report = run(dag(root), root, server, task_runner=kind, task_runner_options=options)
        found[kind] = (
            files_of(root / "merged"),
            unmeasured(report, root),
            (root / "out/sections/broken/log.txt").read_text(),
        )

    trees, reports, logs = ({kind: row[index] for kind, row in found.items()} for index in range(3))
    assert trees["concurrent"] and trees["dask"] == trees["concurrent"] and trees["ray"] == trees["concurrent"]
    assert reports["dask"] == reports["concurrent"] and reports["ray"] == reports["concurrent"]
    assert set(logs.values()) == {"this is wrong\n"}


@contextmanager
def dask_cluster(root: Path, env: dict[str, str], *, hidden: Path) -> Iterator[str]:
    """A scheduler and two workers with directories of their own, which do not see ``hidden``. Yields the address."""
    port = free_port()
    with ExitStack() as stack:
        argv = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", str(port), "--no-dashboard"]
        stack.enter_context(program(argv, root / "scheduler.log", env=env, cwd=root))
        for number in (1, 2):
            place = root / f"worker-{number}"
            place.mkdir()
            own = {**env, "PTX_STATE_DIR": str(place / "state"), "HOME": str(place)}
            argv = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "2"]
            argv += ["--name", f"w{number}", "--no-dashboard", "--local-directory", str(place)]
            if can_hide():
                # A namespace in which an empty directory lies over the flow's.
                script = 'mount -t tmpfs none "$0" && exec "$@"'
                argv = ["unshare", "--mount", "sh", "-c", script, str(hidden), *argv]
            stack.enter_context(program(argv, place / "log", env=own, cwd=place))
        log = root / "scheduler.log"
        wait_for("two workers", lambda: log.read_text().count("Register worker") >= 2, seconds=120)
        yield f"tcp://127.0.0.1:{port}"


def can_hide() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def test_workers_without_access_to_the_flows_directories_do_the_same(server: dict[str, str], tmp_path: Path) -> None:
    flow, here = tmp_path / "flow", tmp_path / "here"
    flow.mkdir()
    with dask_cluster(tmp_path, server, hidden=flow) as address:
        report = run(dag(flow), flow, server, task_runner="dask", task_runner_options={"address": address})
    local = run(dag(here), here, server)

    assert files_of(flow / "merged") == files_of(here / "merged")
    assert unmeasured(report, flow) == unmeasured(local, here)
    kept = [path for path in tmp_path.glob("worker-*/state/elsewhere/**/*") if path.is_file()]
    assert kept == []


def test_sections_without_a_base_find_their_files_and_bring_theirs_home(server: dict[str, str], tmp_path: Path) -> None:
    flow = tmp_path / "flow"
    (flow / "work").mkdir(parents=True)
    (flow / "work/in.txt").write_text("in")
    components = [
        shell("make", "test $(cat in.txt) = in", "mkdir build", "echo made > build/out.txt"),
        shell("use", "test $(cat build/out.txt) = made", "echo used > used.txt", depends_on=["make"]),
    ]
    spec = {"task_id": "bare", "mode": "sectioning", "main_task": {"description": "d", "components": components}}
    spec |= {"workdir": str(flow / "work"), "output_dir": str(flow / "out")}

    with dask_cluster(tmp_path, server, hidden=flow) as address:
        report = run(spec, flow, server, task_runner="dask", task_runner_options={"address": address})

    assert report["status"] == "success"
    assert (flow / "work/build/out.txt").read_text() == "made\n" and (flow / "work/used.txt").read_text() == "used\n"


def test_a_killed_worker_costs_a_retry_and_nothing_else(server: dict[str, str], tmp_path: Path) -> None:
    flow, marks = tmp_path / "flow", tmp_path / "marks"
    flow.mkdir()
    marks.mkdir()
    script = f"echo $PTX_SECTION $PPID >> {marks}/starts; sleep 2; echo $PTX_SECTION > $PTX_SECTION.txt"
    spec = {"task_id": "killed", "mode": "sectioning", "workdir": str(flow), "output_dir": str(flow / "out")}
    spec["main_task"] = {"description": "d", "components": [shell(f"s{number}", script) for number in range(6)]}
    (flow / "base").mkdir()
    spec |= {"base": str(flow / "base"), "merged_output": str(flow / "merged"), "parallelism_hint": 4}

    with dask_cluster(tmp_path, server, hidden=flow) as address:
        process = start(spec, flow, server, task_runner="dask", task_runner_options={"address": address})
        wait_for("four sections", lambda: len((marks / "starts").read_text().splitlines()) >= 4, seconds=240)
        (victim,) = worker_processes(tmp_path / "worker-1")
        os.kill(victim, signal.SIGKILL)
        said, errors = process.communicate(timeout=280)

    assert process.returncode == 0, errors[-3000:]
    report = json.loads(said.splitlines()[-1])
    starts = [line.split()[0] for line in (marks / "starts").read_text().splitlines()]
    assert report["status"] == "success"
    assert set(files_of(flow / "merged")) == {f"s{number}.txt" for number in range(6)}
    assert 6 < len(starts) <= 8  # The two of the killed worker again, nothing else.
    assert all(os.system(f"kill -0 {line.split()[1]} 2>/dev/null") != 0 for line in starts_of(marks))


def starts_of(marks: Path) -> list[str]:
    return (marks / "starts").read_text().splitlines()


def worker_processes(place: Path) -> list[int]:
    """The Dask worker itself, below its nanny (which is known by where it runs)."""
    import psutil

    found = []
    for nanny in psutil.process_iter():
        try:
            if "dask_worker" in " ".join(nanny.cmdline()) and nanny.cwd() == str(place):
                below = nanny.children()
                found += [one.pid for one in below if re.search("dask worker|spawn_main", " ".join(one.cmdline()))]
        except (psutil.AccessDenied, psutil.NoSuchProcess, FileNotFoundError):
            continue
    return found


def test_a_cancelled_run_ends_its_children_on_the_workers(server: dict[str, str], tmp_path: Path) -> None:
    flow, marks = tmp_path / "flow", tmp_path / "marks"
    flow.mkdir()
    marks.mkdir()
    spec = {"task_id": "cancelled", "mode": "sectioning", "workdir": str(flow), "output_dir": str(flow / "out")}
    script = f"echo $$ >> {marks}/starts; sleep 100"
    spec["main_task"] = {"description": "d", "components": [shell(f"s{number}", script) for number in range(3)]}

    with dask_cluster(tmp_path, server, hidden=flow) as address:
        process = start(spec, flow, server, task_runner="dask", task_runner_options={"address": address})
        wait_for("three sections", lambda: len((marks / "starts").read_text().splitlines()) == 3, seconds=240)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        children = [int(line) for line in starts_of(marks)]
        wait_for("end of the children", lambda: not any(map(is_alive, children)), seconds=10)


def test_a_deadline_holds_on_a_worker(server: dict[str, str], tmp_path: Path) -> None:
    flow = tmp_path / "flow"
    flow.mkdir()
    spec = {"task_id": "late", "mode": "sectioning", "workdir": str(flow), "output_dir": str(flow / "out")}
    components = [shell("late", "sleep 60", timeout_seconds=1)]
    spec["main_task"] = {"description": "d", "components": components}
    settings: dict[str, Any] = {"task_runner": "dask", "retry": {"max_attempts": 1}}

    with dask_cluster(tmp_path, server, hidden=flow) as address:
        report = run(spec, flow, server, task_runner_options={"address": address}, **settings)

    (late,) = report["results"]["unfinished_sections"]
    assert "deadline of 1 s" in late["reason"]
    assert late["seconds"] < 20


@contextmanager
def ray_node(root: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """A Ray node, which only who has the yielded environment finds, as ``auto``."""
    port = free_port()
    argv = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port", str(port)]
    argv += ["--num-cpus", "4", "--object-store-memory", "100000000", "--include-dashboard", "false"]
    argv += ["--disable-usage-stats", "--node-ip-address", "127.0.0.1"]
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as home:  # Its sockets allow of no long path.
        own = {**env, "RAY_TMPDIR": home}
        with program(argv, root / "ray.log", env={**own, "PTX_STATE_DIR": str(root / "node")}, cwd=root):
            wait_for("Ray", lambda: "Ray runtime started" in (root / "ray.log").read_text(), seconds=120)
            yield own


def test_deadlines_and_cancelling_hold_on_ray(server: dict[str, str], tmp_path: Path) -> None:
    marks, first, second = tmp_path / "marks", tmp_path / "first", tmp_path / "second"
    for place in (marks, first, second):
        place.mkdir()
    late = [shell("late", "sleep 60", timeout_seconds=1), shell("well", "true")]
    endless = [shell(f"s{number}", f"echo $$ >> {marks}/starts; sleep 100") for number in range(3)]
    tasks = [
        {"task_id": "t", "mode": "sectioning", "workdir": str(place), "output_dir": str(place / "out")}
        | {"main_task": {"description": "d", "components": components}}
        for place, components in ((first, late), (second, endless))
    ]
    settings: dict[str, Any] = {"task_runner": "ray", "retry": {"max_attempts": 1}}

    # Any other name of this machine is taken for its address on the network.
    settings["task_runner_options"] = {"address": "auto"}
    with ray_node(tmp_path, server) as env:
        report = run(tasks[0], first, env, **settings)
        process = start(tasks[1], second, env, **settings)
        wait_for("three sections", lambda: len((marks / "starts").read_text().splitlines()) == 3, seconds=240)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        wait_for("end of the children", lambda: not any(is_alive(int(line)) for line in starts_of(marks)), seconds=20)

    (unfinished,) = report["results"]["unfinished_sections"]
    assert unfinished["name"] == "late" and "deadline of 1 s" in unfinished["reason"]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_two_process_workers_on_separate_directories_share_what_is_finished(
    server: dict[str, str], tmp_path: Path
) -> None:
    """Runs are shared by the work pool, finished sections by the result storage; see decision 091."""
    counter, pool = tmp_path / "count", f"shared-{time.time_ns()}"
    env = {**server, "PTX_PREFECT_RESULT_STORAGE": (tmp_path / "shared").as_uri()}
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    subprocess.run([*prefect, "work-pool", "create", pool, "--type", "process"], env=env, check=True, cwd=tmp_path)
    (tmp_path / "prefect.yaml").write_text(
        "pull: []\ndeployments:\n- name: shared\n  entrypoint: ptx_prefect.flows.sectioning\n"
        f"  enforce_parameter_schema: false\n  work_pool: {{name: {pool}}}\n"
    )
    subprocess.run([*prefect, "deploy", "--all"], env=env, check=True, cwd=tmp_path)
    reports = []
    for number in (1, 2):
        place = tmp_path / f"machine-{number}"
        place.mkdir()
        spec = {"task_id": "shared", "mode": "sectioning", "workdir": str(place), "output_dir": str(place / "out")}
        spec["main_task"] = {"description": "d", "components": [shell("a", f"echo ran >> {counter}; echo done")]}
        own = {**env, "PTX_STATE_DIR": str(place / "state")}
        argv = [*prefect, "worker", "start", "--pool", pool]
        with program(argv, place / "log", env=own, cwd=place):
            run_argv = [*prefect, "deployment", "run", "sectioning/shared", "--watch", "-p", f"spec={json.dumps(spec)}"]
            subprocess.run(run_argv, env=env, check=True, cwd=tmp_path, timeout=280)
        reports.append(json.loads((place / "out/report.json").read_text()))

    assert [report["execution_summary"]["reused_sections"] for report in reports] == [0, 1]
    assert counter.read_text() == "ran\n"
