"""Module level: the files of a package in a few clusters that refer to each other as little as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ptx_prefect.errors import PlanError
from ptx_prefect.plan.draft import SectionDraft
from ptx_prefect.plan.graph import components_of, cycles_of
from ptx_prefect.plan.references import References

MODULE_CAP = 5
"""The specification's cap on module-level sections."""
_SLACK = 1.35
"""A cluster may weigh this many times the average; below about 1.2 the cut gets markedly worse."""
_LARGEST_KNOT = 0.5
"""Files that refer to each other in a circle stay together up to this part of the whole; a larger knot is cut."""

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ModuleCut:
    """The clusters, and what it costs to part them.

    Args:
        cut: (file, file it refers to) pairs that cross from one section to another.
        cut_alphabetically: how many pairs would cross if the files, sorted by folder and name, were dealt out in as
            many runs of equal weight.
        dropped: section pairs whose order was given up to keep the sections free of cycles, each with the reason.
    """

    sections: tuple[SectionDraft, ...]
    cut: tuple[Pair, ...]
    cut_alphabetically: int
    dropped: tuple[tuple[str, str, str], ...]


def sections_by_module(
    references: References,
    *,
    cap: int = MODULE_CAP,
    seconds: Mapping[str, float] | None = None,
    on_cycle: str | None = None,
) -> ModuleCut:
    """At most ``cap`` sections of about equal weight with few references between them.

    Files that refer to each other in a circle are one knot and move together. Knots are joined pairwise, the most
    strongly bound first, then moved one by one while that removes references between clusters (the local search of
    Kernighan and Lin, 1970, with single moves as in Fiduccia and Mattheyses, 1982).

    Args:
        seconds: expected time by path; without, a file weighs what it has in lines.
        on_cycle: sections that need each other in a circle lose the weakest direction (``"cut"``, the default),
            become one (``"merge"``), or are refused (``"error"``).

    Raises:
        PlanError: the tree has no Python file; sections need each other and ``on_cycle`` is ``"error"``.
    """
    if not references.files:
        raise PlanError(f"{str(references.root)!r} holds no Python file that parses; module level needs some")
    weights = _weights(references, seconds)
    bonds = _bonds(references)
    needs: dict[str, list[str]] = {path: [] for path in references.files}
    for source, target in bonds:
        needs[source].append(target)
    knots = _knots(needs, weights, bonds)
    clusters = _refined(_joined(knots, weights, bonds, cap), weights, bonds, cap)
    ordered = sorted((sorted(path for knot in cluster for path in knot) for cluster in clusters), key=lambda c: c[0])
    if on_cycle == "merge":
        ordered = _without_circles(ordered, bonds)
    cut = _cut(ordered, references, bonds, weights, seconds)
    if cut.dropped and on_cycle == "error":
        told = "; ".join(f"{one!r} and {other!r}: {why}" for one, other, why in cut.dropped)
        raise PlanError(f"modules need each other in a circle: {told}; set on_cycle to 'cut' or 'merge'")
    return cut


def _without_circles(clusters: Sequence[list[str]], bonds: Mapping[Pair, int]) -> list[list[str]]:
    """Clusters that need each other in a circle, as one."""
    home = {path: index for index, cluster in enumerate(clusters) for path in cluster}
    needs: dict[str, list[str]] = {str(index): [] for index in range(len(clusters))}
    for one, other in sorted({(home[source], home[target]) for source, target in bonds}):
        needs[str(one)] += [str(other)] if one != other else []
    groups = components_of(needs)
    return sorted(
        (sorted(path for one in group for path in clusters[int(one)]) for group in groups), key=lambda c: c[0]
    )


def _weights(references: References, seconds: Mapping[str, float] | None) -> dict[str, float]:
    if seconds:
        typical = sorted(seconds.values())[len(seconds) // 2]
        return {path: seconds.get(path, typical) for path in references.files}
    return {path: float(references.definitions_of(path)[0].end_line) for path in references.files}


def _bonds(references: References) -> Counter[Pair]:
    """How often one file refers to definitions of another. Imports alone bind nothing where a name is used: through
    a package's ``__init__`` every file would be bound to every other."""
    bonds: Counter[Pair] = Counter()
    for edge in references.edges:
        is_bond = not edge.target_path.endswith("__init__.py") if edge.kind == "import" else edge.target_qualname
        if is_bond and edge.target_path and edge.target_path != edge.path:
            bonds[edge.path, edge.target_path] += 1
    return bonds


def _knots(
    needs: Mapping[str, Sequence[str]], weights: Mapping[str, float], bonds: Mapping[Pair, int]
) -> list[tuple[str, ...]]:
    """The strongly connected files; a knot of more than half the whole is loosened by leaving out its weakest bonds."""
    total = sum(weights.values())
    knots: list[tuple[str, ...]] = []
    for knot in components_of(needs):
        if sum(weights[path] for path in knot) <= _LARGEST_KNOT * total or len(knot) < 2:
            knots.append(knot)
            continue
        inside = set(knot)
        strengths = sorted({bonds[path, other] for path in knot for other in needs[path] if other in inside})
        weakest = strengths[0]
        kept = {
            path: [other for other in needs[path] if other in inside and bonds[path, other] > weakest] for path in knot
        }
        knots += _knots(kept, {path: weights[path] for path in knot}, bonds)
    return knots


def _joined(
    knots: Sequence[tuple[str, ...]], weights: Mapping[str, float], bonds: Mapping[Pair, int], cap: int
) -> list[list[tuple[str, ...]]]:
    """Knots joined to clusters: the pair with the strongest bond for its weight first, then the lightest ones."""
    limit = _SLACK * sum(weights.values()) / cap
    clusters = {index: [knot] for index, knot in enumerate(knots)}
    weight = {index: sum(weights[path] for path in knot) for index, knot in enumerate(knots)}
    cluster_of = {path: index for index, knot in enumerate(knots) for path in knot}
    between: dict[int, Counter[int]] = {index: Counter() for index in clusters}
    for (source, target), strength in bonds.items():
        one, other = cluster_of[source], cluster_of[target]
        if one != other:
            between[one][other] += strength
            between[other][one] += strength
    while len(clusters) > cap:
        pair = _best_pair(between, weight, limit) or _lightest_pair(weight)
        one, other = pair
        clusters[one] += clusters.pop(other)
        weight[one] += weight.pop(other)
        for third, strength in between.pop(other).items():
            del between[third][other]
            if third != one:
                between[one][third] += strength
                between[third][one] += strength
    return list(clusters.values())


def _best_pair(
    between: Mapping[int, Counter[int]], weight: Mapping[int, float], limit: float
) -> tuple[int, int] | None:
    best, best_score = None, 0.0
    for one, others in between.items():
        for other, strength in others.items():
            if one < other and weight[one] + weight[other] <= limit:
                score = strength / (1.0 + min(weight[one], weight[other]))
                if score > best_score:
                    best, best_score = (one, other), score
    return best


def _lightest_pair(weight: Mapping[int, float]) -> tuple[int, int]:
    first, second = sorted(weight, key=lambda index: (weight[index], index))[:2]
    return (first, second) if first < second else (second, first)


def _refined(
    clusters: list[list[tuple[str, ...]]], weights: Mapping[str, float], bonds: Mapping[Pair, int], cap: int
) -> list[list[tuple[str, ...]]]:
    """Knots moved to the cluster that holds more of their neighbours, until no single move removes a cut pair."""
    limit = _SLACK * sum(weights.values()) / cap
    home = {path: index for index, cluster in enumerate(clusters) for knot in cluster for path in knot}
    load = [sum(weights[path] for knot in cluster for path in knot) for cluster in clusters]
    neighbours: dict[str, list[str]] = {path: [] for path in home}
    for source, target in bonds:
        neighbours[source].append(target)
        neighbours[target].append(source)
    knots = sorted((knot for cluster in clusters for knot in cluster), key=lambda knot: knot[0])
    for _ in range(20):
        moved = False
        for knot in knots:
            inside, here = set(knot), home[knot[0]]
            pull = Counter(home[other] for path in knot for other in neighbours[path] if other not in inside)
            size = sum(weights[path] for path in knot)
            fitting = [index for index in pull if index != here and load[index] + size <= limit]
            there = max(fitting, key=lambda index: (pull[index], -load[index]), default=here)
            if pull[there] > pull[here] or (pull[there] == pull[here] and load[there] + size < load[here]):
                home |= dict.fromkeys(knot, there)
                load[here] -= size
                load[there] += size
                moved = True
        if not moved:
            break
    refined: list[list[tuple[str, ...]]] = [[] for _ in clusters]
    for knot in knots:
        refined[home[knot[0]]].append(knot)
    return [cluster for cluster in refined if cluster]


def _cut(
    clusters: Sequence[Sequence[str]],
    references: References,
    bonds: Mapping[Pair, int],
    weights: Mapping[str, float],
    seconds: Mapping[str, float] | None,
) -> ModuleCut:
    home = {path: index for index, cluster in enumerate(clusters) for path in cluster}
    names = _names(clusters)
    crossing = tuple(sorted(pair for pair in bonds if home[pair[0]] != home[pair[1]]))
    between: dict[tuple[int, int], list[Pair]] = {}
    for pair in crossing:
        between.setdefault((home[pair[0]], home[pair[1]]), []).append(pair)
    kept, dropped = _acyclic(between, len(clusters))
    sections = []
    for index, cluster in enumerate(clusters):
        reads = {target for source, target in crossing if home[source] == index}
        needed = [(other, pairs) for (one, other), pairs in sorted(kept.items()) if one == index]
        sections.append(
            SectionDraft(
                name=names[index],
                description=f"{len(cluster)} files: {', '.join(_folders(cluster)[:4])}",
                reads=tuple(sorted({*cluster, *reads})),
                writes=tuple(cluster),
                depends_on=tuple((names[other], _reason(pairs, references)) for other, pairs in needed),
                estimate_s=sum(weights[path] for path in cluster) if seconds else 0.0,
                files=tuple(cluster),
                why=_why(index, cluster, references, bonds, home, names, between),
            )
        )
    gone = tuple(
        (names[a], names[b], f"the weaker direction of a circle: {_reason(pairs, references)}")
        for a, b, pairs in dropped
    )
    return ModuleCut(tuple(sections), crossing, cut_by_folder(references.files, weights, bonds, len(clusters)), gone)


def cut_by_folder(files: Sequence[str], weights: Mapping[str, float], bonds: Mapping[Pair, int], count: int) -> int:
    """How many pairs cross when files in order of folder and name are dealt out in runs of equal weight."""
    ordered = sorted(files, key=lambda path: (path.rpartition("/")[0], path))
    total, passed = sum(weights.values()) or 1.0, 0.0
    home = {}
    for path in ordered:
        home[path] = min(count - 1, int(count * passed / total))
        passed += weights[path]
    return sum(home[source] != home[target] for source, target in bonds)


def _acyclic(
    between: Mapping[tuple[int, int], list[Pair]], count: int
) -> tuple[dict[tuple[int, int], list[Pair]], list[tuple[int, int, list[Pair]]]]:
    """Which section waits for which: of a circle, the weakest step is given up until none is left."""
    kept = dict(between)
    dropped: list[tuple[int, int, list[Pair]]] = []
    while True:
        after = {str(index): [str(other) for one, other in kept if one == index] for index in range(count)}
        cycles = cycles_of(after)
        if not cycles:
            return kept, dropped
        steps = [(int(b), int(a)) for a, b in pairwise(cycles[0])]
        steps = [step if step in kept else step[::-1] for step in steps]
        weakest = min(steps, key=lambda step: (len(kept[step]), step))
        dropped.append((*weakest, kept.pop(weakest)))


def _names(clusters: Sequence[Sequence[str]]) -> list[str]:
    """Each cluster by the folder that most of its files are in, numbered where two would be called the same."""
    names: list[str] = []
    for cluster in clusters:
        name = _folders(cluster)[0]
        same = sum(known == name or known.startswith(f"{name} (") for known in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return names


def _folders(cluster: Sequence[str]) -> list[str]:
    return [folder for folder, _ in Counter(path.rpartition("/")[0] or "." for path in cluster).most_common()]


def _reason(pairs: Sequence[Pair], references: References) -> str:
    more = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
    return references.evidence(*pairs[0]) + more


def _why(
    index: int,
    cluster: Sequence[str],
    references: References,
    bonds: Mapping[Pair, int],
    home: Mapping[str, int],
    names: Sequence[str],
    between: Mapping[tuple[int, int], list[Pair]],
) -> str:
    inside = sum(home[source] == index == home[target] for source, target in bonds)
    cuts = [
        f"{len(pairs)} to {names[b]!r} (first {_reason(pairs[:1], references)})"
        for (a, b), pairs in sorted(between.items())
        if a == index
    ]
    return f"{len(cluster)} files with {inside} references among them; " + (
        f"cut: {'; '.join(cuts)}" if cuts else "it refers to no other section"
    )
