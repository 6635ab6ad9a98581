"""Tests and calls that nobody wrote as such: examples in the description, and types that candidates annotate."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ptx_prefect.settings import Settings
from ptx_prefect.spec import VotingSpec, parse_spec
from ptx_prefect.vote.annotated import calls_from_annotations
from ptx_prefect.vote.described import tests_in_description as examples_in
from ptx_prefect.vote.prospect import prospect_of
from ptx_prefect.vote.voters import vote_task_of

DESCRIPTION = """Merge them.

    >>> merge([1], [2])
    [1, 2]
    >>> merge("a", "b")
    "ab"
    >>> print(merge([], []))
    []
    >>> s = [1]
    >>> s.append(2)
    >>> merge(s, [3]) == [1, 2, 3]
    True
    >>> merge(1, 2)
    Traceback (most recent call last):
        ...
    TypeError: no lists
    >>> other(1)
    1
"""


def test_examples_of_the_description_are_tests_with_the_steps_before_them() -> None:
    found = examples_in(DESCRIPTION, "merge")

    assert found[:2] == ("assert merge([1], [2]) == [1, 2]", "assert merge('a', 'b') == \"ab\"")
    assert found[2] == "s = [1]\ns.append(2)\nassert (merge(s, [3]) == [1, 2, 3]) == True"
    assert found[3].endswith("with pytest.raises(TypeError):\n    merge(1, 2)")
    assert len(found) == 4, "what is printed, or says nothing of the entry point, is no test"


@pytest.mark.parametrize("text", ["", "no example", ">>>merge(1)\n2", "    >>> merge(1)\n  2"])
def test_a_description_without_readable_examples_gives_none(text: str) -> None:
    assert examples_in(text, "merge") == ()


def test_a_task_is_gated_by_the_examples_that_its_description_holds() -> None:
    task = {
        "task_id": "t",
        "mode": "voting",
        "main_task": {
            "description": DESCRIPTION,
            "entry_point": "merge",
            "tests": ["assert merge([1], [2]) == [1, 2]"],
        },
        "voters": [{"name": "a", "source": "def merge(a, b): return a + b"}],
    }
    spec = parse_spec(task)
    assert isinstance(spec, VotingSpec)

    assert len(vote_task_of(spec, workdir=Path()).tests) == 4, "the one that is given too counts once"
    assert "4 examples in the description" in prospect_of(spec, Settings()).gate


@pytest.mark.parametrize(
    ("parameters", "kinds"),
    [
        ("n: int, text: str = 'x'", [int]),
        ("xs: list[float], k: 'str | None'", [list, str]),
        ("rows: Sequence[Sequence[int]], flag: bool", [list, bool]),
        ("d: Mapping[str, list[int]], s: set[str]", [dict, set]),
        ("t: tuple[int, str], u: Tuple[int, ...]", [tuple, tuple]),
        ("x: Optional[bytes], y: typing.Union[int, str]", [bytes, int]),
        ("", []),
    ],
)
def test_calls_are_made_from_annotations(parameters: str, kinds: list[type]) -> None:
    calls = calls_from_annotations([f"def f({parameters}): ..."], "f")

    assert calls
    for call in calls:
        tree = ast.parse(call, mode="eval").body
        assert isinstance(tree, ast.Call)
        assert [type(ast.literal_eval(one)) for one in tree.args] == kinds


@pytest.mark.parametrize("parameters", ["n", "n: Node", "n: int, *, key: str", "f: Callable[[int], int]"])
def test_types_that_say_too_little_give_no_calls(parameters: str) -> None:
    assert calls_from_annotations([f"def f({parameters}): ..."], "f") == ()


def test_most_candidates_say_what_the_types_are() -> None:
    calls = calls_from_annotations(["def f(x: str): ...", "def f(y: int): ...", "def f(z: int): ...", "oh("], "f")

    assert calls == ("f(3)", "f(7)")
