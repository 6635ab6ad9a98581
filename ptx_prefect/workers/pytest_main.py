"""In the suite's process: run pytest as ``python -m pytest`` does, over exactly the tests of one section.

Stands alone (standard library, pytest, coverage), because the suite's interpreter need not be ours:
``python pytest_main.py order.json``. :func:`host` is for ours: a spawner that has done what all sections of a suite
have in common, which is plugins loaded, arguments parsed, first conftest files imported.
"""

import contextlib
import importlib
import importlib.util
import json
import os
import socket
import sys
import time
import types
import warnings
from typing import Any

import pytest

# Name, value that is off, what it does: options of pytest, its cache plugin and pytest-xdist.
SWITCHED_OFF: Any = (
    ("numprocesses", None, "-n: the sections are the processes"),
    ("dist", "no", ""),
    ("tx", [], ""),
    ("looponfail", False, "--looponfail"),
    ("maxfail", 0, "-x, --maxfail: each section would stop for itself; fail_fast stops the run"),
    ("lf", False, "--last-failed: sections remember nothing"),
    ("failedfirst", False, "--failed-first"),
    ("newfirst", False, "--new-first"),
    ("stepwise", False, "--stepwise"),
    ("stepwise_skip", False, "--stepwise-skip"),
    ("usepdb", False, "--pdb: nobody is there to answer"),
    ("trace", False, "--trace: nobody is there to answer"),
)


def _beside(name: str, path: str) -> Any:
    """A module that stands alone as this one does, found by its place: the interpreter need not know our package."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - any interpreter
    spec: Any = importlib.util.spec_from_file_location(name, os.path.join(here, path))  # noqa: PTH118
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_collect_plugin = _beside("_ptx_collect_plugin", "../plan/collect_plugin.py")
_stock = _beside("_ptx_stock", "stock.py")


class Turns:
    """A pytest plugin: claim tests as their turn comes; those that another process has taken over end the list.

    A test is told which one follows it, since that decides which fixtures live on. So the test after the next is
    claimed before the next one begins, and a process that was robbed ends as if its list had been shorter.
    """

    def __init__(self, path: str, began_s: float) -> None:
        self._stock = _stock.Stock(path)
        self._began_s = began_s
        self._units: list[int] = []
        self._turn = 0
        self.gone: set[str] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtestloop(self, session: Any) -> Any:
        """Lay out what there is. Its order is final here."""
        rows = units_of(session.items)
        self._units = [index for index, row in enumerate(rows) for _ in row["tests"]]
        if self._units:
            start_s = time.monotonic() - self._began_s
            self._stock.lay_out(rows, claimed=self._units[:2][-1] + 1, start_s=start_s)
        yield

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """After a test: claim the one after the next, or end the list before it."""
        yield
        self._turn += 1
        after_next = self._turn + 1
        items = item.session.items
        if after_next < min(len(items), len(self._units)) and not self._stock.claim(self._units[after_next] + 1):
            self.gone.update(one.nodeid for one in items[after_next:])
            del items[after_next:]


def units_of(items: list[Any]) -> list[dict[str, Any]]:
    """What is never torn apart, in the order in which it runs: files, or classes and functions where that is allowed.

    Tests in between two of a unit, where a plugin has mixed them, belong to it.
    """
    bound = {str(item.path) for item in items if _collect_plugin.is_bound(item)}
    keys = []
    for item in items:
        path, rest = str(item.path), item.nodeid.partition("::")[2]
        is_whole = path in bound or not path.endswith(".py")
        keys.append(path if is_whole else path + "::" + rest.split("::", 1)[0].split("[", 1)[0])
    last = {key: index for index, key in enumerate(keys)}
    rows: list[dict[str, Any]] = []
    end = -1
    for index, (item, key) in enumerate(zip(items, keys)):  # noqa: B905 - any interpreter
        if index > end:
            rows.append({"tests": [], "selection": []})
        end = max(end, last[key])
        rows[-1]["tests"].append(item.nodeid)
        if key not in rows[-1]["selection"]:
            rows[-1]["selection"].append(key)
    return rows


class Section:
    """A pytest plugin: collect these tests, whatever paths stand among the suite's own arguments; tell of each.

    The arguments keep their say in everything else (root directory, configuration file, first conftest files), so a
    section sees what one run of the whole suite sees. Node ids go by memory: no limit on a command line's length.
    """

    def __init__(self) -> None:
        self.tests: list[str] = []
        self.without: frozenset[str] = frozenset()
        self.only: frozenset[str] | None = None
        self.journal = ""
        self.stock = ""
        self.turns: Any = None
        self.began_s = time.monotonic()
        self.compiled: Any = None
        self.count = 0

    def take(self, order: Any) -> None:
        """What this section is to run, and where it writes down what it does."""
        self.tests, self.without, self.journal = list(order["tests"]), frozenset(order["without"]), order["journal"]
        self.only = None if order["only"] is None else frozenset(order["only"])
        self.stock = order["stock"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        """Runs after the arguments are parsed and before anything is configured by them."""
        if self.tests:
            config.args = list(self.tests)
        for name, off, text in SWITCHED_OFF:
            if getattr(config.option, name, off) not in (off, None, 0):
                setattr(config.option, name, off)
                if text:
                    self.write_down("note", text)
        if self.stock:
            self.turns = Turns(self.stock, self.began_s)
            config.pluginmanager.register(self.turns)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Leave out what ended an interpreter before, and what is another process's."""
        left_out = [item for item in items if not self._is_ours(item.nodeid)]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if self._is_ours(item.nodeid)]

    def _is_ours(self, nodeid: str) -> bool:
        return nodeid not in self.without and (self.only is None or nodeid in self.only)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self) -> None:
        """What tests import by themselves is compiled as ever."""
        if self.compiled is not None:
            self.compiled.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        """Whatever loops over the tests: one that another process has taken over is not run here."""
        return True if self.turns is not None and item.nodeid in self.turns.gone else None

    def write_down(self, kind: str, text: str) -> None:
        """Add a line that is there even if the interpreter ends now."""
        if self.journal:
            with open(self.journal, "a", encoding="utf-8") as stream:  # noqa: PTH123 - often, and small
                stream.write(json.dumps([kind, text]) + "\n")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test that never ends is known by name."""
        self.write_down("start", nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Each finished test is a sign of life."""
        self.write_down("end", nodeid)
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

    def __init__(self, descriptor: int, preload: list[str], measured: Any) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.preload = preload
        self.measured = measured
        self.order: Any = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        """Preload, wait as a spawner for orders, and go on as the section that an order is for."""
        from ptx_prefect.workers.spawner import serve

        with warnings.catch_warnings():
            # A warning at import belongs into the sections' reports: then nothing may be imported before them.
            warnings.simplefilter("error")
            for name in self.preload:
                importlib.import_module(name)
        if self.measured is not None:
            self.measured.stop()
        self.order = serve(socket.socket(fileno=self.descriptor)).payload
        self.began_s = time.monotonic()
        if self.measured is not None:
            self.measured.start()
        self.take(self.order)
        config.option.xmlpath = self.order["junit"]
        super().pytest_cmdline_main(config)


def host(descriptor: int, args: list[str], preload: list[str], coverage: Any, bytecode: str) -> None:
    """A spawner for the sections of a suite with these arguments; in the sections, ends with pytest's exit code.

    With coverage it measures from its start on, as a serial run does: what it imports is in every section's data.
    """
    _look_like_pytest(args)
    measured = None if coverage is None else _started(coverage, data_suffix=True)
    plugin = Host(descriptor, preload, measured)
    plugin.compiled = _collect_plugin.Compiled(bytecode)
    code = int(pytest.main(args, plugins=[plugin]))
    if measured is not None:
        measured.stop()
        measured.save()
        # coverage.py sees that it was forked, and takes a file name of its own; where nothing counted, none.
        with contextlib.suppress(FileNotFoundError):
            os.replace(measured.get_data().data_filename(), plugin.order["coverage"]["data_file"])  # noqa: PTH105
    sys.exit(code)


def run_pytest(order: Any) -> int:
    """The exit code of pytest for an order as the worker writes it; ``coverage`` is None, or its options."""
    args = [*order["args"], f"--junitxml={order['junit']}"]
    _look_like_pytest(args)
    section = Section()
    section.compiled = _collect_plugin.Compiled(order["bytecode"])
    section.take(order)
    if order["coverage"] is None:
        return int(pytest.main(args, plugins=[section]))
    measured = _started(order["coverage"], data_suffix=False)
    try:
        return int(pytest.main(args, plugins=[section]))
    finally:
        measured.stop()
        measured.save()


def _look_like_pytest(args: list[str]) -> None:
    """As ``python -m pytest`` would: the working directory comes first in the path."""
    sys.path[0] = os.getcwd()  # noqa: PTH109 - any interpreter
    sys.argv = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py"), *args]  # noqa: PTH118, PTH120
    sys.modules["__main__"] = types.ModuleType("__main__")


def _started(options: Any, *, data_suffix: bool) -> Any:
    import coverage

    measured = coverage.Coverage(
        data_file=options["data_file"],
        data_suffix=data_suffix,
        branch=options["branch"],
        source=options["source"] or None,
        messages=False,
    )
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - any interpreter
    is_of_suite = ours.startswith(os.getcwd() + os.sep)  # noqa: PTH109
    if not options["source"] and not measured.get_option("run:source") and not is_of_suite:
        # Imported from a checkout, we would be taken for a part of the suite.
        omitted: Any = measured.get_option("run:omit")
        measured.set_option("run:omit", [*(omitted or ()), os.path.join(ours, "*")])  # noqa: PTH118
    measured.start()
    return measured


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as paper:  # noqa: PTH123 - any interpreter
        sys.exit(run_pytest(json.load(paper)))
