"""npm version ranges intersected, as far as that is certain: one unbroken range of plain releases."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ptx_prefect.merge.keyed import Decision

Version = tuple[int, int, int]

_PART = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*v?(\d+)(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?")
_ENDLESS = (1 << 62, 0, 0)


@dataclass(frozen=True, slots=True)
class Interval:
    """Releases from ``low`` up to, but without, ``high``."""

    low: Version
    high: Version


def merge_ranges(ours: str, theirs: str) -> Decision:
    """The range (both written as JSON strings) that satisfies both, or a dependency conflict that names them."""
    mine, yours = ours.strip('"'), theirs.strip('"')
    first, second = interval_of(mine), interval_of(yours)
    clash = f"{mine!r} against {yours!r}"
    if first is None or second is None:
        return Decision(None, f"two ranges whose intersection is not certain: {clash}", "dependency")
    common = Interval(max(first.low, second.low), min(first.high, second.high))
    if common.low >= common.high:
        return Decision(None, f"no version satisfies both demands: {clash}", "dependency")
    reason = f"one range that satisfies both: {clash}"
    if common == second != first:
        return Decision(theirs, reason, "dependency")
    return Decision(ours if common == first else f'"{_written(common)}"', reason, "dependency")


def interval_of(text: str) -> Interval | None:
    """The releases that a range names; None for what is not one plain interval (tags, ``||``, pre-releases, paths)."""
    text = text.strip()
    if text in ("", "*", "x"):
        return Interval((0, 0, 0), _ENDLESS)
    low, high, at = (0, 0, 0), _ENDLESS, 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or (found.end() < len(text) and not text[found.end()].isspace()):
            return None
        part = _bounds(found)
        low, high = max(low, part.low), min(high, part.high)
        at = found.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return Interval(low, high) if low < high else None


def _bounds(found: re.Match[str]) -> Interval:
    operator = found.group(1) or "="
    numbers = []
    for text in found.groups()[1:]:
        if text is None or not text.isdigit():
            break
        numbers.append(int(text))
    exact: Version = tuple([*numbers, 0, 0][:3])  # type: ignore[assignment]  # three of them, always
    above = _next(numbers, len(numbers) - 1)
    match operator:
        case "^":
            first = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
            return Interval(exact, _next(numbers, first))
        case "~":
            return Interval(exact, _next(numbers, min(1, len(numbers) - 1)))
        case ">=":
            return Interval(exact, _ENDLESS)
        case ">":
            return Interval(above, _ENDLESS)
        case "<":
            return Interval((0, 0, 0), exact)
        case "<=":
            return Interval((0, 0, 0), above)
        case _:
            return Interval(exact, above)


def _next(numbers: list[int], place: int) -> Version:
    """The first version after all that start with ``numbers`` up to ``place``."""
    raised = [*numbers[:place], numbers[place] + 1, 0, 0]
    return raised[0], raised[1], raised[2]


def _written(common: Interval) -> str:
    low = ".".join(map(str, common.low))
    for form in (f"^{low}", f"~{low}", low):
        if interval_of(form) == common:
            return form
    high = ".".join(map(str, common.high))
    return f">={low} <{high}" if common.high != _ENDLESS else f">={low}"
