"""Sections that call models, as flows, against the stand-in; what was spent is counted at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai", reason="needs the extra `ai`")

from ptx_prefect import RunError, sectioning, voting
from tests.fakes.provider import Answer, Call, Fault, Provider

KEY_ENV = "PTX_TEST_KEY"
CANARY = "sk-canary-fedcba9876543210"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv(KEY_ENV, CANARY)


def model_at(provider: Provider) -> dict[str, Any]:
    return {"provider": "anthropic", "model": "scripted", "base_url": provider.url, "key_env": KEY_ENV}


def task(provider: Provider, count: int, **keys: Any) -> dict[str, Any]:
    worker = {"kind": "chat", "model": model_at(provider), "output": "text", **keys.pop("config", {})}
    components = [{"name": f"s{index}", "description": f"Say {index}."} for index in range(count)]
    main = {"description": "d", "components": components}
    return {"task_id": "t", "mode": "sectioning", "main_task": main, "worker": worker, "parallelism_hint": 6, **keys}


def test_six_calls_at_once_stay_within_the_budget_counted_at_the_provider() -> None:
    with Provider(Answer("fine", input_tokens=150, output_tokens=250, delay_s=0.3)) as provider:
        spec = task(provider, 6, config={"max_tokens": 250, "repairs": 0}, budget={"tokens": 1200})
        with pytest.raises(RunError) as caught:
            sectioning(spec)
    report: Any = caught.value.report
    not_started = [row for row in report["results"]["unfinished_sections"] if row["status"] == "skipped"]

    assert provider.count == 2 and provider.billed_tokens == 800
    assert len(not_started) == 6 - provider.count
    assert all("budget does not cover it" in row["reason"] for row in not_started)
    assert report["usage"]["budget"]["spent"]["tokens"] == provider.billed_tokens
    assert report["usage"]["budget"]["limits"] == {"tokens": 1200}


def test_a_storm_of_429_ends_with_fewer_workers_and_no_failed_section() -> None:
    def script(call: Call) -> Answer:
        if call.number % 2 == 0 and call.number < 14:
            return Answer(fault=Fault.RATE_LIMIT, retry_after_s=0)
        return Answer("fine", delay_s=0.05)

    with Provider(script) as provider:
        report = sectioning(task(provider, 12))

    assert report["status"] == "success" and len(report["results"]["completed_sections"]) == 12
    assert {row["attempts"] for row in report["results"]["completed_sections"]} == {1}
    assert len(provider.answered) == 12
    assert any("asked 7 times to wait; down to" in note for note in report["notes"]), report["notes"]


def test_finished_calls_are_not_paid_for_again() -> None:
    with Provider(Answer("fine")) as provider:
        spec = task(provider, 3)
        first = sectioning(spec)
        sectioning(spec)

    assert provider.count == 3
    assert sum(row["model_usage"]["calls"] for row in first["results"]["completed_sections"]) == 3


def test_no_key_is_left_anywhere(tmp_path: Path) -> None:
    """A key that is used stays in the one request that needs it; a child that has no need does not see it."""
    answers = [
        Answer(data={"sections": [{"name": n, "description": f"{n} part"} for n in ("one", "two", "bad")]}),
    ]

    def script(call: Call) -> Answer:
        if "Cut the task below" in call.prompt:
            return answers[0]
        if "bad part" in call.prompt:
            return Answer(f"invalid key {call.key}", fault=Fault.BAD_KEY)
        return Answer("fine")

    with Provider(script) as provider:
        spec = task(provider, 0)
        spec["main_task"] = {"description": "d"}
        with pytest.raises(RunError):
            sectioning(spec)
        children = {"name": "env", "worker": {"kind": "command", "argv": ["env"]}}
        sectioning({"task_id": "c", "mode": "sectioning", "main_task": {"description": "d", "components": [children]}})
        keys = {call.key for call in provider.calls}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert keys == {CANARY} and len(files) > 8
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert any("PATH=" in path.read_text(errors="ignore") for path in files if path.name == "log.txt")
    assert json.loads((tmp_path / "work/ptx-output/t/report.json").read_text())["status"] == "partial"


def test_steps_on_the_merged_output_give_verdicts(tmp_path: Path) -> None:
    """A command and an evaluator look at the merged tree; a second run asks neither again."""
    (tmp_path / "base").mkdir()

    def script(call: Call) -> Answer:
        if "# Your part: after: evaluator" in call.prompt:
            assert "VALUE = 1" in call.prompt
            return Answer(data={"passed": False, "reasons": ["a.py has no tests"]})
        name = "a" if "Say 0." in call.prompt else "b"
        return Answer(data={"summary": "done", "files": [{"path": f"{name}.py", "content": "VALUE = 1\n"}]})

    steps = [
        {"name": "both", "worker": {"kind": "command", "argv": ["python3", "-c", "import a, b"]}},
        {"name": "evaluator", "reads": ["*.py"], "required": False},
    ]
    with Provider(script) as provider:
        spec = task(provider, 2, config={"output": "files"}, base=str(tmp_path / "base"), after=steps)
        del spec["worker"]["output"]
        first = sectioning(spec)
        second = sectioning(spec)
    verdicts = [(row["name"], row["passed"], row["reason"]) for row in first["results"]["after"]]

    assert verdicts == [("both", True, ""), ("evaluator", False, "a.py has no tests")]
    assert first["status"] == "success" and provider.count == 3
    assert [row["reused"] for row in second["results"]["after"]] == [True, True]


def test_a_required_step_that_says_no_fails_the_run() -> None:
    rows = [{"name": name, "worker": {"kind": "command", "argv": ["true"]}} for name in "ab"]
    step = {"name": "smoke", "worker": {"kind": "command", "argv": ["sh", "-c", "echo broken; exit 1"]}}
    spec = {
        "task_id": "t",
        "mode": "sectioning",
        "main_task": {"description": "d", "components": rows},
        "after": [step],
    }

    with pytest.raises(RunError, match="'smoke' says no"):
        sectioning(spec)


def test_models_vote_and_judge_through_the_same_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each model writes its own candidate, each candidate is judged alone; no answer is shared between them."""
    programs = {"claude-haiku-5-5": "x * 2", "claude-sonnet-5-5": "x + x", "claude-opus-5-5": "x << 1"}

    def script(call: Call) -> Answer:
        if "Judge one answer" in call.prompt:
            best = "x << 1" in call.prompt
            return Answer(f'My view: {{"readability": {9 if best else 4}}}')
        program = programs[str(call.body["model"])]
        return Answer(f"Here it is:\n```python\ndef double(x):\n    return {program}\n```\n")

    with Provider(script) as provider:
        for alias in ("haiku", "sonnet", "opus"):
            at = {"base_url": provider.url, "key_env": KEY_ENV}
            monkeypatch.setenv(f"PTX_PREFECT_MODELS__{alias.upper()}", json.dumps(at))
        main = {
            "description": "Double a number.",
            "entry_point": "double",
            "tests": ["assert double(4) == 8"],
            "evaluation_criteria": ["readability"],
        }
        spec = {
            "task_id": "v",
            "mode": "voting",
            "main_task": main,
            "voters": ["haiku", "sonnet", "opus"],
            "worker": "chat",
            "judges": [{"kind": "chat", "model": "sonnet"}],
            "hybrid": False,
        }
        report = voting(spec)
    asked = [str(call.body["model"]) for call in provider.calls if "Judge one answer" not in call.prompt]
    judged = [call.prompt for call in provider.calls if "Judge one answer" in call.prompt]

    assert sorted(asked) == sorted(programs) and len(judged) == 3
    assert all(sum(program in prompt for program in programs.values()) == 1 for prompt in judged)
    assert report["results"]["decision"]["winner"] == "opus", report
