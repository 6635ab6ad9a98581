"""The number of a release, raised on two branches: the higher one stands."""

from __future__ import annotations

import re

from ptx_prefect.merge.python.tokens import plain_words
from ptx_prefect.merge.threeway import Versions

# The program's own number alone: what another name says (API_VERSION, min_version) is a constant like any other.
_NAMED = re.compile(r"\s*_*(?:version|release)(?:_info)?_*\s*=", re.I)
_TEXT = re.compile(r'"([^"]*)"')


def higher_release(clash: Versions) -> tuple[str, ...] | None:
    """The side with the higher number, where both changed nothing else in lines that set a version.

    A branch for maintenance is merged into the one it came from: nobody takes a number back there.
    """
    if not len(clash.base) == len(clash.ours) == len(clash.theirs):
        return None
    rows = zip(clash.base, clash.ours, clash.theirs, strict=True)
    winners = {_higher(*row) for row in rows if len(set(row)) > 1}
    return (clash.ours if winners == {1} else clash.theirs) if winners in ({1}, {2}) else None


def _higher(base: str, ours: str, theirs: str) -> int | None:
    """1 or 2 for the line with the higher number; None when that is not all there is to say."""
    if not all(map(_NAMED.match, (base, ours, theirs))):
        return None
    from packaging.version import InvalidVersion, Version

    found = [_number_in(line) for line in (base, ours, theirs)]
    numbers = [item[1] for item in found if item is not None]
    if len(numbers) != 3 or len({item[0] for item in found if item is not None}) != 1:
        return None
    try:
        before, mine, yours = map(Version, numbers)
    except InvalidVersion:
        return None
    lower, higher = sorted((mine, yours))
    if mine == yours or lower < before or lower.release[:2] == higher.release[:2]:
        return None  # two numbers of one series: right in 23 of 31
    if lower.is_prerelease and not higher.is_prerelease:
        return None  # one side released, the other goes on: 5 of 11
    return 1 if mine > yours else 2


def _number_in(line: str) -> tuple[tuple[str, ...], str] | None:
    """The words of the line without its number, and the number: one string, or a tuple of integers."""
    words = plain_words(line)
    places = [index for index, word in enumerate(words) if _TEXT.fullmatch(word) or word[0].isdigit()]
    parts = [words[index].strip('"') for index in places]
    if not parts or (len(parts) > 1 and not all(part.isdigit() for part in parts)):
        return None
    rest = (word for index, word in enumerate(words) if index not in places and word != ",")
    return tuple(rest), ".".join(parts)
