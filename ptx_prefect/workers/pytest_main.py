"""In the suite's process: run pytest as ``python -m pytest`` does, over exactly the tests of one section.

Stands alone (standard library, pytest, coverage), because the suite's interpreter need not be ours:
``python pytest_main.py order.json`` there, a call of :func:`main` in a fork of the spawner here.
"""

import json
import os
import sys
from typing import Any

import pytest


class Selection:
    """A pytest plugin: collect these tests, whatever paths stand among the suite's own arguments.

    The arguments keep their say in everything else (root directory, configuration file, first conftest files), so a
    section sees what one run of the whole suite sees. Node ids go by memory: no limit on a command line's length.
    """

    def __init__(self, tests: list[str]) -> None:
        self.tests = tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        config.args = list(self.tests)


class Beats:
    """A pytest plugin: each finished test is a sign of life."""

    def __init__(self, path: str) -> None:
        self.stream = open(path, "a", encoding="utf-8", buffering=1)  # noqa: PTH123, SIM115 - to the end of the run
        self.count = 0

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.count += 1
        self.stream.write(f"{self.count} tests, last {nodeid}\n")


def main(work: Any) -> int:
    """Entry of the child in a fork of the spawner."""
    return run_pytest(work.payload)


def run_pytest(order: Any) -> int:
    """The exit code of pytest for ``order``: ``args``, ``tests``, ``coverage`` (None, or arguments of its ``run``)."""
    sys.path[0] = os.getcwd()  # noqa: PTH109 - as python -m does
    sys.argv = [pytest.__file__.replace("__init__", "__main__"), *order["args"]]
    plugins: list[Any] = [Selection(order["tests"])] if order["tests"] else []
    if os.environ.get("PTX_BEAT_FILE"):
        plugins.append(Beats(os.environ["PTX_BEAT_FILE"]))
    if order["coverage"] is None:
        return int(pytest.main(list(order["args"]), plugins=plugins))
    return _measured(order, plugins)


def _measured(order: Any, plugins: list[Any]) -> int:
    import coverage

    options = order["coverage"]
    measured = coverage.Coverage(
        data_file=options["data_file"],
        data_suffix=False,
        branch=options.get("branch"),
        source=options["source"] or None,
        messages=False,
    )
    measured.start()
    try:
        return int(pytest.main(list(order["args"]), plugins=plugins))
    finally:
        measured.stop()
        measured.save()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as stream:  # noqa: PTH123 - any interpreter
        sys.exit(run_pytest(json.load(stream)))
