"""What the tests of workers that think share: jobs, and models at the stand-in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra `ai`")

from ptx_prefect.workers.protocol import Job
from tests.fakes.provider import Provider

KEY_ENV = "PTX_TEST_KEY"
CANARY = "sk-canary-0123456789abcdef"
MakeJob = Callable[..., Job]


def model_at(provider: Provider, protocol: str = "anthropic") -> dict[str, Any]:
    """A model as a worker's configuration has it."""
    url = provider.url if protocol == "anthropic" else f"{provider.url}/v1"
    return {"provider": protocol, "model": "scripted", "base_url": url, "key_env": KEY_ENV}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, CANARY)


@pytest.fixture
def make_job(tmp_path: Path) -> MakeJob:
    """A job in a workspace of its own; keyword arguments replace its fields."""

    def make(provider: Provider, config: dict[str, Any] | None = None, **fields: Any) -> Job:
        section = fields.pop("section", "frontend")
        workdir = tmp_path / "work" / section
        workdir.mkdir(parents=True, exist_ok=True)
        values: dict[str, Any] = {
            "section": section,
            "description": "Write the greeting.",
            "config": {"model": model_at(provider), **(config or {})},
            "workdir": workdir,
            "log_path": tmp_path / "logs" / f"{section}.log",
            "state_dir": tmp_path / "state",
            "deadline_s": 20.0,
        }
        return Job(**{**values, **fields})

    return make
