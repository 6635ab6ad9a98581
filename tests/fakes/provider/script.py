"""What the stand-in says: answers, faults, and ways to choose between them."""

from __future__ import annotations

import enum
import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Fault(enum.Enum):
    """What can go wrong at a provider."""

    RATE_LIMIT = "429 with Retry-After"
    OVERLOADED = "529"
    SERVER_ERROR = "500"
    BAD_KEY = "401"
    SLOW_FIRST_BYTE = "the answer begins late"
    CUT = "the connection ends in the middle of the answer"
    BAD_JSON = "a body that is not JSON"
    REFUSAL = "the model declines"
    HANG = "nothing ever comes"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the answer wants to be run by the client."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. ``data`` goes out as a call of the client's output tool where it has one, else as JSON text.

    Tokens not given are a quarter of the characters. ``delay_s`` is how long the "model" takes.
    """

    text: str = ""
    data: Mapping[str, Any] | None = None
    tools: Sequence[ToolCall] = ()
    fault: Fault | None = None
    delay_s: float = 0.0
    retry_after_s: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(slots=True)
class Call:
    """One request as it arrived, and what became of it. ``prompt`` is every text in it, in order."""

    number: int
    protocol: str
    path: str
    body: Mapping[str, Any]
    prompt: str
    key: str
    at_s: float
    in_flight: int
    status: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    tools: tuple[str, ...] = field(default=())


Script = Callable[[Call], Answer]


def in_turn(answers: Sequence[Answer]) -> Script:
    """One answer after the other; the last one for ever."""
    lock, turn = threading.Lock(), itertools.count()

    def script(call: Call) -> Answer:
        with lock:
            return answers[min(next(turn), len(answers) - 1)]

    return script


def by_mark(rows: Mapping[str, Answer | Sequence[Answer]]) -> Script:
    """The answers whose mark stands in the prompt, first mark first; several answers of a mark come in turn."""
    scripts = {mark: in_turn([row] if isinstance(row, Answer) else row) for mark, row in rows.items()}

    def script(call: Call) -> Answer:
        for mark, inner in scripts.items():
            if mark in call.prompt:
                return inner(call)
        return Answer(text=f"no answer is written for this: {call.prompt[:200]}")

    return script


def texts_in(value: Any) -> list[str]:
    """Every text of a request that a model would read."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for key, part in value.items() if key not in _NOT_READ for text in texts_in(part)]
    if isinstance(value, Sequence):
        return [text for part in value for text in texts_in(part)]
    return []


_NOT_READ = {"type", "role", "id", "tool_use_id", "tool_call_id", "call_id", "status", "cache_control"}


def shown(answer: Answer, output_tool: str | None) -> tuple[str, tuple[ToolCall, ...]]:
    """An answer as text and tool calls."""
    if answer.fault is Fault.REFUSAL:
        return answer.text or "I cannot help with that.", ()
    if answer.data is None:
        return answer.text, tuple(answer.tools)
    if output_tool is None:
        return json.dumps(answer.data), tuple(answer.tools)
    return answer.text, (*answer.tools, ToolCall(output_tool, answer.data))
