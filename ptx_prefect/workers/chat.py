"""The ``chat`` worker: a model call whose answer becomes files, text, or an object of a given JSON schema.

    {"kind": "chat", "model": "sonnet"}
    {"kind": "chat", "model": "haiku", "output": "text"}
    {"kind": "chat", "model": "openai:gpt-5-mini", "output": {"type": "object", "properties": {...}}}

Its model is an alias of the settings, ``provider:model``, or an object with ``provider``, ``model``, ``base_url`` and
``key_env``. An answer that does not parse, leaves the declared paths or breaks a check is sent back with the error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import SpecError
from ptx_prefect.run.budget import Forecast
from ptx_prefect.run.models import CREDENTIALS, Model, model_of
from ptx_prefect.run.outcomes import Cancelled, Done, Failed, RateLimited, TimedOut, Usage, WorkerOutcome
from ptx_prefect.settings import Settings
from ptx_prefect.strict import nearest
from ptx_prefect.workers import model_calls
from ptx_prefect.workers.checks import broken_check, mistakes_in_checks
from ptx_prefect.workers.prompt import (
    CONTEXT_BYTES,
    FILES_INSTRUCTIONS,
    PROMPT_VERSION,
    TEXT_INSTRUCTIONS,
    prompt_bytes,
    task_text,
)
from ptx_prefect.workers.protocol import Beat, Job
from ptx_prefect.workers.talk import Question, Talk
from ptx_prefect.workers.written import Draft, FilesAnswer

NUMBERS: Mapping[str, tuple[float, float, float]] = {
    "max_tokens": (8192, 1, 1_000_000),
    "repairs": (2, 0, 10),
    "context_bytes": (CONTEXT_BYTES, 0, 10_000_000),
}
"""Key: default, least, most."""
KEYS = ("model", "output", "output_mode", "instructions", "temperature", "checks", *NUMBERS)
MODES = ("tool", "native", "prompted")
BYTES_PER_TOKEN = 2
"""For the worst case: texts have three to five bytes a token, dense code two and a half."""
FRAME_TOKENS = 900
"""What a provider adds around a structured answer: tool descriptions and our schema."""


class ChatWorker:
    """Asks a model, at most ``repairs`` times more where the answer cannot be taken."""

    kind = "chat"

    def check(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, str]:
        """Unknown keys, wrong values; the extra or the key that is missing."""
        mistakes = {key: f"unknown key {key!r}; {nearest(key, KEYS)}" for key in config if key not in KEYS}
        mistakes |= _mistakes_in_values(config)
        mistakes |= mistakes_in_checks(config.get("checks"))
        try:
            model = _model(config)
        except SpecError as error:
            return mistakes | error.mistakes
        if not model_calls.is_installed():
            mistakes["kind"] = f"model calls need the extra `ai`; install it: {model_calls.INSTALL}"
        elif model_calls.key_of(model) is None and not model.key_env.startswith(CREDENTIALS):
            mistakes["model"] = (
                f"there is no key for {model.model!r}; set {model.key_env}, or name another variable"
                " or server in the settings (models)"
            )
        return mistakes

    def fingerprint(self, config: Mapping[str, Any], *, workdir: Path) -> Mapping[str, Any]:
        """The version of our own wording; the model itself stands in the configuration."""
        return {"prompt": PROMPT_VERSION}

    def forecast(
        self, config: Mapping[str, Any], *, description: str, inputs: Mapping[str, Any], has_files: bool
    ) -> Forecast:
        """The most that a section can spend; ``has_files``: it declares paths to read or write."""
        output = config.get("output", "files")
        context = int(_number(config, "context_bytes"))
        default = FILES_INSTRUCTIONS if output == "files" else TEXT_INSTRUCTIONS
        size = len(str(config.get("instructions") or default).encode()) + prompt_bytes(
            description, inputs, shows_files=has_files, context_bytes=context
        )
        frame = 0 if output == "text" else FRAME_TOKENS + len(str(output)) // BYTES_PER_TOKEN
        return Forecast(
            model=_model(config).model,
            input_tokens=size // BYTES_PER_TOKEN + frame,
            output_tokens=int(_number(config, "max_tokens")),
            answer_tokens=1000,
            max_calls=int(_number(config, "repairs")) + 1,
        )

    def run(self, job: Job, *, beat: Beat) -> WorkerOutcome:
        """Ask, within the deadline; an unavailable provider is no failure."""
        began_s = time.monotonic()
        question = _question(job)
        limiter = model_calls.limiter_of(question.model)
        ticket = limiter.enter(began_s)
        if isinstance(ticket, float):
            return RateLimited(question.model.provider, ticket, Usage(calls=0), was_asked=False)
        draft = Draft(job.workdir, job.writes)
        talk = Talk(question, lambda found: _objections(found, job, draft), beat)
        try:
            found = model_calls.run_in_loop(job.section, talk.answer, limit_s=job.deadline_s)
        except TimeoutError:
            limiter.left(ticket)
            return _logged(job, talk, TimedOut(job.deadline_s, "deadline", talk.usage(lost=True), str(job.log_path)))
        except model_calls.CancelledCall as error:
            limiter.left(ticket)
            return Cancelled(str(error), talk.usage(lost=True))
        except Exception as error:
            outcome = talk.outcome_after(error)
            if isinstance(outcome, RateLimited):
                limiter.refused(ticket, time.monotonic(), retry_after_s=outcome.retry_after_s)
            else:
                limiter.left(ticket)
            return _logged(job, talk, outcome)
        limiter.succeeded(ticket)
        done = Done(_value(found, question), usage=talk.usage(), log=str(job.log_path))
        return _logged(job, talk, done, found)


def _question(job: Job) -> Question:
    config = job.config
    output = config.get("output", "files")
    repairs = int(_number(config, "repairs"))
    if job.calls_allowed is not None:
        repairs = min(repairs, max(0, job.calls_allowed - 1))
    default = FILES_INSTRUCTIONS if output == "files" else TEXT_INSTRUCTIONS
    context = int(_number(config, "context_bytes"))
    return Question(
        model=_model(config),
        instructions=str(config.get("instructions") or default),
        prompt=task_text(job, context_bytes=context),
        output=output,
        mode=str(config.get("output_mode", "tool")),
        max_tokens=int(_number(config, "max_tokens")),
        temperature=config.get("temperature"),
        repairs=repairs,
        limit_s=job.deadline_s,
    )


def _objections(found: Any, job: Job, draft: Draft) -> Sequence[str]:
    """Why an answer cannot be taken; where it can, its files are in the workspace."""
    if isinstance(found, FilesAnswer):
        wrong = draft.put(found)
        if wrong:
            return wrong
    broken = broken_check(job)
    return (broken,) if broken else ()


def _value(found: Any, question: Question) -> dict[str, Any]:
    if isinstance(found, FilesAnswer):
        files = sorted(file.path for file in found.files)
        return {"summary": found.summary, "files": files, "model": question.model.model}
    if isinstance(found, str):
        return {"text": found, "model": question.model.model}
    return {"data": dict(found), "model": question.model.model}


def _logged(job: Job, talk: Talk, outcome: WorkerOutcome, found: Any = None) -> WorkerOutcome:
    """The outcome; the conversation in the section's log."""
    question = talk.question
    parts = [f"model: {question.model.provider} {question.model.model}", "--- prompt", question.prompt]
    for complaint in talk.complaints:
        parts += ["--- sent back", complaint]
    if found is not None:
        parts += ["--- answer", found.model_dump_json(indent=1) if isinstance(found, FilesAnswer) else str(found)]
    if isinstance(outcome, Failed):
        parts += ["--- failed", outcome.reason]
    job.log_path.parent.mkdir(parents=True, exist_ok=True)
    job.log_path.write_text(model_calls.without_key("\n".join(parts), question.model) + "\n", encoding="utf-8")
    return outcome


def _model(config: Mapping[str, Any]) -> Model:
    return model_of(config.get("model", "sonnet"), Settings())


def _number(config: Mapping[str, Any], key: str) -> float:
    return float(config.get(key, NUMBERS[key][0]))


def _mistakes_in_values(config: Mapping[str, Any]) -> dict[str, str]:
    mistakes = {}
    for key, (_, least, most) in NUMBERS.items():
        value = config.get(key, least)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            mistakes[key] = f"takes a whole number from {least:g} to {most:g}, found {value!r}"
    temperature = config.get("temperature")
    if temperature is not None and not (isinstance(temperature, int | float) and 0 <= temperature <= 2):
        mistakes["temperature"] = f"takes a number from 0 to 2, found {temperature!r}"
    output = config.get("output", "files")
    if not (output in ("files", "text") or (isinstance(output, Mapping) and output.get("type") == "object")):
        mistakes["output"] = f'takes "files", "text" or a JSON schema of an object, found {output!r}'
    mode = config.get("output_mode", "tool")
    if mode not in MODES:
        mistakes["output_mode"] = f"takes one of {', '.join(MODES)}, found {mode!r}"
    if not isinstance(config.get("instructions", ""), str):
        mistakes["instructions"] = f"takes a text, found {config['instructions']!r}"
    return mistakes
