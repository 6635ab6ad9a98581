"""JSON objects as groups of members that keep every byte (package.json)."""

from __future__ import annotations

import json
import re

from ptx_prefect.merge.keyed import Entry, Group, Unmergeable

_SPACE = re.compile(r"[ \t\r\n]*")
_TO_LINE_END = re.compile(r"[ \t\r]*\n|")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SCALAR = re.compile(r'"(?:[^"\\\n]|\\.)*"|[-+.\w]+')
_COLON = re.compile(r"\s*:\s*")

_DEPTH_LIMIT = 60


def read_json(text: str) -> Group:
    """The object that ``text`` holds.

    Raises:
        Unmergeable: the text is no JSON object, or nested too deeply.
    """
    start = _match(_SPACE, text, 0)
    if text[start : start + 1] != "{":
        raise Unmergeable("not a JSON object")
    group, end = _read_group(text, start, 0)
    if text[end:].strip():
        raise Unmergeable("text after the end of the object")
    return Group(text[:start] + group.opening, group.entries, group.closing + text[end:], ",", False)


def _read_group(text: str, start: int, depth: int) -> tuple[Group, int]:
    """The object or array that opens at ``start``, and where it ends."""
    if depth > _DEPTH_LIMIT:
        raise Unmergeable("nested too deeply")
    close = "}" if text[start] == "{" else "]"
    at = _match(_TO_LINE_END, text, start + 1)
    opening = text[start:at]
    entries: list[Entry] = []
    while True:
        lead_start, at = at, _match(_SPACE, text, at)
        lead = text[lead_start:at]
        if text[at : at + 1] == close:
            if entries:
                raise Unmergeable("a comma before the closing bracket")
            return Group(opening, (), lead + close, ",", False), at + 1
        entry, at = _read_entry(text, at, lead, depth, named=close == "}")
        before_mark = at
        at = _match(_SPACE, text, at)
        if text[at : at + 1] == ",":
            tail_start, at = at + 1, _match(_TO_LINE_END, text, at + 1)
            entries.append(_with_tail(entry, text[tail_start:at]))
        elif text[at : at + 1] == close:
            tail_end = _match(_TO_LINE_END, text, before_mark)
            entries.append(_with_tail(entry, text[before_mark:tail_end]))
            return Group(opening, tuple(entries), text[tail_end:at] + close, ",", False), at + 1
        else:
            raise Unmergeable("a comma or closing bracket is missing")


def _read_entry(text: str, start: int, lead: str, depth: int, *, named: bool) -> tuple[Entry, int]:
    value_start, key = start, ""
    if named:
        name_end = _match(_STRING, text, start, needed=True)
        key = str(json.loads(text[start:name_end]))
        value_start = _match(_COLON, text, name_end, needed=True)
    group = None
    if text[value_start : value_start + 1] in ("{", "["):
        group, end = _read_group(text, value_start, depth + 1)
    else:
        end = _match(_SCALAR, text, value_start, needed=True)
    if not named:
        key = " ".join(text[value_start:end].split())
    return Entry(key, lead, text[start:end], "", text[start:value_start], group), end


def _with_tail(entry: Entry, tail: str) -> Entry:
    return Entry(entry.key, entry.lead, entry.body, tail, entry.head, entry.group)


def _match(pattern: re.Pattern[str], text: str, at: int, *, needed: bool = False) -> int:
    found = pattern.match(text, at)
    if found is None or (needed and found.end() == at):
        raise Unmergeable(f"unexpected text at character {at}")
    return found.end()
