"""Tests of many statements, cut into what is recorded and what is judged outside."""

from __future__ import annotations

import pytest

from ptx_prefect.vote.checks import judge, make_check
from ptx_prefect.vote.inside.wire import kept
from ptx_prefect.vote.recording import observing_program
from ptx_prefect.vote.sandbox import Sandbox
from ptx_prefect.vote.values import Output

STRICT = """
class Odd(ValueError):
    pass
def parse(s):
    if not s.isdigit():
        raise Odd(f"no number: {s}")
    return int(s)
"""
LAX = "def parse(s):\n    return int(s) if s.isdigit() else None\n"
OTHER = "def parse(s):\n    if not s.isdigit():\n        raise KeyError(s)\n    return int(s)\n"

RAISES = [
    "with pytest.raises(ValueError):\n    parse('x')",
    "with raises((TypeError, ValueError)):\n    parse('x')",
    "with pytest.raises(candidate.Odd):\n    parse('x')",
    "with pytest.raises(ValueError, match='no number'):\n    parse('x')",
    "with pytest.raises(ValueError) as caught:\n    parse('x')\nassert 'x' in str(caught.value)",
    "pytest.raises(ValueError, parse, 'x')",
    "try:\n    parse('x')\n    assert False\nexcept ValueError:\n    pass",
    "try:\n    parse('x')\nexcept ValueError:\n    pass\nelse:\n    pytest.fail('took it')",
    "def test_a():\n    try:\n        parse('x')\n    except ValueError:\n        return\n    assert False",
    "def test_a():\n    with pytest.raises(ValueError):\n        parse('x')\n    assert parse('3') == 3",
    "try:\n    parse('x')\n    raise AssertionError('no')\nexcept ValueError as error:\n    assert 'x' in str(error)",
]


def passes(test: str, program: str) -> tuple[bool, str]:
    """Run the check's program here, as a candidate's process does, and judge what it recorded."""
    check = make_check(f"from pytest import raises\nimport pytest\n{test}", "parse")
    namespace: dict[str, object] = {"_ptx_kept": kept}
    exec(program, namespace)
    try:
        exec(check.calls[0], namespace)
        output = Output("value", "", namespace["_ptx_seen"])
    except Exception as error:
        output = Output("error", type(error).__name__)
    (verdict,) = judge([(check, [output])], sandbox=Sandbox())
    return verdict.passed, verdict.seen


@pytest.mark.parametrize("test", RAISES)
def test_that_an_exception_is_wanted_is_understood_in_every_usual_form(test: str) -> None:
    assert passes(test, STRICT) == (True, "")
    for wrong in (LAX, OTHER):
        passed, why = passes(test, wrong)
        assert not passed and why


@pytest.mark.parametrize("test", RAISES)
def test_pytest_itself_is_not_needed_for_them(test: str) -> None:
    check = make_check(f"import pytest\nfrom pytest import raises\n{test}", "parse")

    assert "pytest" not in check.calls[0]


def test_a_text_that_does_not_match_is_another_exception() -> None:
    test = "with pytest.raises(ValueError, match='^number'):\n    parse('x')"

    assert passes(test, STRICT) == (False, "raised Odd (no number: x), not ValueError as asked for")


@pytest.mark.parametrize(
    ("wanted", "right", "wrong"),
    [
        ("pytest.approx(0.3)", "0.1 + 0.2", "0.301"),
        ("pytest.approx([1, 2.0])", "(1.0, 2 + 1e-9)", "[1, 2, 3]"),
        ("pytest.approx({'a': 1.0}, abs=0.1)", "{'a': 1.05}", "{'a': 1.2}"),
        ("pytest.approx(100, rel=0.01)", "100.5", "102"),
    ],
)
def test_approximate_values_are_judged_outside(wanted: str, right: str, wrong: str) -> None:
    test = f"x = parse('1')\nassert x == {wanted}"

    assert passes(test, f"def parse(s): return {right}") == (True, "")
    assert not passes(test, f"def parse(s): return {wrong}")[0]


def test_asserts_of_helpers_that_are_not_called_need_not_be_reached() -> None:
    test = "def near(a, b):\n    assert a == b\n\ndef test_a():\n    assert parse('3') == 3"

    assert passes(test, STRICT) == (True, "")


def test_a_loop_that_asserts_nothing_is_told() -> None:
    assert passes("for one in ():\n    assert parse(one) == 1", STRICT) == (False, "reached no assert")


def test_a_program_that_is_compared_records_what_its_steps_give() -> None:
    test = "s = Stack(2)\ns.push(1)\nout = s.items()\nlog.append(1)\nassert len(out) < 9"
    program = observing_program(test, "Stack")
    seen: list[tuple[int, object]] = []

    class Stack:
        def __init__(self, size: int) -> None:
            self.size = size

        def push(self, value: int) -> str:
            return f"pushed {value}"

        def items(self) -> list[int]:
            return [self.size]

    def noted(rows: list[object], value: object) -> object:
        rows.append(value)
        return value

    space = {"Stack": Stack, "log": [], "_ptx_kept": kept, "_ptx_noted": noted}
    exec(program, space)
    seen = space["_ptx_seen"]  # type: ignore[assignment]

    assert isinstance(seen[0], Stack) and seen[1:] == ["pushed 1", [2], (0, 1)]
