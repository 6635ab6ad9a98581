"""The chat worker against the stand-in: files, repairs, limits, faults. No answer here is a model's work."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.run.outcomes import Cancelled, Done, Failed, RateLimited, TimedOut
from ptx_prefect.workers import model_calls
from ptx_prefect.workers.known import worker_for
from tests.e2e.think.conftest import CANARY, KEY_ENV, MakeJob, model_at
from tests.fakes.provider import Answer, Fault, Provider

PROTOCOLS = ("anthropic", "openai", "openai-responses")


def files(**contents: str) -> Answer:
    rows = [{"path": path.replace("__", "/"), "content": text} for path, text in contents.items()]
    return Answer(data={"summary": "It greets.", "files": rows})


def named(**contents: str) -> Answer:
    """Keys with ``_py`` at the end become Python files."""
    return files(**{path.replace("_py", ".py"): text for path, text in contents.items()})


def run(job: Any) -> Any:
    return worker_for("chat").run(job, beat=lambda _: None)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_answer_becomes_files_in_the_workspace(make_job: MakeJob, protocol: str) -> None:
    with Provider(named(src__hello_py="print('hi')\n")) as provider:
        job = make_job(provider, {"model": model_at(provider, protocol)}, writes=("src/**",))
        outcome = run(job)

    assert isinstance(outcome, Done)
    assert (job.workdir / "src/hello.py").read_text() == "print('hi')\n"
    assert outcome.value == {"summary": "It greets.", "files": ["src/hello.py"], "model": "scripted"}
    assert outcome.usage.calls == provider.count == 1
    assert (outcome.usage.input_tokens or 0) + (outcome.usage.output_tokens or 0) == provider.billed_tokens


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_text_and_schema_answers_are_values(make_job: MakeJob, protocol: str) -> None:
    schema = {"type": "object", "properties": {"score": {"type": "number"}}, "required": ["score"]}
    with Provider([Answer("plain words"), Answer(data={"score": 7})]) as provider:
        model = model_at(provider, protocol)
        text = run(make_job(provider, {"model": model, "output": "text"}))
        data = run(make_job(provider, {"model": model, "output": schema}))

    assert isinstance(text, Done) and text.value == {"text": "plain words", "model": "scripted"}
    assert isinstance(data, Done) and data.value == {"data": {"score": 7}, "model": "scripted"}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (named(src__a_py="def broken(:\n"), "src/a.py: line 1"),
        (named(elsewhere_py="x = 1\n"), "'elsewhere.py' is outside the paths you may write (src/**)"),
        (files(**{"../up": "x"}), "'../up' is no path inside the tree"),
        (named(src__a_py=""), "src/a.py: is empty"),
        (files(), "the answer holds no files"),
    ],
)
def test_what_cannot_be_taken_is_sent_back_with_the_real_error(make_job: MakeJob, bad: Answer, told: str) -> None:
    with Provider([bad, named(src__a_py="x = 1\n")]) as provider:
        job = make_job(provider, writes=("src/**",))
        outcome = run(job)

    assert isinstance(outcome, Done)
    assert told in provider.calls[1].prompt
    assert sorted(path.name for path in job.workdir.rglob("*") if path.is_file()) == ["a.py"]


def test_a_broken_check_is_sent_back_and_the_new_answer_replaces_the_old_one(make_job: MakeJob) -> None:
    answers = [named(a_py="x = 1\n", junk_py="y = 1\n"), named(a_py="x = 2\n")]
    with Provider(answers) as provider:
        check = ["python3", "-c", "import a; assert a.x == 2, f'x is {a.x}'"]
        job = make_job(provider, {"checks": [check]})
        outcome = run(job)

    assert isinstance(outcome, Done)
    assert "AssertionError: x is 1" in provider.calls[1].prompt
    assert not (job.workdir / "junk.py").exists()


def test_after_the_last_repair_it_fails_for_good_and_leaves_nothing(make_job: MakeJob) -> None:
    with Provider(named(a_py="def broken(:\n")) as provider:
        job = make_job(provider, {"repairs": 2})
        outcome = run(job)

    assert isinstance(outcome, Failed) and outcome.permanent and outcome.kind == "rejected"
    assert "asked 3 times" in outcome.reason and "a.py: line 1" in outcome.reason
    assert provider.count == 3 and list(job.workdir.iterdir()) == []


def test_the_budget_bounds_the_repairs(make_job: MakeJob) -> None:
    with Provider(named(a_py="def broken(:\n")) as provider:
        outcome = run(make_job(provider, {"repairs": 5}, calls_allowed=2))

    assert isinstance(outcome, Failed) and provider.count == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer("   "), "no usable answer|empty"),
        (Answer("I'm sorry, but I can't help with that."), "refusal"),
        (Answer("words " * 5000), "cut off at the token limit"),
    ],
)
def test_red_flags_are_failures(make_job: MakeJob, answer: Answer, told: str) -> None:
    with Provider(answer) as provider:
        outcome = run(make_job(provider, {"output": "text", "repairs": 1, "max_tokens": 200}))

    assert isinstance(outcome, Failed)
    assert any(part in outcome.reason for part in told.split("|")), outcome.reason


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.OVERLOADED])
def test_a_provider_that_asks_to_wait_is_obeyed_by_all_sections(make_job: MakeJob, fault: Fault, protocol: str) -> None:
    with Provider(Answer(fault=fault, retry_after_s=7)) as provider:
        config = {"model": model_at(provider, protocol)}
        first = run(make_job(provider, config))
        second = run(make_job(provider, config, section="other"))

    assert isinstance(first, RateLimited) and first.retry_after_s == 7
    assert isinstance(second, RateLimited) and second.retry_after_s is not None and 6 < second.retry_after_s <= 7
    assert provider.count == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("fault", "is_permanent", "kind"),
    [
        (Fault.SERVER_ERROR, False, {"http_500"}),
        (Fault.CUT, False, {"connection"}),
        (Fault.BAD_JSON, False, {"bad_answer"}),
        (Fault.BAD_KEY, True, {"auth"}),
        (Fault.REFUSAL, True, {"refusal", "rejected"}),
    ],
)
def test_faults_are_failures_of_their_kind(
    make_job: MakeJob, fault: Fault, is_permanent: bool, kind: set[str], protocol: str
) -> None:
    text = f"Incorrect API key: {CANARY}" if fault is Fault.BAD_KEY else "I cannot do that. " * 10
    with Provider(Answer(text, fault=fault)) as provider:
        job = make_job(provider, {"model": model_at(provider, protocol), "output": "text", "repairs": 0})
        outcome = run(job)

    assert isinstance(outcome, Failed)
    assert (outcome.permanent, outcome.kind in kind) == (is_permanent, True), outcome
    assert CANARY not in outcome.reason + job.log_path.read_text()
    assert provider.count == 1


def test_a_server_that_is_not_there_is_named(make_job: MakeJob) -> None:
    with Provider(Answer("fine")) as provider:
        model = {"provider": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1", "key_env": ""}
        outcome = run(make_job(provider, {"model": model, "output": "text"}))

    assert isinstance(outcome, Failed) and "http://127.0.0.1:9/v1 cannot be reached" in outcome.reason
    assert not outcome.permanent and not outcome.usage.input_tokens


def test_an_answer_that_was_cut_off_has_a_call_and_no_known_tokens(make_job: MakeJob) -> None:
    with Provider(Answer("words " * 100, fault=Fault.CUT)) as provider:
        outcome = run(make_job(provider, {"output": "text"}))

    assert isinstance(outcome, Failed)
    assert outcome.usage.calls and outcome.usage.input_tokens is None


def test_the_deadline_holds_while_nothing_comes(make_job: MakeJob) -> None:
    with Provider(Answer(fault=Fault.HANG)) as provider:
        began = time.monotonic()
        outcome = run(make_job(provider, deadline_s=0.5))
        took_s = time.monotonic() - began

    assert isinstance(outcome, TimedOut) and outcome.limit_s == 0.5
    assert took_s < 15 and outcome.usage.input_tokens is None


def test_a_slow_first_byte_is_waited_for(make_job: MakeJob) -> None:
    with Provider(Answer("late", fault=Fault.SLOW_FIRST_BYTE, delay_s=0.2)) as provider:
        outcome = run(make_job(provider, {"output": "text"}))

    assert isinstance(outcome, Done)


def test_a_running_call_can_be_cancelled(make_job: MakeJob) -> None:
    with Provider(Answer(fault=Fault.HANG)) as provider:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(run(make_job(provider))))
        thread.start()
        while provider.count == 0:
            time.sleep(0.01)
        told = model_calls.cancel_calls("Ctrl-C")
        thread.join(timeout=10)

    assert told == 1 and isinstance(found[0], Cancelled) and found[0].reason == "Ctrl-C"


def test_the_prompt_tells_what_was_done_before_and_shows_declared_files(make_job: MakeJob) -> None:
    with Provider(named(src__b_py="x = 1\n")) as provider:
        job = make_job(
            provider,
            reads=("api/*.py",),
            writes=("src/**",),
            inputs={"backend": {"summary": "Serves /api/products on port 3000.", "files": ["api/app.py"]}},
        )
        (job.workdir / "api").mkdir()
        (job.workdir / "api/app.py").write_text("PORT = 3000\n")
        (job.workdir / "secret.txt").write_text("not declared")
        run(job)
    prompt = provider.calls[0].prompt

    assert "Serves /api/products on port 3000." in prompt and "PORT = 3000" in prompt and "src/**" in prompt
    assert "not declared" not in prompt


def test_a_link_in_the_workspace_does_not_lead_a_write_out(make_job: MakeJob, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with Provider(named(link__a_py="x = 1\n")) as provider:
        job = make_job(provider, {"repairs": 0})
        (job.workdir / "link").symlink_to(outside)
        outcome = run(job)

    assert isinstance(outcome, Failed) and "leads through a link" in outcome.reason
    assert list(outside.iterdir()) == []


def test_mistakes_are_found_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_ENV)
    worker = worker_for("chat")
    model = {"provider": "anthropic", "model": "m", "base_url": None, "key_env": KEY_ENV}

    found = worker.check({"model": model, "repair": 1, "max_tokens": 0, "output": "prose"}, workdir=tmp_path)

    assert found["repair"] == "unknown key 'repair'; did you mean 'repairs'?"
    assert found["model"].startswith(f"there is no key for 'm'; set {KEY_ENV}")
    assert set(found) == {"repair", "model", "max_tokens", "output"}


def test_without_the_extra_the_mistake_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_calls, "find_spec", lambda name: None)

    found = worker_for("chat").check({"model": "sonnet"}, workdir=tmp_path)

    assert found == {"kind": 'model calls need the extra `ai`; install it: pip install "ptx-prefect[ai]"'}
