"""A stand-in for a model provider on loopback: scripted answers, faults on demand, and a counter that is the truth.

    with Provider([Answer("hello"), Answer(fault=Fault.RATE_LIMIT)]) as provider:
        ...  # point a client at provider.url
        assert provider.billed_tokens <= 1200

It speaks Anthropic Messages, OpenAI Chat Completions and OpenAI Responses, as JSON and as server-sent events.
Nothing it says is a model's work: every answer is written in the test that uses it.
"""

from tests.fakes.provider.script import Answer, Call, Fault, Script, ToolCall, by_mark, in_turn
from tests.fakes.provider.server import Provider

__all__ = ["Answer", "Call", "Fault", "Provider", "Script", "ToolCall", "by_mark", "in_turn"]
