"""A peer that is not scripted: a real 135M model speaks the protocol. What it says is of no account, how it does is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.run.outcomes import Done
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".agents" / "llm" / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not PYTHON.exists(), reason="no small model (`make small-model` installs one)"),
]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [str(PYTHON), str(ROOT / "tests" / "fakes" / "small_model.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None and server.stdin is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def ask(address: str, tmp_path: Path, name: str, description: str, **config: Any) -> tuple[Any, list[str]]:
    model = {"provider": "openai", "model": "smollm2", "base_url": f"{address}/v1", "key_env": ""}
    beats: list[str] = []
    job = Job(
        section=name,
        description=description,
        config={"model": model, "max_tokens": 40, "repairs": 0, "temperature": 0, **config},
        workdir=tmp_path,
        log_path=tmp_path / f"{name}.log",
        state_dir=tmp_path / "state",
        deadline_s=600,
    )
    return worker_for("chat").run(job, beat=beats.append), beats


def test_text_streams_and_tokens_are_counted(address: str, tmp_path: Path) -> None:
    outcome, beats = ask(address, tmp_path, "a", "Say hello.", output="text")

    assert beats, sys.version
    # A cut-off answer is a red flag of ours; both ways the provider's count is there.
    assert outcome.usage.calls == 1 and outcome.usage.input_tokens > 5 and 1 <= outcome.usage.output_tokens <= 40


def test_a_schema_is_kept(address: str, tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"type": "string", "enum": ["red", "green", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    outcome, _ = ask(address, tmp_path, "b", "Name a colour.", output=schema, output_mode="native")

    assert isinstance(outcome, Done), outcome
    assert outcome.value["data"]["colour"] in ("red", "green", "blue")


def test_two_at_once(address: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        pairs = list(pool.map(lambda name: ask(address, tmp_path, name, "Say yes.", output="text"), "cd"))

    assert [outcome.usage.calls for outcome, _ in pairs] == [1, 1]
