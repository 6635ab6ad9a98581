"""Which tests can reach which definition, over-estimated: every test that runs a definition is among those given.

A node stands for something that can run: a definition, a module's own code, the instances of a class. Every node
carries the set of tests that can reach it, one bit a test; sets flow along the references until nothing changes. A
method is reached by a test that reads an attribute of its name from something unknown *and* can have an instance of
its class. What is found by a computed name alone (a registry filled by decorators, ``getattr`` with a variable)
cannot be seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ptx_prefect.plan.references import Definition, Edge, References

Node = tuple[str, str, str]
"""(what kind of node, path, name). Kinds: ``def``, ``inst`` (of a class), ``attr``, ``fixture``, ``escaped``."""

_SETUP = frozenset(
    [
        "setup",
        "teardown",
        "setup_method",
        "teardown_method",
        "setup_class",
        "teardown_class",
        "setUp",
        "tearDown",
        "setUpClass",
        "tearDownClass",
        "asyncSetUp",
        "asyncTearDown",
        "runTest",
    ]
)
_MODULE_SETUP = frozenset(
    [
        "setup_module",
        "teardown_module",
        "setup_function",
        "teardown_function",
        "setUpModule",
        "tearDownModule",
        "load_tests",
    ]
)
_ASKED_BY_IMPORTS = frozenset(("__getattr__", "__dir__"))
"""Functions of a module that Python calls for names the module lacks; import statements ask for some themselves."""
_ANY_MODULE: Node = ("escaped", "", "")


@dataclass(slots=True)
class _Graph:
    """Who leads to whom; ``both`` needs two nodes to be reached by the same test."""

    leads_to: dict[Node, set[Node]] = field(default_factory=dict)
    both: dict[Node, list[tuple[Node, Node]]] = field(default_factory=dict)

    def add(self, source: Node, target: Node) -> None:
        if source != target:
            self.leads_to.setdefault(source, set()).add(target)

    def add_both(self, one: Node, other: Node, target: Node) -> None:
        self.both.setdefault(one, []).append((other, target))
        self.both.setdefault(other, []).append((one, target))


class Reach:
    """The tests that can reach each definition of a tree.

    Args:
        tests: pytest node ids, relative to the root of the references.
    """

    def __init__(self, references: References, tests: Sequence[str]) -> None:
        self._references = references
        self._definitions: dict[tuple[str, str], Definition] = {}
        self._by_file: dict[str, list[Definition]] = {}
        for path in references.files:
            self._by_file[path] = list(references.definitions_of(path))
            for definition in self._by_file[path]:
                if definition.kind != "attribute" or (path, definition.qualname) not in self._definitions:
                    self._definitions[path, definition.qualname] = definition
        self._bases: dict[tuple[str, str], list[tuple[str, str]]] = {}
        self._graph = _Graph()
        for path in references.files:
            self._add_file(path)
        self._add_fixtures()
        self._keys = tuple(dict.fromkeys(_key_of(test) for test in tests))
        self._bit = {key: 1 << index for index, key in enumerate(self._keys)}
        self._tests = tuple(tests)
        self._reached = self._flow(self._seeds())

    def tests_of(self, path: str, qualname: str) -> frozenset[str]:
        """The node ids that can reach a definition; an empty name stands for the module's own code."""
        definition = self._definitions.get((path, qualname))
        # Code of a class body counts for those who can use the class, not for all that import a subclass.
        kind = "inst" if definition and definition.kind == "class" else "def"
        bits = self._reached.get((kind, path, qualname), 0)
        return frozenset(test for test in self._tests if self._bit[_key_of(test)] & bits)

    def has(self, path: str, qualname: str) -> bool:
        """Whether the tree defines that name."""
        return (path, qualname) in self._definitions

    def _add_file(self, path: str) -> None:
        graph, body = self._graph, _body(path)
        made = self._references.made_by_call(path)
        for definition in self._by_file[path]:
            if not definition.qualname:
                for package in self._packages_of(definition.module):
                    graph.add(body, _body(package))
                continue
            self._add_definition(definition, body, made)
        for edge in self._references.edges_of(path):
            self._add_edge(edge, body)
        for one in self._references.unresolved_of(path):
            source: Node = ("def", path, one.source)
            if one.text.endswith("(…)"):
                graph.add(source, _ANY_MODULE)
            for part in one.text.split(".")[1:]:
                graph.add(source, ("attr", "", part.removesuffix("()")))

    def _add_definition(self, definition: Definition, body: Node, made: frozenset[str]) -> None:
        graph, path = self._graph, definition.path
        node: Node = ("def", path, definition.qualname)
        outer, _, name = definition.qualname.rpartition(".")
        graph.add(node, body)
        holder = self._definitions.get((path, outer))
        if definition.kind == "class":
            graph.add(("inst", path, definition.qualname), node)
        if holder is None or not outer:
            if definition.qualname in made or definition.qualname in _ASKED_BY_IMPORTS:
                graph.add(body, node)
            graph.add_both(("attr", "", name), ("escaped", path, ""), node)
            graph.add(_ANY_MODULE, ("escaped", path, ""))
            return
        if holder.kind != "class":
            graph.add(("def", path, outer), node)
            if definition.kind == "class":
                graph.add(("def", path, outer), ("inst", path, definition.qualname))
            return
        instances: Node = ("inst", path, outer)
        graph.add(node, instances)
        if name.startswith("__") and name.endswith("__"):
            graph.add(instances, node)
        else:
            graph.add_both(("attr", "", name), instances, node)

    def _add_edge(self, edge: Edge, body: Node) -> None:
        graph = self._graph
        source: Node = ("def", edge.path, edge.source)
        if not edge.target_path:
            return
        if not edge.target_qualname:
            graph.add(source, _body(edge.target_path))
            if edge.kind != "import":
                graph.add(source, ("escaped", edge.target_path, ""))
            return
        key = (edge.target_path, edge.target_qualname)
        target: Node = ("def", *key)
        definition = self._definitions.get(key)
        outer, _, name = edge.target_qualname.rpartition(".")
        graph.add(source, _body(edge.target_path))
        if edge.kind == "import":  # binds the name and runs nothing of it; uses are edges of their own
            graph.add_both(("attr", "", name), ("escaped", edge.path, ""), target)
            return
        graph.add(source, target)
        if outer:  # the method of a subclass may be the one that runs
            graph.add(source, ("attr", "", name))
        own = self._definitions.get((edge.path, edge.source))
        if edge.kind == "base":
            self._bases.setdefault((edge.path, edge.source), []).append(key)
            graph.add(("inst", edge.path, edge.source), ("inst", *key))
            graph.add(body, target)
            return
        runs_at_import = own is not None and (
            edge.kind == "decorator"
            or (own.kind == "class" and edge.kind == "call")
            or (own.kind == "function" and edge.line <= own.line < own.end_line)
        )
        if runs_at_import:
            graph.add(body, target)
        if definition and definition.kind == "class":
            graph.add(source, ("inst", *key))
            if runs_at_import:
                graph.add(body, ("inst", *key))

    def _packages_of(self, module: str) -> Iterable[str]:
        while module := module.rpartition(".")[0]:
            if module in self._references.path_of:
                yield self._references.path_of[module]

    def _add_fixtures(self) -> None:
        for path in self._references.files:
            hints = self._references.test_hints_of(path)
            fixtures = {qualname for qualname, _, _ in hints.fixtures}
            for qualname, name, _ in hints.fixtures:
                self._graph.add(("fixture", "", name), ("def", path, qualname))
                self._graph.add(("fixture", "", "*"), ("def", path, qualname))
            for qualname, parameters in hints.parameters:
                if qualname in fixtures:
                    for parameter in parameters:
                        self._graph.add(("def", path, qualname), ("fixture", "", parameter))

    def _seeds(self) -> dict[Node, int]:
        """For each node the tests that start there."""
        seeds: dict[Node, int] = {}
        everywhere = self._everywhere()
        shared: dict[str, list[Node]] = {}
        parameters: dict[tuple[str, str], tuple[str, ...]] = {}
        for path in {key[0] for key in self._keys}:
            shared[path] = [*everywhere, *self._around(path)]
            if path in self._by_file:
                hints = self._references.test_hints_of(path)
                parameters |= {(path, qualname): names for qualname, names in hints.parameters}
        for key in self._keys:
            path, qualname = key
            nodes = [*shared[path], *self._start_of(path, qualname, parameters)]
            for node in nodes:
                seeds[node] = seeds.get(node, 0) | self._bit[key]
        return seeds

    def _start_of(self, path: str, qualname: str, parameters: Mapping[tuple[str, str], tuple[str, ...]]) -> list[Node]:
        cls, _, name = qualname.rpartition(".")
        found = self._member(path, cls, name) if cls else (path, name)
        if found is None or found not in self._definitions:
            # Not written as a function (generated, a doctest …): anything in its file may be what it runs.
            return [("def", path, one.qualname) for one in self._by_file.get(path, ())] + [
                ("inst", path, one.qualname) for one in self._by_file.get(path, ()) if one.kind == "class"
            ]
        nodes: list[Node] = [("def", *found), _body(found[0])]
        names = parameters.get(found)
        if names is None and found[0] in self._by_file:
            names = dict(self._references.test_hints_of(found[0]).parameters).get(found[1], ())
        nodes += [("fixture", "", parameter) for parameter in names or ()]
        while cls:
            nodes += [("def", path, cls), ("inst", path, cls)]
            for setup in _SETUP:
                if method := self._member(path, cls, setup):
                    nodes.append(("def", *method))
            cls = cls.rpartition(".")[0]
        return nodes

    def _member(
        self, path: str, cls: str, name: str, seen: frozenset[tuple[str, str]] = frozenset()
    ) -> tuple[str, str] | None:
        if (path, f"{cls}.{name}") in self._definitions:
            return path, f"{cls}.{name}"
        for base in self._bases.get((path, cls), ()):
            if base not in seen and (found := self._member(*base, name, seen | {base})):
                return found
        return None

    def _everywhere(self) -> list[Node]:
        """Fixtures that apply by themselves and stand in neither a test file nor a conftest: a plugin's."""
        nodes: list[Node] = []
        for path in self._references.files:
            if not _is_test_file(path) and not path.endswith("conftest.py"):
                hints = self._references.test_hints_of(path)
                nodes += [("def", path, qualname) for qualname, _, by_itself in hints.fixtures if by_itself]
        return nodes

    def _around(self, path: str) -> list[Node]:
        """What every test of a file runs: its module, the conftests above it and what applies by itself."""
        nodes: list[Node] = [_body(path)]
        folder = path
        files = [path]
        while folder:
            folder = folder.rpartition("/")[0]
            conftest = f"{folder}/conftest.py" if folder else "conftest.py"
            if conftest in self._by_file:
                files.append(conftest)
        for one in files:
            if one not in self._by_file:
                continue
            nodes.append(_body(one))
            hints = self._references.test_hints_of(one)
            nodes += [("def", one, qualname) for qualname, _, by_itself in hints.fixtures if by_itself]
            nodes += [("fixture", "", name) for name in hints.used]
            for definition in self._by_file[one]:
                name = definition.qualname
                if name in _MODULE_SETUP or (one != path and name.startswith("pytest_")):
                    nodes.append(("def", one, name))
        return nodes

    def _flow(self, seeds: Mapping[Node, int]) -> dict[Node, int]:
        reached = dict(seeds)
        leads_to, both = self._graph.leads_to, self._graph.both
        open_ = deque(seeds)
        waiting = set(seeds)
        while open_:
            node = open_.popleft()
            waiting.discard(node)
            bits = reached[node]
            following = [(target, bits) for target in leads_to.get(node, ())]
            following += [(target, bits & reached.get(other, 0)) for other, target in both.get(node, ())]
            for target, more in following:
                known = reached.get(target, 0)
                if more | known != known:
                    reached[target] = more | known
                    if target not in waiting:
                        waiting.add(target)
                        open_.append(target)
        return reached


def _body(path: str) -> Node:
    return ("def", path, "")


def _key_of(test: str) -> tuple[str, str]:
    """The file and the dotted name of a node id, without parameters."""
    path, _, names = test.partition("[")[0].partition("::")
    return path, names.replace("::", ".")


def _is_test_file(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py")
