"""What agents print is read for tokens and cost; whatever they print, reading it does not fail."""

from __future__ import annotations

import pytest

from ptx_prefect.workers.agent_output import READERS, Told, is_rate_limit, told_by
from ptx_prefect.workers.agent_presets import PRESETS, argv_of

CLAUDE = """some warning
{"type":"result","subtype":"success","is_error":false,"num_turns":3,"result":"Done.","total_cost_usd":0.25,\
"usage":{"input_tokens":4,"cache_creation_input_tokens":1000,"cache_read_input_tokens":500,"output_tokens":70}}
"""
CODEX = """{"type":"thread.started","thread_id":"t"}
{"type":"item.completed","item":{"id":"i","type":"agent_message","text":"Added a.py."}}
{"type":"turn.completed","usage":{"input_tokens":900,"cached_input_tokens":100,"output_tokens":40}}
"""
AIDER = """Applied edit to a.py
Tokens: 2.1k sent, 310 received. Cost: $0.01 message, $0.01 session.
Tokens: 950 sent, 20 received. Cost: $0.005 message, $0.015 session.
"""
GEMINI = """{"response": "Hi", "stats": {"models": {"m": {"api": {"totalRequests": 2},
 "tokens": {"prompt": 11, "candidates": 5, "thoughts": 2}}}}}"""
OPENCODE = """{"type":"text","part":{"text":"ok"}}
{"type":"step_finish","part":{"cost":0.5,"tokens":{"input":7,"output":3}}}
"""


@pytest.mark.parametrize(
    ("reader", "output", "told"),
    [
        ("claude", CLAUDE, Told("Done.", 3, 1504, 70, 0.25)),
        ("codex", CODEX, Told("Added a.py.", None, 900, 40)),
        ("aider", AIDER, Told("", 2, 3050, 330, 0.015)),
        ("gemini", GEMINI, Told("Hi", 2, 11, 7)),
        ("opencode", OPENCODE, Told("ok", 1, 7, 3, 0.5)),
    ],
)
def test_each_agents_output_is_read(reader: str, output: str, told: Told) -> None:
    assert told_by(reader, output) == told


@pytest.mark.parametrize("reader", sorted(READERS))
@pytest.mark.parametrize(
    "output", ["", "{", '{"type":"result","usage":[]}', '{"type":"turn.completed","usage":3}', "x" * 99]
)
def test_any_output_can_be_read(reader: str, output: str) -> None:
    assert isinstance(told_by(reader, output), Told)


def test_errors_of_agents_are_told() -> None:
    row = '{"type":"result","is_error":true,"result":"API Error: 529 overloaded_error"}'

    assert told_by("claude", row).error == "API Error: 529 overloaded_error"
    assert is_rate_limit(told_by("claude", row).error) and not is_rate_limit("line 4290: syntax error")


def test_the_model_stands_after_the_subcommand_and_the_prompt_last() -> None:
    codex = PRESETS["codex"]
    argv = argv_of(codex.argv, prompt="do {it}", model="m", model_args=codex.model_args, extra=("-c", "x=1"))

    assert argv[:6] == ("codex", "exec", "--model", "m", "-c", "x=1") and argv[-1] == "do {it}"
