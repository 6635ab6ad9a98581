"""In the suite's process: run pytest as ``python -m pytest`` does, over exactly the tests of one section.

Stands alone (standard library, pytest, coverage), because the suite's interpreter need not be ours:
``python pytest_main.py order.json`` there, :func:`main` in a fork of the spawner here. :func:`host` is a spawner that
has done what all sections of a suite have in common: plugins loaded, arguments parsed, first conftest files imported.
"""

import json
import os
import socket
import sys
import types
from typing import Any

import pytest


class Section:
    """A pytest plugin: collect these tests, whatever paths stand among the suite's own arguments; tell of each.

    The arguments keep their say in everything else (root directory, configuration file, first conftest files), so a
    section sees what one run of the whole suite sees. Node ids go by memory: no limit on a command line's length.
    """

    def __init__(self) -> None:
        self.tests: list[str] = []
        self.count = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        """Runs after the arguments are parsed and before anything is configured by them."""
        if self.tests:
            config.args = list(self.tests)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Each finished test is a sign of life."""
        self.count += 1
        if path := os.environ.get("PTX_BEAT_FILE"):
            with open(path, "a", encoding="utf-8") as stream:  # noqa: PTH123 - often, and small
                stream.write(f"{self.count} tests, last {nodeid}\n")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Spare the import of all of hypothesis (0.7 s) in sections that did not use it.

        Its plugin imports a module at the very end to read a set that is then empty. All tests have run by now.
        """
        if "hypothesis" not in sys.modules and "_hypothesis_pytestplugin" in sys.modules:
            stand_in: Any = types.ModuleType("hypothesis.internal.observability")
            stand_in._WROTE_TO = set()
            sys.modules["hypothesis.internal.observability"] = stand_in


class Host(Section):
    """Pytest configured once: becomes the spawner, and goes on in the fork that is a section's work."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        from ptx_prefect.workers.spawner import serve

        work = serve(socket.socket(fileno=self.descriptor))
        self.tests = list(work.payload["tests"])
        config.option.xmlpath = work.payload["junit"]
        super().pytest_cmdline_main(config)


def main(work: Any) -> int:
    """Entry of the child in a fork of the spawner."""
    return run_pytest(work.payload)


def host(descriptor: int, args: list[str]) -> None:
    """A spawner for the sections of a suite with these arguments; ends with pytest's exit code in the sections."""
    _look_like_pytest(args)
    sys.exit(int(pytest.main(args, plugins=[Host(descriptor)])))


def run_pytest(order: Any) -> int:
    """The exit code of pytest for ``order``: ``args``, ``tests``, ``junit`` and ``coverage`` (None, or its options)."""
    args = [*order["args"], f"--junitxml={order['junit']}"]
    _look_like_pytest(args)
    section = Section()
    section.tests = list(order["tests"])
    if order["coverage"] is None:
        return int(pytest.main(args, plugins=[section]))
    return _measured(args, section, order["coverage"])


def _look_like_pytest(args: list[str]) -> None:
    """As ``python -m pytest`` would: the working directory comes first in the path."""
    sys.path[0] = os.getcwd()  # noqa: PTH109 - any interpreter
    sys.argv = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py"), *args]  # noqa: PTH118, PTH120
    sys.modules["__main__"] = types.ModuleType("__main__")


def _measured(args: list[str], section: Section, options: Any) -> int:
    import coverage

    measured = coverage.Coverage(
        data_file=options["data_file"],
        data_suffix=False,
        branch=options.get("branch"),
        source=options["source"] or None,
        messages=False,
    )
    measured.start()
    try:
        return int(pytest.main(args, plugins=[section]))
    finally:
        measured.stop()
        measured.save()


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as paper:  # noqa: PTH123 - any interpreter
        sys.exit(run_pytest(json.load(paper)))
