"""Examples that the task's own words hold: ``>>> f(3)`` and what it gives, as tests."""

from __future__ import annotations

import ast
import doctest

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.checks import make_check


def tests_in_description(text: str, entry_point: str) -> tuple[str, ...]:
    """The examples of a description as tests, those that can be used; statements before one are its steps."""
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:  # a prompt without the blank after it, or an uneven indent
        return ()
    found: list[str] = []
    steps: list[str] = []
    for example in examples:
        asserted = _asserted(example)
        if asserted is None:
            steps += [] if example.source.startswith("print(") else [example.source.rstrip()]
        elif _is_usable(test := "\n".join([*steps, asserted]), entry_point):
            found.append(test)
    return tuple(found)


def _asserted(example: doctest.Example) -> str | None:
    """An assert of what the example shows; None for a step of which nothing is shown."""
    source = example.source.strip()
    try:
        node = ast.parse(source, mode="eval").body
    except SyntaxError:
        return None
    if example.exc_msg is not None:
        kind = example.exc_msg.partition(":")[0].strip()
        return f"import pytest\nwith pytest.raises({kind}):\n    {source}"
    want = example.want.strip()
    if not want or source.startswith("print("):
        return None
    try:
        ast.literal_eval(want)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return f"assert repr({source}) == {want!r}"
    return f"assert {ast.unparse(node)} == {want}" if isinstance(node, ast.Call) else f"assert ({source}) == {want}"


def _is_usable(test: str, entry_point: str) -> bool:
    try:
        make_check(test, entry_point)
    except VoteError:
        return False
    return True
