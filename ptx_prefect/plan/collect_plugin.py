"""A pytest plugin that writes what was collected as JSON. Stands alone: it is loaded into the suite's interpreter.

Usage: ``PTX_COLLECT_OUT=file python -m pytest -p collect_plugin --collect-only ...`` with this directory importable.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from _pytest.assertion import rewrite


class Compiled:
    """Test files that pytest compiled are kept in ``folder`` until :meth:`end`, where it may keep none beside them.

    Where ``PYTHONDONTWRITEBYTECODE`` is set, as in many containers, pytest compiles each test file anew for plan and
    section, which takes several times as long as all else of a collection. Only these files are kept, by pytest's own
    means: no other module is compiled for it, and what tests import while they run is none of ours.
    """

    def __init__(self, folder: str) -> None:
        self._before: dict[str, Any] = {}
        names = ("sys", "get_cache_dir")
        if folder and sys.dont_write_bytecode and all(hasattr(rewrite, name) for name in names):
            self._before = {name: getattr(rewrite, name) for name in names}
            self._set(
                {"sys": _Writing(), "get_cache_dir": lambda path: Path(folder, *path.parent.absolute().parts[1:])}
            )

    def end(self) -> None:
        """As before."""
        self._set(self._before)

    @staticmethod
    def _set(values: dict[str, Any]) -> None:
        for name, value in values.items():
            setattr(rewrite, name, value)


class _Writing:
    """The module ``sys`` of an interpreter that may write."""

    dont_write_bytecode = False

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


Compiled(os.environ.get("PTX_COLLECT_BYTECODE", ""))
_PATHS: dict[str, str] = {}
_SKIPPED: dict[str, list[object]] = {}


def pytest_collectstart(collector: Any) -> None:
    """Remember where the file lies, for a report that has no path."""
    _PATHS[collector.nodeid] = str(getattr(collector, "path", ""))


def pytest_collectreport(report: Any) -> None:
    """Note a file that is skipped as a whole: it has no test, but a line in the report of a serial run.

    One line, also where its doctests are collected beside its tests, so that it is skipped twice.
    """
    if report.skipped and report.nodeid.endswith(".py"):
        _SKIPPED[report.nodeid] = [report.nodeid, _PATHS[report.nodeid], False]


def pytest_collection_finish(session: Any) -> None:
    """Write what was found."""
    rows = list(_SKIPPED.values())
    for item in session.items:
        rows.append([item.nodeid, str(item.path), is_bound(item)])
    roots = [str(path) for path in getattr(session, "_initialpaths", ())]
    data = {"rootdir": str(session.config.rootpath), "roots": roots, "tests": rows, "import_path": sys.path}
    with open(os.environ["PTX_COLLECT_OUT"], "w", encoding="utf-8") as stream:  # noqa: PTH123 - any interpreter
        json.dump(data, stream)


def is_bound(item: Any) -> bool:
    """Whether the test cannot be run without the rest of its file.

    A fixture wider than a class ties them together. What is no function (a line of a linter's plugin, a doctest), or
    has a name of its own making, may not be found by its name.
    """
    above = getattr(item.parent, "nodeid", "")
    if not isinstance(item, pytest.Function) or not item.nodeid.startswith(f"{above}::"):
        return True
    info = getattr(item, "_fixtureinfo", None)
    for definitions in getattr(info, "name2fixturedefs", {}).values():
        for definition in definitions:
            wide = str(getattr(definition, "scope", "function")) in ("module", "package", "session")
            home = getattr(definition.func, "__module__", "") or ""
            is_set_up = str(definition.argname).startswith(("_xunit_setup_module", "xunit_setup_module"))
            if wide and (is_set_up or not home.startswith("_pytest")):
                return True
    return False
