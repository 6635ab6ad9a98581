"""The three protocols: what a request asks for, and an answer as JSON or as events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.fakes.provider.script import ToolCall

CHUNK = 40
"""Characters of text in one event."""

Event = tuple[str | None, Any]
"""Name (or None) and data of one server-sent event."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A finished answer. ``stop`` is ``"end"``, ``"tool"``, ``"length"`` or ``"refusal"``."""

    number: int
    model: str
    text: str
    tools: Sequence[ToolCall]
    stop: str
    input_tokens: int
    output_tokens: int


def pieces(text: str) -> list[str]:
    return [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]


class Anthropic:
    """``POST /v1/messages``."""

    name = "anthropic"
    path = "/v1/messages"
    _STOP = {"end": "end_turn", "tool": "tool_use", "length": "max_tokens", "refusal": "refusal"}  # noqa: RUF012

    @staticmethod
    def max_tokens(body: Mapping[str, Any]) -> int | None:
        return body.get("max_tokens")

    @staticmethod
    def tools(body: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(tool["name"] for tool in body.get("tools") or () if "name" in tool)

    @staticmethod
    def error(status: int, message: str) -> dict[str, Any]:
        kind = {429: "rate_limit_error", 529: "overloaded_error", 401: "authentication_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def _blocks(self, reply: Reply) -> list[dict[str, Any]]:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
        for index, tool in enumerate(reply.tools):
            name = f"toolu_{reply.number}_{index}"
            blocks.append({"type": "tool_use", "id": name, "name": tool.name, "input": dict(tool.arguments)})
        return blocks

    def _message(self, reply: Reply, content: list[Any], stop: str | None, output: int) -> dict[str, Any]:
        return {
            "id": f"msg_{reply.number}",
            "type": "message",
            "role": "assistant",
            "model": reply.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": reply.input_tokens, "output_tokens": output},
        }

    def whole(self, reply: Reply) -> dict[str, Any]:
        return self._message(reply, self._blocks(reply), self._STOP[reply.stop], reply.output_tokens)

    def events(self, reply: Reply) -> Iterator[Event]:
        yield "message_start", {"type": "message_start", "message": self._message(reply, [], None, 1)}
        for index, block in enumerate(self._blocks(reply)):
            is_text = block["type"] == "text"
            empty = {**block, "text": ""} if is_text else {**block, "input": {}}
            yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": empty}
            for piece in pieces(block["text"] if is_text else json.dumps(block["input"])):
                delta = (
                    {"type": "text_delta", "text": piece}
                    if is_text
                    else {"type": "input_json_delta", "partial_json": piece}
                )
                yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
            yield "content_block_stop", {"type": "content_block_stop", "index": index}
        delta = {"stop_reason": self._STOP[reply.stop], "stop_sequence": None}
        usage = {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}
        yield "message_delta", {"type": "message_delta", "delta": delta, "usage": usage}
        yield "message_stop", {"type": "message_stop"}


class Chat:
    """``POST /v1/chat/completions``."""

    name = "chat"
    path = "/v1/chat/completions"
    _STOP = {"end": "stop", "tool": "tool_calls", "length": "length", "refusal": "content_filter"}  # noqa: RUF012

    @staticmethod
    def max_tokens(body: Mapping[str, Any]) -> int | None:
        return body.get("max_completion_tokens") or body.get("max_tokens")

    @staticmethod
    def tools(body: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(tool["function"]["name"] for tool in body.get("tools") or () if "function" in tool)

    @staticmethod
    def error(status: int, message: str) -> dict[str, Any]:
        kind = "rate_limit_exceeded" if status == 429 else "server_error"
        return {"error": {"message": message, "type": kind, "code": kind}}

    def _head(self, reply: Reply, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{reply.number}", "object": kind, "created": 1700000000, "model": reply.model}

    def _usage(self, reply: Reply) -> dict[str, int]:
        total = reply.input_tokens + reply.output_tokens
        return {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": total,
        }

    def _calls(self, reply: Reply) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{reply.number}_{index}",
                "type": "function",
                "function": {"name": tool.name, "arguments": json.dumps(dict(tool.arguments))},
            }
            for index, tool in enumerate(reply.tools)
        ]

    def whole(self, reply: Reply) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
        if reply.tools:
            message["tool_calls"] = self._calls(reply)
        choice = {"index": 0, "message": message, "finish_reason": self._STOP[reply.stop]}
        return {**self._head(reply, "chat.completion"), "choices": [choice], "usage": self._usage(reply)}

    def events(self, reply: Reply) -> Iterator[Event]:
        head = self._head(reply, "chat.completion.chunk")

        def chunk(delta: dict[str, Any], finish: str | None = None) -> Event:
            return None, {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

        yield chunk({"role": "assistant", "content": ""})
        for piece in pieces(reply.text):
            yield chunk({"content": piece})
        for index, call in enumerate(self._calls(reply)):
            function = {**call["function"], "arguments": ""}
            yield chunk({"tool_calls": [{**call, "index": index, "function": function}]})
            for piece in pieces(call["function"]["arguments"]):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, self._STOP[reply.stop])
        yield None, {**head, "choices": [], "usage": self._usage(reply)}
        yield None, "[DONE]"


class Responses:
    """``POST /v1/responses``."""

    name = "responses"
    path = "/v1/responses"

    @staticmethod
    def max_tokens(body: Mapping[str, Any]) -> int | None:
        return body.get("max_output_tokens")

    @staticmethod
    def tools(body: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(tool["name"] for tool in body.get("tools") or () if tool.get("type") == "function")

    error = staticmethod(Chat.error)

    def _items(self, reply: Reply) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        if reply.text or not reply.tools:
            part = {"type": "output_text", "text": reply.text, "annotations": []}
            if reply.stop == "refusal":
                part = {"type": "refusal", "refusal": reply.text}
            message = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
            items.append({**message, "id": f"msg_{reply.number}"})
        for index, tool in enumerate(reply.tools):
            name = f"{reply.number}_{index}"
            call = {"type": "function_call", "id": f"fc_{name}", "call_id": f"call_{name}", "status": "completed"}
            items.append({**call, "name": tool.name, "arguments": json.dumps(dict(tool.arguments))})
        return items

    def whole(self, reply: Reply) -> dict[str, Any]:
        cut = reply.stop == "length"
        return {
            "id": f"resp_{reply.number}",
            "object": "response",
            "created_at": 1700000000,
            "model": reply.model,
            "status": "incomplete" if cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "error": None,
            "output": self._items(reply),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": reply.input_tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": reply.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": reply.input_tokens + reply.output_tokens,
            },
        }

    def events(self, reply: Reply) -> Iterator[Event]:
        number = 0

        def event(kind: str, **data: Any) -> Event:
            nonlocal number
            number += 1
            return kind, {"type": kind, "sequence_number": number - 1, **data}

        whole = self.whole(reply)
        begun = {**whole, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
        yield event("response.created", response=begun)
        for index, item in enumerate(whole["output"]):
            place = {"output_index": index, "item_id": item["id"]}
            if item["type"] == "function_call":
                empty = {**item, "arguments": "", "status": "in_progress"}
                yield event("response.output_item.added", output_index=index, item=empty)
                for piece in pieces(item["arguments"]):
                    yield event("response.function_call_arguments.delta", **place, delta=piece)
                done = {"name": item["name"], "arguments": item["arguments"]}
                yield event("response.function_call_arguments.done", **place, **done)
            else:
                empty = {**item, "content": [], "status": "in_progress"}
                yield event("response.output_item.added", output_index=index, item=empty)
                yield from self._text(event, place, item["content"][0])
            yield event("response.output_item.done", output_index=index, item=item)
        last = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
        yield event(last, response=whole)

    @staticmethod
    def _text(event: Any, place: dict[str, Any], part: dict[str, Any]) -> Iterator[Event]:
        kind = "refusal" if part["type"] == "refusal" else "text"
        text = part[kind]
        name = "response.refusal" if kind == "refusal" else "response.output_text"
        extra = {} if kind == "refusal" else {"logprobs": []}
        yield event("response.content_part.added", **place, content_index=0, part={**part, kind: ""})
        for piece in pieces(text):
            yield event(f"{name}.delta", **place, content_index=0, delta=piece, **extra)
        yield event(f"{name}.done", **place, content_index=0, **{kind: text}, **extra)
        yield event("response.content_part.done", **place, content_index=0, part=part)


PROTOCOLS = {protocol.path: protocol for protocol in (Anthropic(), Chat(), Responses())}
