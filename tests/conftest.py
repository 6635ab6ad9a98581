"""Shared by all tests: a private state directory, so that no test reads another's (or a person's) results."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_STATE_DIR", str(tmp_path / "ptx-state"))
    for name in ("PTX_PREFECT_CONFIG",):
        monkeypatch.delenv(name, raising=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """``needs("claude")``: skipped, with the reason, where the program is not installed."""
    for mark in item.iter_markers("needs"):
        missing = [name for name in mark.args if shutil.which(name) is None]
        if missing:
            pytest.skip(f"{', '.join(missing)} not installed (`make agents` installs coding agents)")
