"""What each side added and took away, as lines and words: cheap evidence for the guards."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass

from ptx_prefect.merge.lines import split

_WORD = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class Edits:
    """One side against the base."""

    base: str
    side: str

    @functools.cached_property
    def _counts(self) -> tuple[Counter[str], Counter[str]]:
        return Counter(split(self.base)), Counter(split(self.side))

    @functools.cached_property
    def added(self) -> Counter[str]:
        """Lines that the side has more often than the base."""
        old, new = self._counts
        return new - old

    @functools.cached_property
    def removed(self) -> Counter[str]:
        """Lines that the base has more often than the side."""
        old, new = self._counts
        return old - new

    @functools.cached_property
    def added_words(self) -> Counter[str]:
        """Words of the added lines less those of the removed ones, comments aside: what the side began to say."""
        return words_of(self.added) - words_of(self.removed)

    @functools.cached_property
    def removed_words(self) -> Counter[str]:
        """The mirror of :attr:`added_words`."""
        return words_of(self.removed) - words_of(self.added)

    @functools.cached_property
    def vanished(self) -> frozenset[str]:
        """Words that the base has and the side has no more, comments aside."""
        if not self.removed_words:
            return frozenset()
        left = set(_WORD.findall(_COMMENT.sub("", self.side)))
        return frozenset(word for word in self.removed_words if word not in left)


def words_of(lines: Counter[str]) -> Counter[str]:
    """Words, as often as the lines have them."""
    counts: Counter[str] = Counter()
    for line, times in lines.items():
        for word in _WORD.findall(_COMMENT.sub("", line)):
            counts[word] += times
    return counts


@functools.lru_cache(maxsize=8)
def edits(base: str, side: str) -> Edits:
    """The edits of a side; the last few are kept, since several guards ask for the same."""
    return Edits(base, side)
