"""The registry of children: whose entries count, and whose do not."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from ptx_prefect.workers import process_tree
from ptx_prefect.workers.registry import Child, children_dir, reap_orphans, write_child


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
