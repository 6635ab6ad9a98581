"""Real coding agents, each editing a workspace against the stand-in. What the "model" says is written here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.run.outcomes import Done
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job
from tests.e2e.think.conftest import CANARY
from tests.fakes.provider import Answer, Call, Provider, ToolCall

PROGRAM = "print('hello')\n"


def last_of(call: Call) -> str:
    """The last message of a conversation."""
    return json.dumps((call.body.get("messages") or call.body.get("input") or [])[-1:])


def run_agent(tmp_path: Path, config: dict[str, Any]) -> tuple[Any, Job]:
    workdir = tmp_path / "work"
    job = Job(
        section="part",
        description="Write hello.py that greets.",
        config=config,
        workdir=workdir,
        log_path=tmp_path / "log.txt",
        state_dir=tmp_path / "state",
        deadline_s=120,
        writes=("hello.py",),
    )
    workdir.mkdir()
    worker = worker_for("agent")
    assert worker.check(config, workdir=workdir) == {}
    return worker.run(job, beat=lambda _: None), job


def assert_wrote(outcome: Any, job: Job) -> None:
    assert isinstance(outcome, Done), outcome
    assert [path.name for path in job.workdir.rglob("*")] == ["hello.py"]
    assert (job.workdir / "hello.py").read_text() == PROGRAM
    assert CANARY not in job.log_path.read_text()
    assert list((job.state_dir / "homes").iterdir()) == []


@pytest.mark.needs("claude")
def test_claude_code(tmp_path: Path) -> None:
    def script(call: Call) -> Answer:
        if "Write" in call.tools and "tool_result" not in last_of(call):
            path = str(tmp_path / "work" / "hello.py")
            return Answer("Writing.", tools=[ToolCall("Write", {"file_path": path, "content": PROGRAM})])
        return Answer("Wrote hello.py.")

    with Provider(script) as provider:
        env = {"ANTHROPIC_BASE_URL": provider.url, "ANTHROPIC_API_KEY": CANARY}
        outcome, job = run_agent(tmp_path, {"preset": "claude", "model": "claude-sonnet-5-5", "set_env": env})

    assert_wrote(outcome, job)
    assert outcome.value["summary"] == "Wrote hello.py."
    assert outcome.usage.input_tokens + outcome.usage.output_tokens == provider.billed_tokens


@pytest.mark.needs("codex")
def test_codex(tmp_path: Path) -> None:
    def script(call: Call) -> Answer:
        if "exec_command" in call.tools and "function_call_output" not in last_of(call):
            command = "printf \"print('hello')\\n\" > hello.py"
            return Answer(tools=[ToolCall("exec_command", {"cmd": command})])
        return Answer("Wrote hello.py.")

    with Provider(script) as provider:
        server = f'model_providers.standin={{name="standin",base_url="{provider.url}/v1",env_key="CODEX_API_KEY"}}'
        args = ["-c", server, "-c", 'model_provider="standin"']
        config = {"preset": "codex", "model": "gpt-5.5", "set_env": {"CODEX_API_KEY": CANARY}, "args": args}
        outcome, job = run_agent(tmp_path, config)

    assert_wrote(outcome, job)
    assert outcome.usage.input_tokens + outcome.usage.output_tokens == provider.billed_tokens


@pytest.mark.needs("aider")
def test_aider(tmp_path: Path) -> None:
    with Provider(Answer(f"hello.py\n```\n{PROGRAM}```\n")) as provider:
        env = {"OPENAI_API_KEY": CANARY, "OPENAI_API_BASE": f"{provider.url}/v1"}
        args = ["--edit-format", "whole"]
        config = {"preset": "aider", "model": "openai/scripted", "set_env": env, "args": args}
        outcome, job = run_agent(tmp_path, config)

    assert_wrote(outcome, job)
    assert outcome.usage.input_tokens + outcome.usage.output_tokens == provider.billed_tokens
