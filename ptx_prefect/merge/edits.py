"""What each side added and took away, as lines and words: cheap evidence for the guards."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ptx_prefect.merge.lines import split

_WORD = re.compile(r"[A-Za-z_]\w*")
_COMMENT = re.compile(r"#[^\n]*")


@functools.lru_cache(maxsize=8)
def line_counts(text: str) -> Counter[str]:
    """How often each line stands in the text. Shared by all who ask: not to be changed."""
    return Counter(split(text))


@dataclass(frozen=True)
class Edits:
    """One side against the base."""

    base: str
    side: str

    @functools.cached_property
    def added(self) -> Counter[str]:
        """Lines that the side has more often than the base."""
        return line_counts(self.side) - line_counts(self.base)

    @functools.cached_property
    def removed(self) -> Counter[str]:
        """Lines that the base has more often than the side."""
        return line_counts(self.base) - line_counts(self.side)

    @functools.cached_property
    def written(self) -> Counter[str]:
        """Words of the added lines, comments aside."""
        return words_of(self.added)

    @functools.cached_property
    def erased(self) -> Counter[str]:
        """Words of the removed lines, comments aside."""
        return words_of(self.removed)

    @functools.cached_property
    def added_words(self) -> Counter[str]:
        """Words of the added lines less those of the removed ones: what the side began to say."""
        return self.written - self.erased

    @functools.cached_property
    def removed_words(self) -> Counter[str]:
        """The mirror of :attr:`added_words`."""
        return self.erased - self.written

    def vanished(self, words: Iterable[str]) -> frozenset[str]:
        """Those of ``words`` that the base has and the side has no more, comments aside."""
        gone = frozenset(words) & self.removed_words.keys()
        return gone - set(_WORD.findall(_COMMENT.sub("", self.side))) if gone else gone


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
