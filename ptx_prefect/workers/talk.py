"""One conversation with a model: ask, look at the answer, send it back with the real error, at most so many times."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ptx_prefect.run.models import Model
from ptx_prefect.run.outcomes import Failed, RateLimited, Usage
from ptx_prefect.workers.model_calls import chat_model, without_key
from ptx_prefect.workers.written import FilesAnswer

Accept = Callable[[Any], Sequence[str]]
"""Takes an answer or says what is wrong with it; may block (it is called in a thread)."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a model is asked. ``output`` is ``"text"``, ``"files"`` or a JSON schema of an object.

    ``mode`` is how a structured answer is asked for: ``"tool"``, ``"native"`` or ``"prompted"``.
    """

    model: Model
    instructions: str
    prompt: str
    output: str | Mapping[str, Any] = "text"
    mode: str = "tool"
    max_tokens: int = 8192
    temperature: float | None = None
    repairs: int = 2
    limit_s: float = 300.0


@dataclass(slots=True)
class Talk:
    """The conversation as it goes on; after an exception it still knows what was paid and what was wrong."""

    question: Question
    accept: Accept
    beat: Callable[[str], None]
    complaints: list[str] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    _used: Any = None
    _beaten_s: float = 0.0

    async def answer(self) -> Any:
        """The accepted answer.

        Raises:
            pydantic_ai's errors; see :meth:`outcome_after`.
        """
        from pydantic_ai import Agent, ModelRetry, RunContext
        from pydantic_ai.usage import RunUsage, UsageLimits

        question = self.question
        self._used = RunUsage()
        agent: Any = Agent(
            chat_model(question.model),
            output_type=_output_type(question),
            instructions=question.instructions,
            retries={"output": question.repairs, "tools": 0},
        )

        @agent.output_validator  # type: ignore[untyped-decorator,unused-ignore]  # the agent is Any
        async def accepted(context: RunContext[None], found: Any) -> Any:
            wrong = [*_red_flags(found, context), *await asyncio.to_thread(self.accept, found)]
            if wrong:
                self.complaints.append("; ".join(wrong))
                raise ModelRetry(f"Not accepted: {self.complaints[-1]}\nSend the complete answer again.")
            return found

        async def listen(_: Any, events: Any) -> None:
            async for _event in events:
                self._say_alive()

        result = await agent.run(
            question.prompt,
            usage=self._used,
            usage_limits=UsageLimits(request_limit=question.repairs + 1),
            event_stream_handler=listen,
            model_settings=self._settings(),
        )
        return result.output

    def usage(self, *, lost: bool = False) -> Usage:
        """What was paid so far. ``lost``: one more answer was under way, and nobody knows what it cost."""
        used = self._used
        wall_s = time.monotonic() - self.began_s
        if used is None:
            return Usage(wall_s=wall_s, calls=0)
        if lost:
            return Usage(wall_s=wall_s, calls=used.requests + 1)
        cost = float(used.cost) if used.cost is not None else None
        return Usage(
            wall_s=wall_s,
            calls=used.requests,
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cost_usd=cost,
        )

    def outcome_after(self, error: Exception) -> Failed | RateLimited:
        """How a conversation that broke off counts."""
        from pydantic_ai import exceptions as ai

        model = self.question.model
        text = without_key(str(error), model)[:1000]
        match error:
            case ai.ModelQuotaExceededError():
                return Failed(f"{model.provider}: the account's quota is used up: {text}", "quota", True, self.usage())
            case ai.ModelRateLimitError() | ai.ModelUnavailableError():
                return RateLimited(model.provider, error.retry_after, self.usage())
            case ai.ModelConnectionError(phase=phase):
                return self._not_arrived(phase, text)
            case ai.ModelHTTPError(status_code=status):
                return self._refused_by_server(status, text)
            case ai.ContentFilterError():
                return Failed(f"{model.model} declined: {text}", "refusal", True, self.usage())
            case ai.UnexpectedModelBehavior() | ai.UsageLimitExceeded() if self.complaints:
                count = len(self.complaints)
                reason = f"{model.model} was asked {count} time{'s' * (count > 1)}; still wrong: {self.complaints[-1]}"
                return Failed(reason, "rejected", True, self.usage())
            case ai.UnexpectedModelBehavior():
                is_lost = "ended without content" in text
                return Failed(f"{model.model}: no usable answer: {text}", "bad_answer", False, self.usage(lost=is_lost))
            case ai.ModelAPIError():
                return Failed(f"{model.provider}: {text}", "bad_answer", False, self.usage(lost=True))
            case _:
                return Failed(
                    f"{model.provider}: {type(error).__name__}: {text}", "error", False, self.usage(lost=True)
                )

    def _not_arrived(self, phase: str | None, text: str) -> Failed:
        """The connection failed: before anything was asked, or while an answer was under way."""
        model = self.question.model
        if phase in ("pool", "connect"):
            place = model.base_url or f"the server of {model.provider}"
            return Failed(f"{place} cannot be reached ({text}); check base_url and the network", "connection", False,
                          self.usage())  # fmt: skip
        reason = f"{model.provider}: the answer did not arrive: {text}"
        return Failed(reason, "connection", False, self.usage(lost=True))

    def _refused_by_server(self, status: int, text: str) -> Failed:
        model = self.question.model
        if status in (401, 403):
            reason = f"{model.provider} does not accept the key in {model.key_env or '(none)'}: {text}"
            return Failed(reason, "auth", True, self.usage())
        return Failed(f"{model.provider}: {text}", f"http_{status}", status < 500, self.usage())

    def _settings(self) -> dict[str, Any]:
        question = self.question
        found: dict[str, Any] = {"max_tokens": question.max_tokens, "timeout": question.limit_s}
        if question.temperature is not None:
            found["temperature"] = question.temperature
        return found

    def _say_alive(self) -> None:
        now_s = time.monotonic()
        if now_s - self._beaten_s >= 1.0:
            self._beaten_s = now_s
            self.beat("the model is answering")


def _output_type(question: Question) -> Any:
    from pydantic_ai import NativeOutput, PromptedOutput, StructuredDict, ToolOutput

    if question.output == "text":
        return str
    if isinstance(question.output, Mapping):
        inner: Any = StructuredDict(dict(question.output), name=str(question.output.get("title") or "answer"))
    else:
        inner = FilesAnswer
    maker: Any = {"native": NativeOutput, "prompted": PromptedOutput}.get(question.mode)
    return maker(inner) if maker else ToolOutput(inner, name="final_result")


_DECLINED = re.compile(
    r"\s*(?:i['’]?m sorry|sorry|i apologi[sz]e|unfortunately)?[,.]?\s*(?:but )?"
    r"i (?:can(?:no|['’])t|am (?:not able|unable)|won['’]?t|must decline)\b",
    re.IGNORECASE,
)
_SHORT = 600
"""A longer text that begins so is an answer with a preface, not a refusal."""


def _red_flags(found: Any, context: Any) -> list[str]:
    """Empty, over-long, refused: failures, not candidates."""
    flags = []
    last = next((m for m in reversed(context.messages) if getattr(m, "kind", "") == "response"), None)
    if getattr(last, "finish_reason", None) == "length":
        flags.append("the answer was cut off at the token limit; write less")
    if isinstance(found, str):
        if not found.strip():
            flags.append("the answer is empty")
        elif len(found) < _SHORT and _DECLINED.match(found):
            flags.append(f"it is a refusal: {found.strip()[:200]}")
    return flags
