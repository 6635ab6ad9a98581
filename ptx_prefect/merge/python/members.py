"""Attributes, keys and quoted names that one side did away with and the other starts to use: no scope shows them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ptx_prefect.merge.edits import Edits
from ptx_prefect.merge.lines import split
from ptx_prefect.merge.python.names import enclosing_definition

_COMMENT = re.compile(r"#[^\n]*")
_MEMBER = re.compile(r"[ \t]+(?:(?:async[ \t]+)?def[ \t]+)?(\w+)[ \t]*(?:[:=(]|$)(?!=)")
_ATTRIBUTE = re.compile(r"[ \t]+self\.(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")
_OUTER = re.compile(r"(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|(\w+)[ \t]*(?::[^=\n]+)?=(?!=)")
_KEY = re.compile(r"[ \t]*(?:[{(][ \t]*)?(['\"])([\w.\- ]+)\1[ \t]*:")
_QUOTED = re.compile(r"(['\"])([\w.\- ]+)\1")
_BRANCH = re.compile(r"[ \t]*(?:case\b.*|elif\b.*):\s*(?:#.*)?$")


def gone_but_read(side: Edits, other: Edits) -> Iterator[str]:
    """Members, keys and names in quotes that ``side`` removed or renamed everywhere and ``other`` newly reads."""
    if not side.removed or not other.added:
        return
    lines = [_COMMENT.sub("", line) for line in other.added]
    attributes = {name for line in lines for name in re.findall(r"\.(\w+)", line)}
    attributes -= {found.group(1) for line in lines if (found := _ATTRIBUTE.match(line))}
    for name in sorted(attributes & _members(side.removed)):
        if len(name) > 1 and not re.search(_still_there(name, side.removed), side.side, re.M):
            yield name
    quoted = {name for line in lines for _, name in _QUOTED.findall(line)}
    quoted -= {found.group(2) for line in lines if (found := _KEY.match(line))}
    keys = {found.group(2) for line in side.removed if (found := _KEY.match(line))}
    for name in sorted(quoted & keys):
        if not re.search(rf"(['\"]){re.escape(name)}\1", side.side):
            yield name
    names = {one or two for line in side.removed if (found := _OUTER.match(line)) for one, two in [found.groups()]}
    for name in sorted(quoted & names):
        if not re.search(rf"^(?:(?:async[ \t]+)?def|class|from|import)\b.*\b{name}\b|^[ \t]*{name}\b", side.side, re.M):
            yield name


def _still_there(name: str, removed: Counter[str]) -> str:
    """What would show that objects still have the member: a use, a definition, a line of the class body."""
    was_attribute = any((match := _ATTRIBUTE.match(line)) and match.group(1) == name for line in removed)
    definition = rf"\.{name}\b|^[ \t]+(?:async[ \t]+)?def[ \t]+{name}\b"
    return definition if was_attribute else rf"{definition}|^[ \t]+{name}[ \t]*(?:[:=]|$)"


def _members(lines: Counter[str]) -> set[str]:
    found = {match.group(1) for line in lines for pattern in (_MEMBER, _ATTRIBUTE) if (match := pattern.match(line))}
    return found - {"else", "try", "finally", "lambda", "self"}


def attributes_of_both(mine: Edits, yours: Edits) -> Iterator[str]:
    """Attributes that neither knew before and that the sides set in ways of their own."""
    ours, theirs = (_set_by(side, other) for side, other in ((mine, yours), (yours, mine)))
    for name in sorted(ours & theirs):
        if not re.search(rf"\.{name}\b", mine.base):
            yield name


def _set_by(side: Edits, other: Edits) -> set[str]:
    return {match.group(1) for line in side.added if line not in other.added and (match := _ATTRIBUTE.match(line))}


def repeated_branches(merged: str, mine: Edits, yours: Edits) -> Iterator[str]:
    """Cases that both sides added to one statement: the second is never reached."""
    branches = {line for line in mine.added if line in yours.added and _BRANCH.match(line)}
    if not branches:
        return
    lines = split(merged)
    for branch in sorted(branches):
        places = [index for index, line in enumerate(lines) if line == branch]
        if len(places) < 2:
            continue
        around = Counter(enclosing_definition(lines[:index], lines[index : index + 1]) for index in places)
        known = [Counter(split(side.side))[branch] for side in (mine, yours)]
        if len(places) > max(known) and max(around.values()) > 1:
            yield branch.strip()
