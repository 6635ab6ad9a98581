"""Three-way merge token by token: for edits of one line, and for a side that only moved white space."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword

from ptx_prefect.merge.threeway import Stretch, compare

_TOKEN = re.compile(
    r"(?P<space>(?:\s|\\\n)*)"
    r"(?P<word>\#[^\n]*|(?:[rbfuRBFU]{0,2})(?:'(?!'')(?:[^'\\\n]|\\.)*'|\"(?!\"\")(?:[^\"\\\n]|\\.)*\")"
    r"|'''|\"\"\"|\w+(?:\.\d+)?|\*\*|//|->|:=|[-+*/%&|^<>=!@]=|<<|>>|\S)"
)
_SIZE_LIMIT = 1500
"""Tokens of one version; beyond it a merge by tokens is neither fast nor to be trusted."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words and, before each, the white space; ``tail`` is the white space after the last word."""

    words: tuple[str, ...]
    spaces: tuple[str, ...]
    tail: str


def tokens_of(text: str) -> Tokens:
    """Lexical tokens of any piece of Python, complete or not; joined again they give the text."""
    words, spaces, end = [], [], 0
    for match in _TOKEN.finditer(text):
        if match.start() != end:
            break
        words.append(match["word"])
        spaces.append(match["space"])
        end = match.end()
    return Tokens(tuple(words), tuple(spaces), text[end:])


@dataclass(frozen=True, slots=True)
class TokenMerge:
    """A text made of tokens of both sides.

    ``adjacent`` counts edits that meet without a shared token between, ``gap`` is the least number of shared tokens
    between edits of two sides; ``kept_by_…`` is the share of tokens that a side has in common with the base;
    ``replaced_by_…`` are the base's words that a side changed or deleted.
    """

    text: str
    adjacent: int
    replaced_by_ours: tuple[str, ...]
    replaced_by_theirs: tuple[str, ...]
    gap: int
    kept_by_ours: float
    kept_by_theirs: float


def merge_tokens(base: str, ours: str, theirs: str) -> TokenMerge | None:
    """Both sides' edits in one text, or None where both edit the same tokens."""
    versions = [tokens_of(text) for text in (base, ours, theirs)]
    if max(len(version.words) for version in versions) > _SIZE_LIMIT:
        return None
    old, mine, yours = versions
    stretches = compare(old.words, mine.words, yours.words, touching=False)
    pieces: list[str] = []
    words: list[str] = []
    adjacent = 0
    previous = 0
    for stretch in stretches:
        if previous and stretch.changed_by and stretch.changed_by != previous:
            adjacent += 1
        previous = stretch.changed_by
        chosen = _chosen(stretch, old, mine, yours)
        if chosen is None:
            return None
        for space, word in chosen:
            pieces += (space, word)
            words.append(word)
    tail = _changed(old.tail, mine.tail, yours.tail)
    if tail is None:
        return None
    text = "".join(pieces) + tail
    if tokens_of(text).words != tuple(words):
        return None  # a word fell into a comment, or two grew together
    replaced = [
        tuple(word for stretch in stretches if stretch.changed_by == side for word in old.words[slice(*stretch.base)])
        for side in (1, 2)
    ]
    sizes = [len(version.words) for version in versions]
    common = [len(old.words) - len(words) for words in replaced]
    kept = [2 * common[side] / max(1, sizes[0] + sizes[side + 1]) for side in (0, 1)]
    return TokenMerge(text, adjacent, replaced[0], replaced[1], _gap(stretches), kept[0], kept[1])


def _gap(stretches: Sequence[Stretch]) -> int:
    """The fewest tokens that stand unchanged between an edit of one side and one of the other."""
    edits = [stretch for stretch in stretches if stretch.changed_by]
    pairs = itertools.pairwise(edits)
    return min((b.base[0] - a.base[1] for a, b in pairs if a.changed_by != b.changed_by), default=0)


def _chosen(stretch: Stretch, old: Tokens, mine: Tokens, yours: Tokens) -> list[tuple[str, str]] | None:
    if stretch.changed_by == 1:
        return _pairs(mine, stretch.ours)
    if stretch.changed_by == 2:
        return _pairs(yours, stretch.theirs)
    low, start, begin = stretch.base[0], stretch.ours[0], stretch.theirs[0]
    size = stretch.ours[1] - start
    if stretch.changed_by == 3:
        if mine.words[slice(*stretch.ours)] != yours.words[slice(*stretch.theirs)]:
            return None
        return _pairs(mine, stretch.ours)
    chosen = []
    for step in range(size):
        space = _changed(old.spaces[low + step], mine.spaces[start + step], yours.spaces[begin + step])
        if space is None:
            return None
        chosen.append((space, mine.words[start + step]))
    return chosen


def _pairs(version: Tokens, span: tuple[int, int]) -> list[tuple[str, str]]:
    return list(zip(version.spaces[slice(*span)], version.words[slice(*span)], strict=True))


def _changed(base: str, ours: str, theirs: str) -> str | None:
    if ours == theirs or theirs == base:
        return ours
    return theirs if ours == base else None


_QUOTED = re.compile(r"([rbfuRBFU]{0,2})(['\"])([^'\"\\\n]*)\2")


def plain_words(text: str) -> tuple[str, ...]:
    """The words of a piece of Python as a formatter leaves them: one kind of quotes, no idle comma before a bracket."""
    words: list[str] = []
    commas: list[int] = []  # in each open bracket; from the second on, one before the end says nothing
    for word in tokens_of(text).words:
        if word in ("(", "[", "{"):
            before = words[-1] if words else ""
            is_joined = before in (")", "]") or (before.isidentifier() and not iskeyword(before)) or before == "import"
            makes_tuple = word != "{" and is_joined == (word == "[")  # with one element and a comma
            commas.append(0 if makes_tuple else 1)
        elif word == "," and commas:
            commas[-1] += 1
        elif word in (")", "]", "}") and commas and commas.pop() > 1 and words[-1] == ",":
            words.pop()
        quoted = _QUOTED.fullmatch(word)
        words.append(f'{quoted[1]}"{quoted[3]}"' if quoted else word)
    return tuple(words)
