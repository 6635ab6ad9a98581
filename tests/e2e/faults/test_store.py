"""A store that is damaged or full costs the damaged results, never a wrong one, and says what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ptx_prefect.engine.store import Store
from tests.e2e.faults.campaign import Campaign


def spec_of(task: Campaign, count: int, *, kilobytes: int = 1) -> None:
    write = f"print('x' * 1024 * {kilobytes})"
    task.write_spec(
        [
            {
                "name": f"s{index}",
                "worker": {
                    "kind": "command",
                    "argv": ["sh", "-c", f'{sys.executable} -c "{write}"; echo start s{index} >> {task.home}/ran'],
                },
            }
            for index in range(count)
        ],
        parallelism_hint=2,
    )


def test_damaged_results_are_redone_and_no_others(campaign: Callable[[str], Campaign]) -> None:
    task = campaign("981238.5")
    spec_of(task, 6)
    report, said = task.finish(task.start())
    assert report["status"] == "success", said
    places = [
        Path(found.directory) / "result.json" for found in map(Store(task.state).get, Store(task.state).keys()) if found
    ]
    by_section = {Store(task.state).get(place.parent.name).section: place for place in places}  # type: ignore[union-attr]  # just found
    by_section["s0"].write_text(by_section["s0"].read_text()[:40])
    by_section["s1"].write_text(by_section["s1"].read_text().replace('"s1"', '"s2"'))
    by_section["s2"].unlink()
    by_section["s2"].mkdir()
    (by_section["s3"].parent / "log.txt").write_text("forged")

    again, said = task.finish(task.start())

    assert again["status"] == "success", said
    assert again["execution_summary"]["reused_sections"] == 2
    assert {name for name, count in task.noted("start").items() if count == 2} == {"s0", "s1", "s2", "s3"}
    assert "Traceback" not in said


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir(parents=True)
    mount = shutil.which("mount")
    command = ["mount", "-t", "tmpfs", "-o", "size=1200k,mode=0700", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here (that needs root)")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_says_so_once_for_each_section_and_loses_nothing(campaign: Callable[[str], Campaign]) -> None:
    task = campaign("981239.5")
    spec_of(task, 8, kilobytes=200)
    with small_disk(task.home / "state"):
        report, said = task.finish(task.start())
        kept = task.stored()
        failed = report.get("results", {}).get("unfinished_sections", [])
        assert report.get("status") in ("partial", "failed"), said
        assert failed and all("free space" in row["reason"] or "No space" in row["reason"] for row in failed), failed
        assert "Traceback" not in said
        before = task.noted("start")
        subprocess.run(["mount", "-o", "remount,size=64m", str(task.home / "state")], check=True)

        again, said = task.finish(task.start())

        assert again["status"] == "success", said
        assert again["execution_summary"]["reused_sections"] == len(kept)
        assert [name for name in kept if task.noted("start")[name] > before[name]] == []
