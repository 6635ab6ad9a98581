"""Shared by all tests: a private state directory, so that no test reads another's (or a person's) results."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_STATE_DIR", str(tmp_path / "ptx-state"))
    for name in ("PTX_PREFECT_CONFIG",):
        monkeypatch.delenv(name, raising=False)
