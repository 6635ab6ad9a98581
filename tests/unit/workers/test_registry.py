"""The registry of children: whose entries count, and whose do not."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from ptx_prefect.workers import process_tree
from ptx_prefect.workers.registry import STRANGER_DAYS, Child, children_dir, reap_orphans, write_child


def test_a_process_with_a_recycled_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    directory = children_dir(tmp_path)
    entry = Child("0" * 32, "s", process_tree.place(), 2**22 + 1, "1", stranger.pid, "1", stranger.pid, "1")
    write_child(directory, entry)

    try:
        assert reap_orphans(tmp_path) == ()
        assert stranger.poll() is None
        assert list(directory.iterdir()) == []
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"marker": "../../x"}', '{"unknown": 1}'])
def test_a_damaged_entry_is_forgotten(tmp_path: Path, text: str) -> None:
    (children_dir(tmp_path) / "broken.json").write_text(text)

    assert reap_orphans(tmp_path) == ()
    assert list(children_dir(tmp_path).iterdir()) == []


def test_entries_of_another_host_are_left_to_it(tmp_path: Path) -> None:
    entry = Child("1" * 32, "s", "elsewhere/pid:[1]/boot", 1, "1", 1, "1")
    write_child(children_dir(tmp_path), entry)

    assert reap_orphans(tmp_path) == ()
    assert json.loads(next(children_dir(tmp_path).glob("*.json")).read_text()) == asdict(entry)


def test_entries_of_a_host_that_was_not_seen_for_long_are_forgotten(tmp_path: Path) -> None:
    directory = children_dir(tmp_path)
    write_child(directory, Child("1" * 32, "s", "elsewhere/pid:[1]/boot", 1, "1", 1, "1"))
    long_ago = time.time() - (STRANGER_DAYS + 1) * 86400
    os.utime(directory / f"{'1' * 32}.json", (long_ago, long_ago))

    assert reap_orphans(tmp_path) == ()
    assert list(directory.iterdir()) == []


def test_entries_of_this_host_before_its_last_boot_are_forgotten_and_nobody_is_ended(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    birth = process_tree.started(stranger.pid)
    write_child(
        children_dir(tmp_path),
        Child("1" * 32, "s", f"{process_tree.host()}/another-boot", 1, "1", stranger.pid, birth),
    )

    try:
        assert reap_orphans(tmp_path) == ()
        assert stranger.poll() is None
        assert list(children_dir(tmp_path).iterdir()) == []
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_dead_run_left_is_asked_first_where_there_is_time(tmp_path: Path) -> None:
    marker = "2" * 32
    told = tmp_path / "told"
    script = f"trap 'echo asked > {told}; exit' TERM; echo up > {tmp_path / 'up'}; while :; do sleep 0.05; done"
    left = subprocess.Popen(
        ["sh", "-c", script], start_new_session=True, env={**os.environ, process_tree.MARKER: marker}
    )
    try:
        while not (tmp_path / "up").exists():
            time.sleep(0.02)
        owner = Child(marker, "s", process_tree.place(), 2**22 + 1, "1", 2**22 + 2, "1", left.pid, None)
        write_child(children_dir(tmp_path), owner)
        (reaped,) = reap_orphans(tmp_path, grace_s=20.0)

        assert reaped.section == "s" and left.pid in reaped.pids
        assert told.read_text() == "asked\n"
    finally:
        left.kill()
        left.wait()
