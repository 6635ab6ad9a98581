"""Functions as sections: what they are given, what they may return, how they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.run.outcomes import Done, Failed, RateLimited, TimedOut

MODULE = """\
import os, sys, time

class Wait(Exception):
    retry_after_s = 7

class Never(Exception):
    permanent = True

def told(n, *, inputs, section, workdir, files, attempt, beat, extra="default"):
    beat("half way")
    return {"n": n, "inputs": inputs, "section": section, "workdir": str(workdir), "files": files,
            "attempt": attempt, "extra": extra, "cwd": os.getcwd()}
def everything(**given): return sorted(given)
def odd(): return {1, 2}
def nan(): return float("nan")
def limited(): raise Wait("slow down")
def hopeless(): raise Never("no")
def leaves(): sys.exit(3)
def vanishes(): os._exit(4)
def slow(): time.sleep(0.3)
class Thing:
    @staticmethod
    def made(x): return x * 2
number = 3
"""


@pytest.fixture(params=[False, True], ids=["child", "in_process"])
def call(request: pytest.FixtureRequest, workdir: Path, run_section: Any) -> Any:
    # A name of its own each time: in process, a module stays imported.
    module = f"functions_{abs(hash(str(workdir)))}"
    (workdir / f"{module}.py").write_text(MODULE)

    def run(function: str, args: dict[str, Any] | None = None, **changes: Any) -> Any:
        config = {"target": f"{module}:{function}", "args": args or {}, "in_process": request.param}
        return run_section("callable", config, **changes)

    run.in_process = request.param  # type: ignore[attr-defined]
    return run


def test_a_function_gets_what_its_signature_names(call: Any, workdir: Path) -> None:
    outcome = call("told", {"n": 3}, inputs={"before": [1]}, reads=("a",), writes=("b",), attempt=2)

    assert isinstance(outcome, Done), outcome
    assert isinstance(outcome.value, dict)
    cwd = outcome.value.pop("cwd")
    assert outcome.value == {
        "n": 3,
        "inputs": {"before": [1]},
        "section": "one",
        "workdir": str(workdir),
        "files": {"reads": ["a"], "writes": ["b"]},
        "attempt": 2,
        "extra": "default",
    }
    assert call.in_process or cwd == str(workdir)


def test_a_function_that_takes_anything_gets_its_arguments_only(call: Any) -> None:
    assert call("everything", {"b": 1, "a": 2}).value == ["a", "b"]


def test_a_method_by_its_dotted_name(call: Any) -> None:
    assert call("Thing.made", {"x": 4}).value == 8


@pytest.mark.parametrize(
    ("function", "args", "kind", "text"),
    [
        ("odd", {}, "bad_result", "JSON cannot say"),
        ("nan", {}, "bad_result", "JSON cannot say"),
        ("told", {}, "bad_target", "missing a required"),
        ("slow", {"n": 1}, "bad_target", "unexpected keyword"),
        ("missing", {}, "bad_target", "has no 'missing'"),
        ("number", {}, "bad_target", "not a function"),
        ("hopeless", {}, "exception", "Never: no"),
    ],
)
def test_what_another_attempt_would_not_mend_is_permanent(
    call: Any, function: str, args: dict[str, Any], kind: str, text: str
) -> None:
    outcome = call(function, args)

    assert isinstance(outcome, Failed) and outcome.permanent and outcome.kind == kind, outcome
    assert text in outcome.reason


def test_a_rate_limit_is_not_a_failure(call: Any) -> None:
    outcome = call("limited")

    assert isinstance(outcome, RateLimited) and outcome.retry_after_s == 7


def test_leaving_by_sys_exit_is_a_failure_with_its_code(call: Any) -> None:
    outcome = call("leaves")

    assert isinstance(outcome, Failed) and "3" in outcome.reason and not outcome.permanent


def test_a_process_that_vanishes_is_a_failure_with_its_code(run_section: Any, workdir: Path) -> None:
    (workdir / "functions.py").write_text(MODULE)
    outcome = run_section("callable", {"target": "functions:vanishes"})

    assert isinstance(outcome, Failed) and "exit code 4" in outcome.reason


def test_in_process_a_missed_deadline_is_told_when_it_returns(run_section: Any, workdir: Path) -> None:
    (workdir / "functions_late.py").write_text(MODULE)
    outcome = run_section("callable", {"target": "functions_late:slow", "in_process": True}, deadline_s=0.01)

    assert isinstance(outcome, TimedOut)


def test_a_beat_reaches_the_caller(run_section: Any, workdir: Path) -> None:
    text = "import time\ndef f(beat):\n    for n in range(30):\n        beat(f'step {n}')\n        time.sleep(0.1)\n"
    (workdir / "functions.py").write_text(text)
    told: list[str] = []
    outcome = run_section("callable", {"target": "functions:f"}, beat=told.append, heartbeat_s=1.0)

    assert isinstance(outcome, Done), outcome
    assert told and all(line.startswith("step ") for line in told)


def test_a_package_of_the_user_is_not_shadowed_by_ours(run_section: Any, workdir: Path) -> None:
    (workdir / "workers.py").write_text("def f(): return 'theirs'\n")

    assert run_section("callable", {"target": "workers:f"}).value == "theirs"
