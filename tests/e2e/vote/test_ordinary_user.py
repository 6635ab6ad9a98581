"""Votes of a user who is not root and has other programs running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NOBODY = 65534


@pytest.mark.parametrize("walls", ["namespaces", "none"])
def test_the_users_other_processes_do_not_count(walls: str) -> None:
    """A thread can be started, too many processes or too much memory in all end the candidate, whatever else runs."""
    identity = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    command = [sys.executable, "-B", "-m", "tests.e2e.vote.ordinary_user", walls]
    where = {"cwd": ROOT, "env": {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/"}}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **where, **identity)  # type: ignore[call-overload]
    except PermissionError:
        pytest.skip("another user may not run this interpreter")
    if done.returncode and "Permission denied" in done.stderr:
        pytest.skip("another user may not read this checkout")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["threads"] == "value"
    assert found["too many"]["in time"] and found["too many"]["ended"] in ("error", "processes")
    assert found["too much"] == {"ended": "memory", "in time": True}
    assert walls == "namespaces" or any("no namespaces" in line for line in found["missing"])
