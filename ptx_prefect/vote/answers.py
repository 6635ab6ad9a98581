"""Consensus between answers in words: which ones say the same, how many must, and when enough have been asked.

Three forms of agreement, the strictest that all answers allow:

- ``structured``: JSON (or a Python literal): equal values, whatever the order of keys, the layout or ``1`` for ``1.0``;
- ``set``: lists of items: equal as sets; the consensus holds the items that most answers name;
- ``text``: equal after normalising case, accents' encoding, punctuation at the ends, white space and numbers.
"""

from __future__ import annotations

import ast
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Form = Literal["text", "structured", "set"]

_FENCE = re.compile(r"^\s*```[\w+-]*\n(.*?)\n?```\s*$", re.DOTALL)
_ITEM = re.compile(r"^\s*(?:[-*•+]|\d+[.)])\s+(.*\S)\s*$")
_NUMBER = re.compile(r"(?<![\w.])([-+]?\d[\d,]*(?:\.\d+)?)(?![\w.]|,\d)")
_LEAD = re.compile(r"^(?:(?:the |my )?(?:final )?(?:answer|result)(?: is)?|so|therefore)\s*[:,-]?\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the answers agree on.

    Attributes:
        answer: the winning answer as its first voter wrote it; for sets, the agreed items one a line; None without
            any answer.
        voters: who gave it, in the order heard.
        share: the part of all voters that are behind it (0 to 1): works as a confidence.
        groups: all answers by agreement, the largest group first.
        tied: voters of other groups as large as the winning one.
        heard: how many answers there were.
        reached: whether the quorum was met.
        form: how the answers were compared.
        items: for sets, each item's support as a share of the answers heard, best first.
    """

    answer: str | None
    voters: tuple[str, ...]
    share: float
    groups: tuple[tuple[str, ...], ...]
    tied: tuple[str, ...]
    heard: int
    reached: bool
    form: Form
    items: Mapping[str, float]


def poll(
    answers: Sequence[tuple[str, str]], *, quorum: float | None = None, form: Form | None = None, absent: int = 0
) -> Consensus:
    """What answers (voter, text) agree on.

    Args:
        quorum: the share of the voters that must agree.
        form: compare in this form; by default, the strictest that the answers allow.
        absent: voters that gave no answer; they count in the share and the quorum.
    """
    return _consensus(answers, form or _form_of(answers), len(answers) + absent, quorum)


def is_decided(
    answers: Sequence[tuple[str, str]], *, left: int, ahead_by: int, quorum: float | None = None, absent: int = 0
) -> bool:
    """Whether no further voter needs to be asked: the first answer leads by enough, or nobody can catch up any more.

    Args:
        left: voters that were not asked yet.
        ahead_by: voices that the leading answer must have more than the next one ("first to lead by k").
        quorum: the share of those asked that must agree before that; while it is missed and can be met, asking goes on.
        absent: voters that were asked and gave no answer.
    """
    if not answers or not left:
        return not left
    sizes = [len(group) for group in _groups(answers, _form_of(answers))]
    lead = sizes[0] - (sizes[1] if len(sizes) > 1 else 0)
    asked = len(answers) + absent
    if quorum is None or sizes[0] >= _needed(quorum, asked):
        return lead >= ahead_by or lead > left
    return lead > left and sizes[0] + left < _needed(quorum, asked + left)


def normalised(text: str) -> str:
    """The text as it is compared: no fence, no "the answer is", one case, plain numbers, single spaces."""
    fence = _FENCE.match(text)
    text = unicodedata.normalize("NFKC", fence.group(1) if fence else text).casefold().strip()
    text = _LEAD.sub("", text)
    text = _NUMBER.sub(lambda found: _plain_number(found.group(1)), text)
    text = re.sub(r"\s+", " ", text)
    return text.strip(" \t.,;:!?*_`'\"“”‘’()[]")


def structure_of(text: str) -> str | None:
    """Canonical JSON of an answer that is a JSON or Python object, list or literal (not a bare word); else None."""
    fence = _FENCE.match(text)
    body = (fence.group(1) if fence else text).strip()
    if not body[:1] or body[0] not in "{[(":
        return None
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        try:
            value = ast.literal_eval(body)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return None
    return _canonical(value)


def items_of(text: str) -> frozenset[str] | None:
    """The normalised items of an answer that is a list: bulleted or numbered lines, at least one; else None."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [match.group(1) for line in lines if (match := _ITEM.match(line))]
    if not found or len(found) < len(lines) - 1:  # one line may introduce the list
        return None
    return frozenset(normalised(item) for item in found)


def _form_of(heard: Sequence[tuple[str, str]]) -> Form:
    texts = [text for _, text in heard]
    if texts and all(structure_of(text) is not None for text in texts):
        return "structured"
    if texts and all(items_of(text) is not None for text in texts):
        return "set"
    return "text"


def _groups(heard: Sequence[tuple[str, str]], form: Form) -> list[list[int]]:
    """Places in ``heard`` by equal answers: the largest group first, equals in the order heard."""
    groups: dict[object, list[int]] = {}
    for place, (_, text) in enumerate(heard):
        groups.setdefault(_key(text, form), []).append(place)
    return sorted(groups.values(), key=lambda places: (-len(places), places[0]))


def _key(text: str, form: Form) -> object:
    if form == "structured":
        return structure_of(text) or normalised(text)
    if form == "set":
        return items_of(text) or normalised(text)
    return normalised(text)


def _needed(quorum: float, everyone: int) -> int:
    """Voices that meet the quorum; 0.6 of 5 voters are 3, though 0.6 * 5 may be a little more in floats."""
    return math.ceil(round(quorum * everyone, 9))


def _consensus(heard: Sequence[tuple[str, str]], form: Form, everyone: int, quorum: float | None) -> Consensus:
    groups = _groups(heard, form)
    if not groups:
        return Consensus(None, (), 0.0, (), (), 0, False, form, {})
    named = tuple(tuple(heard[place][0] for place in places) for places in groups)
    tied = tuple(voter for group in named[1:] if len(group) == len(named[0]) for voter in group)
    answer, voters, items = heard[groups[0][0]][1], named[0], {}
    if form == "set":
        items = _support(heard)
        answer = "\n".join(f"- {item}" for item, share in items.items() if share > 0.5) or answer
    share = len(voters) / everyone
    needed = 0 if quorum is None else _needed(quorum, everyone)
    return Consensus(answer, voters, share, named, tied, len(heard), len(voters) >= needed, form, items)


def _support(heard: Sequence[tuple[str, str]]) -> dict[str, float]:
    sets = [items_of(text) or frozenset() for _, text in heard]
    every = sorted(set().union(*sets))
    counts = {item: sum(item in one for one in sets) / len(sets) for item in every}
    return dict(sorted(counts.items(), key=lambda row: (-row[1], row[0])))


def _canonical(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, default=repr)


def _plain(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float)):
        whole = isinstance(value, int) or (math.isfinite(value) and value.is_integer() and abs(value) < 2**53)
        return int(value) if whole else float(f"{value:.6g}")
    if isinstance(value, str):
        return unicodedata.normalize("NFKC", value).strip()
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(inner) for inner in value), key=repr)
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return repr(value)


def _plain_number(text: str) -> str:
    bare = text.replace(",", "").lstrip("+")
    if "." not in bare:
        return bare
    return bare.rstrip("0").rstrip(".")
