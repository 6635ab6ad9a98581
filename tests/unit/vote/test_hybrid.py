"""Grafting parts between programs, and putting several together."""

from __future__ import annotations

import ast

import pytest

from ptx_prefect.vote.synthesis.graft import graft
from ptx_prefect.vote.synthesis.hybrid import Swap, best_swaps, shared_parts, swaps_for, synthesise
from ptx_prefect.vote.synthesis.program import CannotGraftError

BASE = '''"""Base."""
from __future__ import annotations

import os

LIMIT = 10


def _clean(text):
    return text.strip()


# Counts slowly.
def count(text, word):
    found = 0
    for one in _clean(text).split():
        if one == word:
            found += 1
    return found


def top(text):
    words = text.split()
    return max(words, key=words.count)


if __name__ == "__main__":
    print(count("a b", "a"))
'''
DONOR = '''import re
from collections import Counter, deque

LIMIT = 5
WORD = re.compile(r"[a-z]+")
_seen = {}
_seen.update(start=0)


def _clean(text):
    return WORD.findall(text.lower())


def _limit():
    return LIMIT


# Counts fast.
def count(text, word):
    return min(Counter(_clean(text))[word], 1000 * _limit())


def top(text):
    """The most frequent."""
    _seen[text] = True
    return Counter(text.split()).most_common(1)[0][0]
'''
MIDDLE = """
def count(text, word):
    return text.split().count(word)


def top(text):
    return sorted(text.split())[0]
"""
SOURCES = {"base": BASE, "fast": DONOR, "middle": MIDDLE}


def run(source, call):
    namespace = {"__name__": "candidate"}
    exec(compile(source, "<test>", "exec"), namespace)
    return eval(call, namespace)


class TestGraft:
    def test_the_part_comes_with_all_that_it_needs_under_names_that_do_not_clash(self):
        source = graft(BASE, DONOR, "count", donor_name="fast one", interface=["count", "top"])

        assert run(source, "count('A b a, a', 'a')") == 3
        assert run(source, "top('a b b')") == "b"
        assert run(source, "(LIMIT, LIMIT_fast_one, _clean(' x '))") == (10, 5, "x")
        assert "# Counts fast." in source
        assert "# Counts slowly." not in source
        assert "deque" not in source
        assert "_seen" not in source

    def test_statements_that_fill_a_container_come_along_and_self_tests_do_not(self):
        source = graft(BASE, DONOR, "top", donor_name="d", interface=["count", "top"])

        assert run(source, "top('a b b')") == "b"
        assert run(source, "_seen") == {"start": 0}
        assert source.count("__main__") == 1

    def test_what_stays_keeps_its_text(self):
        source = graft(BASE, DONOR, "top", donor_name="d", interface=["count", "top"])
        untouched = BASE[BASE.index("# Counts slowly.") : BASE.index("def top")]

        assert untouched in source
        assert '"""The most frequent."""' in source

    def test_equal_helpers_and_imports_are_used_and_not_repeated(self):
        base = "import math\n\n\ndef _half(x):\n    return math.floor(x / 2)\n\n\ndef f(x):\n    return _half(x)\n"
        donor = (
            "import math\n\n\ndef _half(x):\n    return math.floor(x / 2)\n\n\ndef f(x):\n    return _half(_half(x))\n"
        )
        source = graft(base, donor, "f", donor_name="d")

        assert source.count("import math") == 1
        assert source.count("def _half") == 1
        assert run(source, "f(9)") == 2

    def test_state_is_never_shared(self):
        donor = "_memo = {}\n\n\ndef f(x):\n    return _memo.setdefault(x, 2)\n"
        base = donor.replace("2", "1") + "\n\ndef g(x):\n    return _memo.setdefault(x, 1)\n"
        source = graft(base, donor, "f", donor_name="d", interface=["f", "g"])

        assert run(source, "(f(1), g(1))") == (2, 1)

    def test_an_import_that_means_something_else_gets_another_name(self):
        base = (
            "from os.path import join\n\n\ndef f(x):\n    return join(x, 'a')\n\n\ndef g(x):\n    return join(x, 'b')\n"
        )
        donor = "from shlex import join\n\n\ndef f(x):\n    return join([x, 'a b'])\n"
        source = graft(base, donor, "f", donor_name="d", interface=["f", "g"])

        assert run(source, "(f('x'), g('x'))") == ("x 'a b'", "x/b")

    def test_a_local_of_the_same_name_is_left_alone(self):
        base = "def h():\n    return 0\n\n\ndef f(x):\n    return h()\n"
        donor = "def h():\n    return 7\n\n\ndef k(h):\n    return h + 1\n\n\ndef f(x):\n    return h() + k(h=1)\n"
        source = graft(base, donor, "f", donor_name="d")

        assert run(source, "f(0)") == 9
        assert run(source, "h()") == 0

    def test_a_self_test_that_shares_a_local_name_stays_behind(self):
        tests = "result = f([1])\nassert result == [1]\ny = f([2])\n"
        donor = "def f(x):\n    result = [y for y in x]\n    return result\n\n\n" + tests
        source = graft("def f(x):\n    return 0\n", donor, "f", donor_name="d", interface=["f"])

        assert run(source, "f([7])") == [7]
        assert "assert" not in source

    def test_methods_move_with_the_methods_that_they_need(self):
        init = "class Box:\n    def __init__(self, xs):\n        self.xs = xs\n\n"
        size = "    def size(self):\n        return len(self.xs)\n"
        base = init + "    def total(self):\n        return 0\n\n" + size
        own = "  def _all(self):\n    return self.xs\n  def total(self):\n    return sum(self._all())\n"
        donor = "class Box:\n  def __init__(self, xs):\n    self.xs = xs\n" + own
        source = graft(base, donor, "Box.total", donor_name="d", interface=["Box"])

        assert run(source, "(Box([1, 2]).total(), Box([1]).size())") == (3, 1)

    def test_a_method_that_needs_state_of_the_donor_cannot_move(self):
        init = "class Box:\n    def __init__(self, xs):\n        "
        base = init + "self.xs = xs\n\n    def total(self):\n        return sum(self.xs)\n"
        donor = init + "self.sum = sum(xs)\n\n    def total(self):\n        return self.sum\n"

        with pytest.raises(CannotGraftError, match=r"self\.sum"):
            graft(base, donor, "Box.total", donor_name="d")

    def test_a_star_import_that_hides_a_need_stops_it(self):
        with pytest.raises(CannotGraftError, match="star import"):
            graft("def f(): return 1\n", "from math import *\ndef f(): return floor(2.5)\n", "f", donor_name="d")

    def test_statements_on_one_line_are_laid_out_first(self):
        source = graft(
            "x = 1; y = 2\ndef f(): return x\ndef g(): return y\n", "def f(): return 5\n", "f", donor_name="d"
        )

        assert run(source, "(f(), g())") == (5, 2)

    @pytest.mark.parametrize("ending", ["\n", "", "\n\n# end\n"])
    def test_the_last_part_of_a_file_can_be_replaced(self, ending):
        source = graft("def f():\n    return 1" + ending, "def f():\n    return 2" + ending, "f", donor_name="d")

        assert run(source, "f()") == 2
        assert ast.parse(source)


class TestSynthesis:
    def test_shared_parts_are_public_and_have_one_signature(self):
        assert shared_parts(SOURCES) == {"count": ("base", "fast", "middle"), "top": ("base", "fast", "middle")}
        assert shared_parts({"a": "def f(x): pass\n", "b": "def f(x, y): pass\n"}) == {}
        assert shared_parts({"a": "def f(x): pass\n", "b": "not python", "c": "def f(x): pass\n"}) == {"f": ("a", "c")}

    def test_a_property_is_not_taken_for_a_method(self):
        plain = "class A:\n    def f(self):\n        return 1\n"

        assert shared_parts({"a": plain, "b": plain.replace("    def", "    @property\n    def")}) == {}

    def test_each_swap_differs_from_the_base_by_one_part(self):
        swaps, notes = swaps_for("base", SOURCES)

        assert {(swap.part, swap.donor) for swap in swaps} == {
            ("count", "fast"),
            ("count", "middle"),
            ("top", "fast"),
            ("top", "middle"),
        }
        assert notes == ()

    def test_a_single_shared_part_makes_no_hybrid(self):
        assert swaps_for("a", {"a": "def f(x): return 1\n", "b": "def f(x): return 2\n"}) == ((), ())

    def test_the_cheapest_donor_counts_if_it_is_cheap_enough(self):
        swaps = [Swap("f", "b", ""), Swap("f", "c", ""), Swap("g", "b", ""), Swap("h", "c", "")]
        costs = {"f of b": 5.0, "f of c": 4.0, "g of b": 9.0}

        assert best_swaps(swaps, costs, 10.0, at_least=1.25) == {"f": "c"}
        assert best_swaps(swaps, costs, 10.0) == {"f": "c", "g": "b"}

    def test_parts_of_several_donors_go_into_one_program(self):
        made = synthesise("base", SOURCES, {"count": "fast", "top": "middle"})

        assert made.source is not None
        assert run(made.source, "(count('A a', 'a'), top('b a'), LIMIT, _clean(' x '))") == (2, "a", 10, "x")
        assert made.taken == {"count": "fast", "top": "middle"}

    def test_helpers_of_two_donors_with_one_name_stay_apart(self):
        sources = {
            "base": "def f():\n    return 0\n\n\ndef mid():\n    return 5\n\n\ndef g():\n    return 0\n",
            "one": "def _h():\n    return 1\n\n\ndef f():\n    return _h()\n\n\ndef g():\n    return 9\n",
            "two": "def _h():\n    return 2\n\n\ndef g():\n    return _h()\n\n\ndef f():\n    return 9\n",
        }
        made = synthesise("base", sources, {"f": "one", "g": "two"})

        assert made.source is not None
        assert run(made.source, "(f(), mid(), g())") == (1, 5, 2)

    def test_imports_that_only_a_replaced_part_used_are_dropped(self):
        base = "import os, re\nfrom math import (\n    ceil,\n    floor,\n)\nimport json\n\n\n"
        parts = "def f(x):\n    return json.dumps(ceil(x))\n\n\ndef g(x):\n    return re.escape(str(floor(x)))\n"
        donor = "def f(x):\n    return 'one'\n\n\ndef g(x):\n    return 'two'\n"
        made = synthesise("base", {"base": base + parts, "donor": donor}, {"f": "donor"})

        assert made.source is not None
        assert made.source.startswith("import os, re\nfrom math import floor\n\n\ndef f(x)")
        assert run(made.source, "(f(1.5), g(1.5))") == ("one", "1")

    def test_nothing_to_take_is_no_hybrid(self):
        assert synthesise("base", SOURCES, {}).source is None
