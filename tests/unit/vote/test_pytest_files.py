"""pytest files cut into single tests."""

from __future__ import annotations

import asyncio
import inspect
import sys
import types

import pytest

from ptx_prefect.errors import VoteError
from ptx_prefect.vote.checks import make_check
from ptx_prefect.vote.file_imports import missing_imports
from ptx_prefect.vote.pytest_files import file_tests

FILE = '''
"""Tests of f."""
import pytest
from candidate import f, other
from candidate import f as again

LIMIT = 3


def double(x):
    return 2 * x


def test_small():
    assert f(1) == double(1)


@pytest.mark.parametrize("given, wanted", [(1, 2), pytest.param(2, 4, id="two")])
@pytest.mark.parametrize("sign", [1, -1])
def test_signs(given, wanted, sign, factor=1):
    assert f(given * sign) == wanted * sign * factor


class TestErrors:
    def test_text(self):
        with pytest.raises(TypeError):
            f(None)

    def test_state(self):
        assert self.seen == f(1)


def test_files(tmp_path):
    assert f(0) == 0


@pytest.mark.skip
def test_skipped():
    assert f(0) == 0


async def test_later():
    assert f(0) == 0
'''


def run(test):
    result = test()
    if inspect.iscoroutine(result):
        asyncio.run(result)


def test_every_plain_test_and_case_stands_alone():
    found = file_tests(FILE, entry_point="f", path="t.py")

    assert len(found.tests) == 1 + 4 + 1 + 1
    for test in found.tests:
        namespace = {"f": lambda x: x * 2 if x is not None else [][x], "other": 0}
        source = test.replace("from candidate import other\n", "")
        exec(source, namespace)
        (name,) = [name for name in namespace if name.startswith("test")]
        run(namespace[name])


def test_a_wrong_function_fails_the_cases_it_gets_wrong():
    failed = 0
    for test in file_tests(FILE, entry_point="f").tests:
        namespace = {"f": lambda x: abs(x) * 2}
        exec(test.replace("from candidate import other\n", ""), namespace)
        (name,) = [name for name in namespace if name.startswith("test")]
        try:
            run(namespace[name])
        except AssertionError:
            failed += 1

    assert failed == 2


def test_what_is_left_out_is_named_with_its_reason():
    told = "\n".join(file_tests(FILE, entry_point="f", path="t.py").left_out)

    for part in ("tmp_path", "TestErrors.test_state: uses its class", "pytest.mark.skip"):
        assert part in told
    assert told.startswith("t.py: ")


@pytest.mark.parametrize(
    "head",
    [
        "import formula",
        "import formula as fm",
        "from pkg import formula",
        "import pkg.formula",
        "from formula import total as t",
        "from formula import total, LIMIT",
        "from .formula import total",
    ],
)
def test_the_module_under_test_is_the_candidate_by_whatever_name(head, monkeypatch):
    used = {"import formula as fm": "fm.total", "import pkg.formula": "pkg.formula.total"}.get(head, "total")
    used = "formula.total" if head in ("import formula", "from pkg import formula") else used
    used = "t" if head.endswith("as t") else used
    (test,) = file_tests(f"{head}\n\ndef test_a():\n    assert {used}(3) == 6\n", entry_point="total").tests
    candidate = types.ModuleType("candidate")
    exec("LIMIT = 3\ndef total(n): return n * (n + 1) // 2", candidate.__dict__)
    monkeypatch.setitem(sys.modules, "candidate", candidate)
    namespace = dict(candidate.__dict__)
    exec(test, namespace)
    namespace["test_a"]()

    assert "formula" not in test.replace("as formula", "")


def test_cases_of_a_file_are_judged_outside_and_give_inputs_to_compare():
    text = "@pytest.mark.parametrize('s, n', [('12', 12)])\ndef test_a(s, n):\n    assert parse(s) == n\n"
    check = make_check(*file_tests(text, entry_point="parse").tests, "parse")

    assert not check.believes
    assert check.examples == ("parse('12')",)


def test_a_list_that_a_test_changes_stays_one_list():
    text = "@pytest.mark.parametrize('xs', [[3, 1]])\ndef test_a(xs):\n    order(xs)\n    assert xs == [1, 3]\n"
    (test,) = file_tests(text, entry_point="order").tests
    namespace = {"order": list.sort}
    exec(test, namespace)

    namespace["test_a"]()


def test_a_library_with_a_function_of_that_name_stays_the_oracle():
    (test,) = file_tests("import math\ndef test_a():\n    assert sqrt(4) == math.sqrt(4)\n", entry_point="sqrt").tests

    assert "math.sqrt(4)" in test


def test_imports_that_are_not_there_where_candidates_run_are_named():
    text = "import json, formula\nfrom helper_x import X\ntry:\n    import maybe\nexcept ImportError:\n    pass\n"

    assert missing_imports(f"{text}\ndef test_a():\n    assert formula.total(3) == X\n", "total") == ("helper_x",)


def test_a_file_that_is_no_python_is_refused():
    with pytest.raises(VoteError, match=r"'t\.py' is no Python"):
        file_tests("def (", entry_point="f", path="t.py")


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("class TestA(Base):\n    def test_a(self):\n        assert f(1)", "TestA: has a base class or a set-up"),
        (
            "class TestA:\n    def setup_method(self):\n        pass\n    def test_a(self):\n        assert f(1)",
            "TestA: has",
        ),
        ("@pytest.mark.parametrize('n')\ndef test_a(n):\n    assert f(n)", "test_a: is decorated with"),
        ("@pytest.mark.parametrize('n', CASES)\ndef test_a(n):\n    assert f(n)", "test_a: is decorated with"),
        ("@pytest.mark.parametrize(NAMES, [1])\ndef test_a(n):\n    assert f(n)", "test_a: is decorated with"),
        ("@pytest.mark.parametrize(3, [1])\ndef test_a(n):\n    assert f(n)", "test_a: is decorated with"),
        ("@pytest.mark.parametrize('n, m', [(1,)])\ndef test_a(n, m):\n    assert f(n)", "test_a: is decorated with"),
        (
            "@pytest.mark.parametrize('n', [pytest.param(1, marks=MARKS)])\ndef test_a(n):\n    assert f(n)",
            "test_a: is decorated with",
        ),
        ("@pytest.mark.usefixtures('db')\ndef test_a():\n    assert f(1)", "test_a: is decorated with"),
    ],
)
def test_what_only_pytest_can_run_is_left_out_by_name(test, told):
    found = file_tests(f"import pytest\n{test}\n", entry_point="f")

    assert found.tests == ()
    assert len(found.left_out) == 1 and told in found.left_out[0]


def test_helpers_of_a_class_are_no_tests_and_lists_name_parameters():
    text = (
        "import pytest\n"
        "class TestA:\n    limit = 3\n    def helper(self):\n        pass\n    def test_a():\n        assert f(1)\n"
        "@pytest.mark.parametrize(['n', 'm'], [(1, 2), [3, 4]])\ndef test_b(n, m):\n    assert f(n) == m\n"
    )
    found = file_tests(text, entry_point="f")

    assert found.left_out == ()
    assert ["f(1)" in test for test in found.tests] == [True, True, False]
    assert "f(3) == 4" in found.tests[2]


FIXTURES = """
import pytest
from mine import total

@pytest.fixture
def data():
    return [1, 2, 3]

@pytest.fixture(scope="module")
def doubled(data):
    open_ones.append(1)
    try:
        yield data * 2
    finally:
        open_ones.clear()

open_ones = []

def test_doubled(doubled, data):
    assert total(doubled) == 12 and open_ones
    data.append(4)
    assert total(data) == 10

def test_files(tmp_path, data):
    assert total(data) == 6

@pytest.fixture(params=[1, 2])
def each(request):
    return request.param

def test_each(each):
    assert total([each]) == each
"""


def test_plain_fixtures_of_the_file_are_steps_before_the_test() -> None:
    found = file_tests(FIXTURES, entry_point="total")

    assert len(found.tests) == 1
    assert [reason.partition(": ")[2] for reason in found.left_out] == [
        "test_files: needs fixtures ['tmp_path']",
        "test_each: needs fixtures ['each']",
    ]
    namespace: dict[str, object] = {"total": sum}
    exec(found.tests[0].replace("import pytest", "").partition("@pytest.fixture(params")[0], namespace)
    body = found.tests[0].partition("def test_doubled():")[2]
    exec("def test_doubled():" + body + "\ntest_doubled()", namespace)


@pytest.mark.parametrize(
    ("source", "name"),
    [("def test_a():\n    assert f(1)", "test_a"), ("assert f(1) == 2", "'assert f(1) == 2'")],
)
def test_a_test_is_called_by_its_function(source: str, name: str) -> None:
    assert make_check(source, "f").name == name
