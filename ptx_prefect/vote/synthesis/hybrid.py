"""Hybrid synthesis: each shared function or method from the candidate that measures best on it, in one program.

The parts are found by signature; every swap of one part is itself a program, so it can pass the gate and be timed on
the whole benchmark like any candidate. The swaps that help are put together by our own merge, each as one side
against the base; where the sides clash, they are put in one after the other. Nothing here decides: the hybrid enters
the vote as one more candidate.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ptx_prefect.merge import merge_file
from ptx_prefect.vote.synthesis.graft import graft
from ptx_prefect.vote.synthesis.program import (
    CannotGraftError,
    Function,
    Program,
    bound_by,
    bound_names,
    find_part,
    read_program,
    used_names,
)

HYBRID_NAME = "synthesis"
MAX_SWAPS = 24
"""Each swap is gated and timed; more than this would take longer than the vote itself."""


@dataclass(frozen=True, slots=True)
class Swap:
    """The base program with one part taken from a donor."""

    part: str
    donor: str
    source: str

    @property
    def name(self) -> str:
        """The swap's name as a candidate."""
        return f"{self.part} of {self.donor}"


@dataclass(frozen=True, slots=True)
class Synthesis:
    """A program put together from several candidates.

    Attributes:
        source: the program; None if none could be made.
        taken: part to the candidate that it comes from; the rest is the base's.
        problem: why there is no program.
        notes: parts that could not be moved, and how the merge went.
    """

    source: str | None
    base: str
    taken: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    notes: tuple[str, ...] = ()


def shared_parts(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Public functions and methods that at least two candidates define with the same parameters: part to candidates.

    ``__init__`` is no part: the state that it prepares belongs to its class.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name, source in sources.items():
        try:
            program = read_program(source)
        except CannotGraftError:
            continue
        for part, node in _parts(program):
            found.setdefault((part, _signature(node)), []).append(name)
    best: dict[str, tuple[str, ...]] = {}
    for (part, _), names in found.items():
        if len(names) > max(1, len(best.get(part, ()))):
            best[part] = tuple(names)
    return dict(sorted(best.items()))


def swaps_for(base: str, sources: Mapping[str, str]) -> tuple[tuple[Swap, ...], tuple[str, ...]]:
    """Every program that differs from the base by one part of another candidate; and what could not be moved, and why.

    Empty if the candidates share fewer than two parts: then a swap is only the other candidate again.
    """
    parts = {part: names for part, names in shared_parts(sources).items() if base in names}
    if len(parts) < 2:
        return (), ()
    swaps: list[Swap] = []
    notes: list[str] = []
    for part, names in parts.items():
        for donor in names:
            if donor == base or _same_part(sources[base], sources[donor], part):
                continue
            try:
                swaps.append(Swap(part, donor, _grafted(sources[base], base, donor, part, sources)))
            except CannotGraftError as reason:
                notes.append(f"{part} of {donor} was not tried: {reason}")
    if len(swaps) > MAX_SWAPS:
        notes.append(f"only the first {MAX_SWAPS} of {len(swaps)} swaps were tried")
    return tuple(swaps[:MAX_SWAPS]), tuple(notes)


def best_swaps(
    swaps: Sequence[Swap], costs: Mapping[str, float], base_cost: float, *, at_least: float = 1.0
) -> dict[str, str]:
    """For each part the donor whose swap costs least, where it costs less than the base by more than ``at_least``.

    Args:
        costs: swap name to cost (seconds, say); swaps that failed the gate are not in it.
        at_least: how many times cheaper it has to be.
    """
    taken: dict[str, tuple[float, str]] = {}
    for swap in swaps:
        cost = costs.get(swap.name)
        if cost is not None and cost * at_least < base_cost:
            taken[swap.part] = min(taken.get(swap.part, (cost, swap.donor)), (cost, swap.donor))
    return {part: donor for part, (_, donor) in sorted(taken.items())}


def synthesise(base: str, sources: Mapping[str, str], taken: Mapping[str, str]) -> Synthesis:
    """The base program with each part of ``taken`` (part to donor) in the donor's form."""
    if not taken:
        return Synthesis(None, base, problem="no part measures better in another candidate")
    try:
        sides = {part: _grafted(sources[base], base, donor, part, sources) for part, donor in taken.items()}
    except CannotGraftError as reason:
        return Synthesis(None, base, problem=str(reason))
    merged = _merged(sources[base], base, sides)
    if merged is not None and _holds_parts(merged, sides) and not _defines_twice(merged, sides):
        how = "the parts were merged as one side each" if len(sides) > 1 else ""
        tidy = _without_idle_imports(merged, sources[base])
        return Synthesis(tidy, base, dict(taken), notes=(how,) if how else ())
    try:
        source = sources[base]
        for part, donor in taken.items():
            source = _grafted(source, base, donor, part, sources)
    except CannotGraftError as reason:
        return Synthesis(None, base, problem=str(reason))
    if not _holds_parts(source, sides):
        return Synthesis(None, base, problem="the parts do not go together in one program")
    source = _without_idle_imports(source, sources[base])
    return Synthesis(source, base, dict(taken), notes=("the sides clashed, so the parts were put in one by one",))


def _parts(program: Program) -> list[tuple[str, Function]]:
    names = [node.name for node in program.tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    for node in program.tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = [one.name for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
            names += [f"{node.name}.{method}" for method in methods]
    public = [name for name in dict.fromkeys(names) if not name.rpartition(".")[2].startswith("_")]
    return [(name, part) for name in public if (part := find_part(program, name)) is not None]


def _signature(node: Function) -> str:
    """What a caller sees: parameters and defaults, without annotations; and what wraps the function."""
    arguments = node.args
    names = [[one.arg for one in group] for group in (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)]
    rest = [one.arg if one else None for one in (arguments.vararg, arguments.kwarg)]
    defaults = [ast.dump(one) if one else None for one in (*arguments.defaults, *arguments.kw_defaults)]
    # A property is read and not called: it can only stand in for a property.
    wraps = sorted(one.id for one in node.decorator_list if isinstance(one, ast.Name) and one.id in _CALLED_OTHERWISE)
    return repr((type(node).__name__, names, rest, defaults, wraps))


_CALLED_OTHERWISE = ("property", "staticmethod", "classmethod")


def _same_part(one: str, other: str, part: str) -> bool:
    nodes = [find_part(read_program(source), part) for source in (one, other)]
    return ast.dump(nodes[0]) == ast.dump(nodes[1]) if nodes[0] and nodes[1] else False


def _grafted(base_source: str, base: str, donor: str, part: str, sources: Mapping[str, str]) -> str:
    interface = {
        name.partition(".")[0] for name, owners in shared_parts(sources).items() if base in owners and donor in owners
    }
    return graft(base_source, sources[donor], part, donor_name=donor, interface=interface)


def _merged(base_source: str, base: str, sides: Mapping[str, str]) -> str | None:
    """All sides in one, or None if the merge leaves something to a person."""
    ground = read_program(base_source).text.encode()
    merged = merge_file(ground, [side.encode() for side in sides.values()], path="synthesis.py", names=list(sides))
    return merged.content.decode() if merged.is_clean else None


def _holds_parts(source: str, sides: Mapping[str, str]) -> bool:
    """Whether the program has each part as its side has it (helpers that had to be renamed once more are allowed)."""
    try:
        program = read_program(source)
        for part, side in sides.items():
            have, want = find_part(program, part), find_part(read_program(side), part)
            if have is None or want is None or _shape(have) != _shape(want):
                return False
    except CannotGraftError:
        return False
    return True


def _defines_twice(source: str, sides: Mapping[str, str]) -> bool:
    """Whether a name is bound more often than in any side: two donors' helpers that happen to share it."""
    counts = Counter(_bindings(source))
    allowed: Counter[str] = Counter()
    for side in sides.values():
        allowed |= Counter(_bindings(side))
    return bool(counts - allowed)


def _bindings(source: str) -> list[str]:
    return [name for node in read_program(source).tree.body for name in bound_names(node)]


def _without_idle_imports(source: str, base_source: str) -> str:
    """The program without the imports that only replaced parts used; one that was idle before stays."""
    program, before = read_program(source), read_program(base_source)
    idle = _mentioned(before) - _mentioned(program)
    lines = program.lines
    for node in reversed(program.tree.body):
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        kept = [alias for alias in node.names if bound_by(alias) not in idle]
        if len(kept) < len(node.names):
            fresh = ast.Import(kept) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, kept, node.level)
            lines[node.lineno - 1 : node.end_lineno] = [ast.unparse(fresh) + "\n"] if kept else []
    return "".join(lines)


def _mentioned(program: Program) -> set[str]:
    """Names that the program uses, also as text (``__all__``, forward references)."""
    texts = {node.value for node in ast.walk(program.tree) if isinstance(node, ast.Constant)}
    words = {word for text in texts if isinstance(text, str) for word in re.findall(r"\w+", text)}
    return used_names(program.tree) | words


def _shape(node: Function) -> list[str]:
    return [type(one).__name__ for one in ast.walk(node)]
