"""`kill -9` in the middle of a run: nothing finished is paid for twice, and no child is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

SECTIONS = 8
MARK = "424242.5"
"""An argument of `sleep` by which the children of this test are known."""


def spec_in(folder: Path) -> Path:
    """Each section notes that it ran; the later ones hang until the file `go` exists."""
    hang = f"test -e go || sleep {MARK}"
    components = [
        {
            "name": f"s{index}",
            "worker": {
                "kind": "command",
                "argv": ["sh", "-c", f"{hang if index >= 3 else 'true'}; echo s{index} >> ran"],
            },
        }
        for index in range(SECTIONS)
    ]
    path = folder / "spec.json"
    main_task = {"description": "d", "components": components}
    path.write_text(json.dumps({"task_id": "t", "mode": "sectioning", "main_task": main_task}))
    return path


def children() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if MARK in (process.info["cmdline"] or [])[1:2]:
            found.append(process)
    return found


def test_sigkill_half_way_then_the_same_command_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ptx_prefect", "run", str(spec_in(tmp_path)), "--json"]
    env = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(Path(__file__).parents[2])}
    first = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (len(children()) >= 2 and (tmp_path / "ran").exists()):
        time.sleep(0.1)
    time.sleep(1)
    before = (tmp_path / "ran").read_text().split()
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    (tmp_path / "go").touch()

    second = subprocess.run(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, check=True, timeout=200)

    report = json.loads(second.stdout)
    assert sorted(before) == ["s0", "s1", "s2"]
    assert sorted((tmp_path / "ran").read_text().split()) == [f"s{index}" for index in range(SECTIONS)]
    assert report["execution_summary"]["reused_sections"] == 3
    assert {row["name"] for row in report["results"]["completed_sections"] if row["reused"]} == {"s0", "s1", "s2"}
    assert children() == []
