"""pytest files cut into single tests."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from ptx_prefect.errors import VoteError
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


def test_a_file_that_is_no_python_is_refused():
    with pytest.raises(VoteError, match=r"'t\.py' is no Python"):
        file_tests("def (", entry_point="f", path="t.py")
