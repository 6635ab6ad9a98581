"""Code that one side removed and the other edited: gone for good only where the edit is not lost with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from ptx_prefect.merge.alignment import align
from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.python.tokens import tokens_of
from ptx_prefect.merge.threeway import Span, Stretch, Versions, cut

WordEdit = tuple[tuple[str, ...], tuple[str, ...]]
"""Words of the base, and what one side has in their place."""

_LINES_LIMIT = 200
_DEFINED = re.compile(r"\s*(?:(?:async\s+)?def|class)\s+(\w+)")


def taken_away(
    stretches: Sequence[Stretch], at: int, whole: Versions, mine: Edits, yours: Edits
) -> tuple[str, ...] | None:
    """What is left of the place when one side emptied it; None when that would drop something the other side did.

    An edit is not dropped when it is a comment, takes words away, is made by that side in other places too (a name
    changed throughout), or puts in what the remover's own new code has. Code that only moved was not removed.
    """
    place = cut(whole, stretches[at])
    for left, edited, remover, is_first in (
        (place.ours, place.theirs, mine, False),
        (place.theirs, place.ours, yours, True),
    ):
        if any(map(str.strip, left)) or not any(map(str.strip, edited)) or len(place.base) > _LINES_LIMIT:
            continue
        if _has_moved(place.base, edited, remover):
            return None
        changes = list(word_edits(place.base, edited))
        rest = [change for change in changes if not _is_comment(change) and change[1]]
        if rest:
            throughout = _edits_elsewhere(stretches, at, whole, is_first)
            written = [tokens_of(line).words for line in remover.added]
            rest = [change for change in rest if not (_says(change) and throughout[change])]
            rest = [change for change in rest if not any(_contains(words, change[1]) for words in written)]
        return left if changes and not rest else None
    return None


def defined_in(lines: Sequence[str]) -> frozenset[str]:
    """Names of the functions and classes whose headers are among the lines."""
    return frozenset(found.group(1) for line in lines if (found := _DEFINED.match(line)))


def word_edits(base: Sequence[str], side: Sequence[str]) -> Iterator[WordEdit]:
    """Every edit of a side, word by word."""
    old, new = (tokens_of("".join(lines)).words for lines in (base, side))
    i = j = 0
    for at, there, size in [*align(old, new), (len(old), len(new), 0)]:
        if at > i or there > j:
            yield old[i:at], new[j:there]
        i, j = at + size, there + size


def _has_moved(base: Sequence[str], edited: Sequence[str], remover: Edits) -> bool:
    """True when a line that the editor changed, or most of the place, still stands in the remover's text."""
    before, after = (Counter(map(str.strip, split(text))) for text in (remover.base, remover.side))
    said = [line for line in map(str.strip, base) if sum(map(str.isalnum, line)) > 4]
    standing = {line for line in said if after[line] >= before[line]}
    changed = set(said) - set(map(str.strip, edited))
    return bool(standing & changed) or 2 * sum(line in standing for line in said) > len(said)


def _edits_elsewhere(stretches: Sequence[Stretch], at: int, whole: Versions, is_first: bool) -> Counter[WordEdit]:
    """The word edits that the editor (the first side or the second) made outside the place."""
    found: Counter[WordEdit] = Counter()
    side = whole.ours if is_first else whole.theirs
    for index, stretch in enumerate(stretches):
        span: Span = stretch.ours if is_first else stretch.theirs
        sizes = (stretch.base[1] - stretch.base[0], span[1] - span[0])
        if index != at and stretch.changed_by & (1 if is_first else 2) and max(sizes) <= _LINES_LIMIT:
            found.update(word_edits(whole.base[slice(*stretch.base)], side[slice(*span)]))
    return found


def _is_comment(change: WordEdit) -> bool:
    return all(word.startswith("#") for words in change for word in words)


def _says(change: WordEdit) -> bool:
    return any(char.isalnum() for words in change for word in words for char in word)


def _contains(words: Sequence[str], part: Sequence[str]) -> bool:
    size = len(part)
    return any(tuple(words[at : at + size]) == tuple(part) for at in range(len(words) - size + 1))
