"""Word statistics by folding immutable values."""

from __future__ import annotations

from collections import Counter
from functools import reduce


class Words:
    """The words of a text."""

    def __init__(self, text: str) -> None:
        self.words = tuple(text.lower().split())

    def distinct(self) -> int:
        """How many different words there are."""
        return len(reduce(lambda seen, word: seen | {word}, self.words, frozenset[str]()))

    def top(self, count: int) -> list[tuple[str, int]]:
        """The most frequent words, equals in alphabetical order."""
        return sorted(Counter(self.words).items(), key=by_frequency)[:count]


def by_frequency(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]
