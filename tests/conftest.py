"""Shared by all tests: a private state directory, so that no test reads another's (or a person's) results."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Examples are the same in every run, and a busy machine is no failure.
settings.register_profile("ptx", deadline=None, derandomize=True)
settings.load_profile("ptx")


@pytest.fixture(autouse=True)
def _private_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTX_STATE_DIR", str(tmp_path / "ptx-state"))
    for name in ("PTX_PREFECT_CONFIG",):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def small_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task of one section, ``only``, in the folder where the test then stands."""
    monkeypatch.chdir(tmp_path)
    components = [{"name": "only", "worker": {"kind": "command", "argv": ["true"]}}]
    main_task = {"description": "d", "components": components}
    (tmp_path / "task.json").write_text(json.dumps({"task_id": "t", "mode": "sectioning", "main_task": main_task}))
    return tmp_path / "task.json"


AGENTS = Path(__file__).parents[1] / ".agents"
"""Where `make agents` puts coding agents."""


def pytest_configure(config: pytest.Config) -> None:
    # Started in a shell's background we ignore Ctrl-C, and so would every child that a test ends with it.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # As most people have it: what children compile lies beside the sources, and must not be taken for more than it is.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    places = [str(AGENTS / "node_modules" / ".bin"), str(AGENTS / "aider" / "bin")]
    # Last: an agent that a person has installed goes first, and nothing else is hidden by theirs.
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *places])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """``needs("claude")``: skipped, with the reason, where the program is not installed; ``clusters``: on request."""
    if item.get_closest_marker("clusters") and not os.environ.get("PTX_TEST_CLUSTERS"):
        pytest.skip("Dask, Ray and a server on PostgreSQL take minutes: `make test-clusters` runs them")
    for mark in item.iter_markers("needs"):
        missing = [name for name in mark.args if shutil.which(name) is None]
        if missing:
            pytest.skip(f"{', '.join(missing)} not installed (`make agents` installs coding agents)")
