"""Word statistics by loops."""

from __future__ import annotations


class Words:
    """The words of a text."""

    def __init__(self, text: str) -> None:
        self.words = text.lower().split()

    def distinct(self) -> int:
        """How many different words there are."""
        seen = set()
        for word in self.words:
            seen.add(word)
        return len(seen)

    def top(self, count: int) -> list[tuple[str, int]]:
        """The most frequent words, equals in alphabetical order."""
        left = sorted(set(self.words))
        found = []
        while left and len(found) < count:
            best, most = "", 0
            for word in left:
                times = self.words.count(word)
                if times > most:
                    best, most = word, times
            left.remove(best)
            found.append((best, most))
        return found
