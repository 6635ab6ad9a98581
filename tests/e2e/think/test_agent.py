"""The agent worker with a scripted agent: what differs counts, the environment is closed, nothing is left behind."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.run.outcomes import Done, Failed, RateLimited, TimedOut
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job
from tests.e2e.think.conftest import CANARY

AGENT = Path(__file__).parents[2] / "fakes" / "agent.py"


def job_for(tmp_path: Path, description: str, config: dict[str, Any] | None = None, **fields: Any) -> Job:
    workdir = tmp_path / "work"
    workdir.mkdir(exist_ok=True)
    call = {"argv": [sys.executable, str(AGENT), "{prompt}"], "reads_usage": "claude", "env": ["AGENT_KEY"]}
    return Job(
        section="part",
        description=description,
        config={**call, **(config or {})},
        workdir=workdir,
        log_path=tmp_path / "logs" / "part.log",
        state_dir=tmp_path / "state",
        deadline_s=fields.pop("deadline_s", 30.0),
        **fields,
    )


def run(job: Job) -> Any:
    return worker_for("agent").run(job, beat=lambda _: None)


def test_it_edits_its_workspace_and_tells_what_it_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_KEY", CANARY)
    monkeypatch.setenv("OTHER_SECRET", "sk-other-canary")

    job = job_for(tmp_path, "WRITE src/a.py x = 1", writes=("src/**", ".agent-notes"))
    outcome = run(job)
    log = job.log_path.read_text()

    assert isinstance(outcome, Done) and outcome.value == {"summary": "Wrote it.", "agent": sys.executable}
    assert (job.workdir / "src/a.py").read_text() == "x = 1"
    usage = outcome.usage
    assert (usage.calls, usage.input_tokens, usage.output_tokens, usage.cost_usd) == (2, 15, 3, 0.01)
    assert "AGENT_KEY" in log and "OTHER_SECRET" not in log and CANARY not in log
    assert f"HOME={tmp_path / 'state' / 'homes'}" in log and list((tmp_path / "state" / "homes").iterdir()) == []


def test_what_breaks_a_check_is_sent_back_with_the_error(tmp_path: Path) -> None:
    check = [sys.executable, "-c", "import a; assert a.x == 2, f'x is {a.x}'"]
    outcome = run(job_for(tmp_path, "TWICE a.py x = 1 THEN x = 2", {"checks": [check]}))

    assert isinstance(outcome, Done) and outcome.usage.calls == 4


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ("WRITE src/a.py def broken(:", "src/a.py: line 1"),
        ("WRITE b.py x = 1", "changed outside src/**, .agent-notes: b.py"),
    ],
)
def test_what_stays_wrong_fails_for_good(tmp_path: Path, description: str, told: str) -> None:
    outcome = run(job_for(tmp_path, description, writes=("src/**", ".agent-notes")))

    assert isinstance(outcome, Failed) and outcome.permanent and told in outcome.reason


def test_an_agent_that_changes_nothing_has_failed(tmp_path: Path) -> None:
    idle = {"argv": [sys.executable, "-c", "print('All done!')", "{prompt}"], "repairs": 0}

    outcome = run(job_for(tmp_path, "x", idle))

    assert isinstance(outcome, Failed) and "nothing was changed" in outcome.reason


def test_a_rate_limit_is_none_of_its_failures(tmp_path: Path) -> None:
    assert isinstance(run(job_for(tmp_path, "LIMITED")), RateLimited)


def test_a_crash_tells_the_end_of_the_output_without_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_KEY", CANARY)
    outcome = run(job_for(tmp_path, "CRASH"))

    assert isinstance(outcome, Failed) and "exit code 3" in outcome.reason
    assert "something broke, key was [AGENT_KEY]" in outcome.reason


def test_the_deadline_kills_it(tmp_path: Path) -> None:
    assert isinstance(run(job_for(tmp_path, "SLEEP", deadline_s=1.0)), TimedOut)


def test_mistakes_name_the_preset_that_was_meant(tmp_path: Path) -> None:
    worker = worker_for("agent")

    assert worker.check({"preset": "cluade"}, workdir=tmp_path) == {
        "preset": "no preset is called 'cluade'; did you mean 'claude'?"
    }
    assert "give argv" in worker.check({}, workdir=tmp_path)["preset"]
    assert "{prompt}" in worker.check({"argv": ["x"]}, workdir=tmp_path)["argv"]
