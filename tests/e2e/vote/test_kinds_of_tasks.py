"""Tasks of other kinds than a function of plain values: objects, steps, streams, refusals, coroutines."""

from __future__ import annotations

from functools import partial

import pytest

from ptx_prefect.vote import Sandbox
from tests.e2e.vote.conftest import vote_on

hold = partial(vote_on, aggregation="consensus")
LATEST = """
class Recent:
    def __init__(self, size):
        self.size, self.items = size, {}
    def put(self, key, value):
        self.items.pop(key, None)
        self.items[key] = value
        if len(self.items) > self.size:
            del self.items[next(iter(self.items))]
    def get(self, key):
        if key not in self.items:
            return None
        self.put(key, self.items[key])
        return self.items[key]
"""
ORDERED = """
from collections import OrderedDict
class Recent:
    def __init__(self, size):
        self.size, self.order = size, OrderedDict()
    def put(self, key, value):
        self.order[key] = value
        self.order.move_to_end(key)
        if len(self.order) > self.size:
            self.order.popitem(last=False)
    def get(self, key):
        if key in self.order:
            self.order.move_to_end(key)
        return self.order.get(key)
"""
ALWAYS_TWO = LATEST.replace("> self.size", "> 2")
IN_STEPS = "r = Recent(2)\nr.put('a', 1)\nr.put('b', 2)\nr.get('a')\nr.put('c', 3)\nassert r.get('b') is None"


def test_a_test_in_steps_is_varied_and_what_it_looks_at_is_compared(sandbox: Sandbox) -> None:
    fields = {"two": ALWAYS_TWO, "latest": LATEST, "ordered": ORDERED}
    decision = hold(fields, sandbox, entry_point="Recent", tests=[IN_STEPS])

    assert decision.groups == (("latest", "ordered"), ("two",))
    assert decision.difference is not None and decision.difference.call.startswith("r = Recent("), "as it is read"


def test_what_a_property_does_not_look_at_is_compared_too(sandbox: Sandbox) -> None:
    test = "for xs in ([1, 1, 2], [3, 3], []):\n    out = unique(xs)\n    assert set(out) == set(xs)"
    fields = {"sorted": "def unique(xs): return sorted(set(xs))", "a": "def unique(xs): return list(dict.fromkeys(xs))"}
    fields["b"] = "def unique(xs):\n    seen = set()\n    return [x for x in xs if not (x in seen or seen.add(x))]"
    decision = hold(fields, sandbox, entry_point="unique", tests=[test])

    assert decision.groups == (("a", "b"), ("sorted",))


SHIFTED = "from dataclasses import dataclass\n@dataclass(slots=True)\nclass Spot:\n    x: int\n    y: int\n"


def test_objects_with_slots_are_compared_by_what_is_in_them(sandbox: Sandbox) -> None:
    fields = {"wrong": "def shift(p, d): return Spot(p.x + d, p.y)"}
    fields |= {
        "a": "def shift(p, d): return Spot(p.x + d, p.y + d)",
        "b": "def shift(p, d): return Spot(d + p.x, d + p.y)",
    }
    decision = hold(fields, sandbox, entry_point="shift", prelude=SHIFTED, inputs=["shift(Spot(1, 2), 3)"])

    assert decision.groups == (("a", "b"), ("wrong",))
    assert decision.difference is not None and decision.difference.winner_gave == "<Spot object: x=4, y=5>"


def test_functions_as_answers_are_no_agreement_and_that_is_told(sandbox: Sandbox) -> None:
    fields = {"times": "def make(n): return lambda x: x * n", "plus": "def make(n): return lambda x: x + n"}
    blind = hold(fields, sandbox, entry_point="make", inputs=["make(2)"])
    called = hold(fields, sandbox, entry_point="make", inputs=["make(2)(3)"])

    assert blind.agreement_share is None and "functions" in str(blind.rationale["sandbox"])
    assert len(called.groups) == 2


LAX = "def age(s):\n    n = int(s)\n    if n < 0: raise ValueError(s)\n    return n"
STRICT = LAX.replace("n < 0", "not 0 <= n <= 150")
NAMED = "class AgeError(ValueError): pass\n" + STRICT.replace("raise ValueError", "raise AgeError")


@pytest.mark.parametrize("tests", [[], ["with pytest.raises(ValueError):\n    age('-1')", "assert age('42') == 42"]])
def test_who_refuses_as_most_do_is_not_outdone_by_who_takes_everything(tests: list[str], sandbox: Sandbox) -> None:
    inputs = ["age('151')", "age('150')", "age('0')", "age('999')"]
    decision = hold({"lax": LAX, "a": STRICT, "b": NAMED}, sandbox, entry_point="age", tests=tests, inputs=inputs)

    assert decision.groups[0] == ("a", "b")


def test_what_an_assert_looks_at_is_what_it_was_then(sandbox: Sandbox) -> None:
    right = (
        "from contextlib import contextmanager\n@contextmanager\ndef override(d, **new):\n    old = dict(d)\n"
        "    d.update(new)\n    yield d\n    d.clear()\n    d.update(old)\n"
    )
    test = "d = {'a': 1}\nwith override(d, a=2):\n    assert d == {'a': 2}\nassert d == {'a': 1}"
    decision = hold(
        {"kept": right.replace("    d.clear()\n    d.update(old)\n", ""), "right": right},
        sandbox,
        entry_point="override",
        tests=[test],
    )

    assert decision.winner == "right" and decision.gated_out == ("kept",)


COUNT = "async def ticks(n):\n    for i in range(n):\n        yield i\n"


def test_tests_in_steps_may_await_and_streams_are_read(sandbox: Sandbox) -> None:
    test = "async def run():\n    return [x async for x in ticks(3)]\nassert await run() == [0, 1, 2]"
    fields = {"three": COUNT.replace("(n):\n    for", "(n):\n    n = 3\n    for"), "right": COUNT}
    decision = hold({**fields, "again": COUNT + "#"}, sandbox, entry_point="ticks", tests=[test])

    assert [row.passed for row in decision.gate] == [(True,)] * 3
    assert decision.groups[0] == ("right", "again"), "the test was asked with other numbers"
    (given,) = sandbox.observe(COUNT, ["ticks(2)"], entry_point="ticks").outputs
    assert list(given.value) == [0, 1]  # type: ignore[call-overload]


@pytest.mark.parametrize("asked", [{"inputs": ["double(2)"]}, {"tests": ["assert double(2) == 4"]}])
def test_a_forgotten_await_is_told(asked: dict[str, list[str]], sandbox: Sandbox) -> None:
    fields = {"a": "async def double(x): return 2 * x", "b": "async def double(x): return x + x"}
    decision = hold(fields, sandbox, entry_point="double", **asked)

    assert any("coroutine" in warning and "await" in warning for warning in decision.warnings), decision.warnings


def test_that_nothing_singles_a_behaviour_out_is_a_warning(sandbox: Sandbox) -> None:
    odd = {name: f"def f(x): return x + {number}" for number, name in enumerate("abc")}
    even = {**odd, "aa": odd["a"], "bb": odd["b"]}

    assert "no two candidates behave alike" in str(hold(odd, sandbox, entry_point="f", inputs=["f(1)"]).warnings)
    assert "equal support" in str(hold(even, sandbox, entry_point="f", inputs=["f(1)"]).warnings)


def test_without_any_call_the_types_of_the_candidates_give_some(sandbox: Sandbox) -> None:
    fields = {"min": "def gcd(a: int, b: int) -> int:\n    return min(a, b)"}
    fields |= {"a": "import math\ndef gcd(a: int, b: int) -> int:\n    return math.gcd(a, b)"}
    fields |= {"b": "def gcd(x: int, y: int) -> int:\n    while y:\n        x, y = y, x % y\n    return x"}
    decision = hold(fields, sandbox, entry_point="gcd")

    assert decision.groups == (("a", "b"), ("min",))
    assert "no call is shown anywhere" in str(decision.rationale["sandbox"])


def test_copies_that_agree_are_told_and_count_as_less(sandbox: Sandbox) -> None:
    copies = {f"copy{name}": f"def half(x):  # {name}\n    return round(x / 2)" for name in "abcd"}
    fields = copies | {"a": "def half(x): return int(x / 2 + .5)", "b": "def half(x): return (x + 1) // 2"}
    fields |= {"c": "import math\ndef half(x): return math.floor(x / 2 + .5)"}
    decision = hold(fields, sandbox, entry_point="half", inputs=["half(1)", "half(5)", "half(2)"])

    assert set(decision.groups[0]) == {"a", "b", "c"}
    assert any("4 of the 4 that behave like copya are one program" in note for note in decision.notes)


def test_who_differs_by_the_kind_of_an_error_only_is_no_different_behaviour(sandbox: Sandbox) -> None:
    fields = {"a": "def f(x): return pow(2, 3, x)", "b": "def f(x): return 8 % x", "c": "def f(x): return x"}
    decision = hold(fields, sandbox, entry_point="f", inputs=["f(0)", "f(5)", "f(7)"])

    assert decision.groups[0] == ("a", "b")
    assert decision.difference is not None and decision.difference.runner_up == "c"


AREA = "def area(w, h):\n    return {0}\n\ndef around(w, h):\n    return {1}\n\ndef across(w, h):\n    return {2}\n"
RECTANGLES = {
    "a": AREA.format("w * h", "w + h", "w"),
    "b": AREA.format("w + h", "_double(w + h)", "h") + "\ndef _double(x):\n    return 2 * x\n",
    "c": "import math\n" + AREA.format("0", "0", "math.hypot(w, h)"),
}
EACH = ["assert area(2, 3) == 6"]
EACH += [
    f"def test_{name}():\n    assert area\n    assert {name}(3, 4) == {value}"
    for name, value in (("around", 14), ("across", 5))
]


def test_parts_that_pass_are_put_together_where_nobody_passes_all(sandbox: Sandbox) -> None:
    decision = hold(RECTANGLES, sandbox, entry_point="area", tests=EACH, hybrid=True)

    assert decision.winner == "synthesis" and set(decision.gated_out) == {"a", "b", "c"}
    assert decision.gate[-1].passed == (True, True, True)
    assert decision.rationale["reason"] == (
        "synthesis passes 3 of 3 visible tests, more than any candidate: it is a with across of c and around of b."
    )
    assert "put together" in decision.warnings[0] and decision.agreement_share == 0.0
    assert decision.rationale["confidence"]["estimate"] is None  # type: ignore[index]


def test_only_what_passes_more_than_every_candidate_goes_ahead_of_them(sandbox: Sandbox) -> None:
    tests = [*EACH[:2], EACH[2].replace("== 5", "== 99")]
    single = hold({"a": RECTANGLES["a"]}, sandbox, entry_point="area", tests=tests, hybrid=True)
    without = hold(RECTANGLES, sandbox, entry_point="area", tests=EACH, hybrid=False)
    partly = hold(RECTANGLES, sandbox, entry_point="area", tests=tests, hybrid=True)

    assert single.winner == "a" and without.winner in RECTANGLES
    assert partly.winner == "synthesis" and partly.gate[-1].passed == (True, True, False)
    assert "passes 2 of 3" in str(partly.rationale["reason"])
