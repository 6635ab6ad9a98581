"""The dependency graph of the sections. The only module that imports networkx, and only where there is an edge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True)
class Shape:
    """What the graph says: waves, the longest path by ``seconds`` and its length."""

    waves: tuple[tuple[str, ...], ...]
    critical_path: tuple[str, ...]
    critical_path_s: float


def shape_of(after: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> Shape:
    """Waves, in plan order within each, and the critical path. ``after`` has no cycle."""
    if _is_flat(after):
        longest = max(after, key=lambda name: seconds.get(name, 0.0), default=None)
        return Shape((), (), 0.0) if longest is None else Shape((tuple(after),), (longest,), seconds.get(longest, 0.0))
    import networkx as nx

    graph = _graph(after)
    rank = {name: index for index, name in enumerate(after)}
    waves = tuple(tuple(sorted(wave, key=rank.__getitem__)) for wave in nx.topological_generations(graph))
    path, length = _longest_path(graph, seconds)
    return Shape(waves, path, length)


def cycles_of(after: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The strongly connected groups of more than one section (or with a self-edge), each as a chain a -> b -> a."""
    return tuple(sorted(_chain_in(group) for group in _circular_groups(after)))


@dataclass(frozen=True, slots=True)
class Cut:
    """A dependency that was given up: ``target`` no longer waits for ``source``; ``chain`` is the cycle it closed."""

    source: str
    target: str
    chain: tuple[str, ...]


def cut_cycles(
    after: Mapping[str, Sequence[str]], strength: Callable[[str, str], tuple[float, ...]]
) -> tuple[dict[str, tuple[str, ...]], tuple[Cut, ...]]:
    """The dependencies without their cycles: of each cycle found, the weakest is given up, until none is left.

    Args:
        strength: of the dependency of the second name on the first; the least is given up.
    """
    kept = {name: list(sources) for name, sources in after.items()}
    cuts = []
    open_ = _circular_groups(kept)
    while open_:
        group = open_.pop()
        chain = _chain_in(group)
        source, target = min(pairwise(chain), key=lambda step: strength(*step))
        kept[target].remove(source)
        cuts.append(Cut(source, target, chain))
        inside = group.keys()
        open_ += _circular_groups({name: [one for one in kept[name] if one in inside] for name in group})
    return {name: tuple(sources) for name, sources in kept.items()}, tuple(cuts)


def components_of(after: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The strongly connected groups, prerequisites first; names within a group in the order of ``after``."""
    if _is_flat(after):
        return tuple((name,) for name in after)
    import networkx as nx

    graph = _graph(after)
    rank = {name: index for index, name in enumerate(after)}
    condensed = nx.condensation(graph)
    order = nx.lexicographical_topological_sort(
        condensed, key=lambda node: min(rank[name] for name in condensed.nodes[node]["members"])
    )
    return tuple(tuple(sorted(condensed.nodes[node]["members"], key=rank.__getitem__)) for node in order)


def topological_order(after: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Prerequisites first, otherwise as given."""
    if _is_flat(after):
        return tuple(after)
    import networkx as nx

    rank = {name: index for index, name in enumerate(after)}
    return tuple(nx.lexicographical_topological_sort(_graph(after), key=rank.__getitem__))


def _circular_groups(after: Mapping[str, Sequence[str]]) -> list[dict[str, list[str]]]:
    """The strongly connected parts that hold a cycle, each as a graph of its own in the order of ``after``."""
    if _is_flat(after):
        return []
    import networkx as nx

    found = []
    for members in nx.strongly_connected_components(_graph(after)):
        if len(members) > 1 or any(name in after[name] for name in members):
            group = {name: [one for one in after[name] if one in members] for name in after if name in members}
            found.append(group)
    return found


def _chain_in(group: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    import networkx as nx

    cycle = nx.find_cycle(_graph(group))
    return (*(edge[0] for edge in cycle), cycle[0][0])


def _is_flat(after: Mapping[str, Sequence[str]]) -> bool:
    """No edges: nothing to ask networkx, whose import takes longer than many a plan."""
    return not any(after.values())


def _graph(after: Mapping[str, Sequence[str]]) -> nx.DiGraph[str]:
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(after)
    graph.add_edges_from((source, target) for target, sources in after.items() for source in sources)
    return graph


def _longest_path(graph: nx.DiGraph[str], seconds: Mapping[str, float]) -> tuple[tuple[str, ...], float]:
    import networkx as nx

    # networkx weighs edges; ours are the nodes, so the path is found here in one pass.
    best: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for name in nx.topological_sort(graph):
        previous = max(graph.predecessors(name), key=lambda item: best[item], default=None)
        before[name] = previous
        best[name] = seconds.get(name, 0.0) + (best[previous] if previous is not None else 0.0)
    if not best:
        return (), 0.0
    last: str | None = max(best, key=lambda item: best[item])
    length = best[last] if last is not None else 0.0
    path: list[str] = []
    while last is not None:
        path.append(last)
        last = before[last]
    return tuple(reversed(path)), length
