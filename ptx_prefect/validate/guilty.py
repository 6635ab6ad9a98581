"""The smallest set of sections that makes the checks fail, found with few runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ptx_prefect.merge.lineage import ancestors_of


@dataclass(frozen=True, slots=True)
class Budget:
    """How much the search may cost: runs of the whole list of checks, and seconds in all."""

    runs: int = 30
    seconds: float = 1800.0


class BudgetSpentError(Exception):
    """The search stops here; what was found so far holds."""


class Trials:
    """Runs the checks on sets of sections: each set once, within a budget."""

    def __init__(
        self,
        passes: Callable[[frozenset[str]], bool],
        *,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._passes, self._budget, self._clock = passes, budget, clock
        self._began = clock()
        self._known: dict[frozenset[str], bool] = {}

    @property
    def runs(self) -> int:
        """How many sets were tried."""
        return len(self._known)

    def pass_on(self, sections: Collection[str]) -> bool:
        """True when the checks pass on the tree that these sections make.

        Raises:
            BudgetSpentError: this set was not tried yet, and no run or no second is left.
        """
        key = frozenset(sections)
        if key not in self._known:
            if self.runs >= self._budget.runs or self._clock() - self._began >= self._budget.seconds:
                raise BudgetSpentError
            self._known[key] = self._passes(key)
        return self._known[key]


def smallest_guilty(
    sections: Sequence[str],
    *,
    after: Mapping[str, Sequence[str]],
    passes: Callable[[Collection[str]], bool],
    hints: Sequence[Collection[str]] = (),
) -> tuple[str, ...]:
    """Those of ``sections`` that fail together, none of which can be left out; in plan order.

    All of ``sections`` together are known to fail and none of them to pass. A section is only ever tried with what it
    builds on. Takes about log2(sections) runs for each guilty one: delta debugging (Zeller and Hildebrandt, 2002) by
    halving, which finds the last guilty one of the shortest failing prefix, then the next with that one held fixed.

    Args:
        sections: in plan order, prerequisites first.
        hints: sets of names to look among first, one after the other; a wrong one costs one run.
    """
    ancestors = ancestors_of(sections, after)
    alive = frozenset(sections)

    def fails(chosen: Collection[str]) -> bool:
        return not passes(with_prerequisites(chosen, ancestors) & alive)

    pool = list(sections)
    for hint in hints:
        hinted = [name for name in sections if name in with_prerequisites(hint, ancestors)]
        if hinted and len(hinted) < len(pool) and fails(hinted):
            pool = hinted
            break
    fixed: list[str] = []
    while not fixed or not fails(fixed):
        low, high = 0, len(pool)  # fixed with pool[:low] passes, with pool[:high] fails
        while high - low > 1:
            middle = (low + high) // 2
            if fails([*fixed, *pool[:middle]]):
                high = middle
            else:
                low = middle
        fixed.append(pool[high - 1])
        pool = pool[: high - 1]
    return tuple(sorted(fixed, key=sections.index))


def to_eject(cause: Sequence[str], sections: Sequence[str], *, after: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Which section of a cause goes, with all that build on it: the one that takes fewest along, else the latest.

    Without any one of them the others do no harm, so one is enough.
    """
    ancestors = ancestors_of(sections, after)

    def going(name: str) -> tuple[str, ...]:
        return (name, *(other for other in sections if name in ancestors[other]))

    return min((going(name) for name in reversed(cause)), key=len)


def with_prerequisites(names: Collection[str], ancestors: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """``names`` and all that they build on."""
    return frozenset(names).union(*(ancestors.get(name, frozenset()) for name in names))
