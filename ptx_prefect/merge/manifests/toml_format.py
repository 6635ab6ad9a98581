"""TOML documents as groups of tables, keys and list elements that keep every byte (pyproject.toml)."""

from __future__ import annotations

import re
from dataclasses import replace

from ptx_prefect.merge.keyed import Entry, Group, Unmergeable
from ptx_prefect.merge.manifests.demands import dependency_keys

_HEADER = re.compile(r"[ \t]*(\[\[?)\s*([^\[\]\n]+?)\s*\]\]?[ \t]*(#[^\n]*)?(\n|\Z)")
_TRIVIA_LINE = re.compile(r"[ \t]*(#[^\n]*)?\n")
_KEY = re.compile(r"""[ \t]*((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)[ \t]*=[ \t]*""")
_LINE_REST = re.compile(r"[ \t]*(#[^\n]*)?(\n|\Z)")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^\s,\[\]{}#\"'=]+(?: [\d:.+-]+[Zz]?)?")
_LEAD = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*")
_TAIL = re.compile(r"[ \t]*(?:#[^\n]*)?\n|")
_DEPTH_LIMIT = 40


def read_toml(text: str) -> Group:
    """The document's tables: entries keyed by header ("" is what stands above the first), each with its keys.

    Raises:
        Unmergeable: the text is no TOML, or written in a way that is not understood here.
    """
    tables: list[Entry] = []
    seen: dict[str, int] = {}
    at = 0
    header, name = "", ""
    while True:
        entries, end, loose = _read_keys(text, at, tuple(name.split(".")))
        found = _HEADER.match(text, loose)
        body = header + text[at:end]
        tables.append(Entry(name, "", body, "", header, Group("", tuple(entries), "")))
        if found is None:
            if text[loose:].strip():
                raise Unmergeable(f"unexpected text at character {loose}")
            return Group("", _with_leads(tables, text), text[end:])
        name = _table_name(found.group(1), found.group(2), seen)
        # Comments above a header belong to it.
        header, at = text[end : found.end()], found.end()


def _with_leads(tables: list[Entry], text: str) -> tuple[Entry, ...]:
    """Blank lines and comments above each header moved to the entry's lead."""
    placed = []
    for table in tables:
        lead_end = _match(re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*"), table.head, 0)
        lead, head = table.head[:lead_end], table.head[lead_end:]
        placed.append(replace(table, lead=lead, head=head, body=table.body[lead_end:]))
    return tuple(placed)


def _table_name(bracket: str, written: str, seen: dict[str, int]) -> str:
    name = re.sub(r"\s*\.\s*", ".", written.strip())
    if bracket == "[[":
        # The n-th table of an array has no name of its own; the caller refuses when both sides touch the array.
        seen[name] = seen.get(name, 0) + 1
        return f"{name}.[[{seen[name]}]]"
    return name


def _read_keys(text: str, at: int, table: tuple[str, ...]) -> tuple[list[Entry], int, int]:
    """The entries from ``at``; where the last one ends; where the next header (or the end) is."""
    entries: list[Entry] = []
    end = at
    while True:
        lead_start = at
        while (found := _TRIVIA_LINE.match(text, at)) is not None and found.end() > at:
            at = found.end()
        if text[at:].strip() == "" or _HEADER.match(text, at):
            return entries, end, at
        key = _KEY.match(text, at)
        if key is None:
            raise Unmergeable(f"unexpected text at character {at}")
        name = re.sub(r"\s*\.\s*", ".", key.group(1)).strip("\"'")
        value_end, group = _read_value(text, key.end(), (*table, name), 0)
        rest = _LINE_REST.match(text, value_end)
        if rest is None:
            raise Unmergeable(f"unexpected text at character {value_end}")
        entries.append(Entry(name, text[lead_start:at], text[at:value_end], rest.group(), text[at : key.end()], group))
        end = at = rest.end()
        if not rest.group(2):
            return entries, end, at


def _read_value(text: str, at: int, place: tuple[str, ...], depth: int) -> tuple[int, Group | None]:
    if depth > _DEPTH_LIMIT:
        raise Unmergeable("nested too deeply")
    if text[at : at + 1] == "[":
        group, end = _read_array(text, at, place, depth)
        return end, group
    if text[at : at + 1] == "{":
        return _end_of_inline_table(text, at, depth), None
    found = _STRING.match(text, at) or _SCALAR.match(text, at)
    if found is None:
        raise Unmergeable(f"unexpected text at character {at}")
    return found.end(), None


def _read_array(text: str, start: int, place: tuple[str, ...], depth: int) -> tuple[Group, int]:
    at = _match(_TAIL, text, start + 1)
    opening, comma = text[start:at], True
    entries: list[Entry] = []
    while True:
        lead_start, at = at, _match(_LEAD, text, at)
        lead = text[lead_start:at]
        if text[at : at + 1] == "]":
            closing = lead + "]"
            return Group(opening, dependency_keys(tuple(entries), place), closing, ",", comma and bool(entries)), at + 1
        if not comma:
            raise Unmergeable(f"a comma is missing at character {at}")
        end, _ = _read_value(text, at, place, depth + 1)
        body, after = text[at:end], _match(_LEAD, text, end)
        comma = text[after : after + 1] == ","
        if comma and text[end:after].strip():
            raise Unmergeable("a comment before a comma")
        tail_start = after + 1 if comma else end
        at = _match(_TAIL, text, tail_start)
        entries.append(Entry(" ".join(body.split()), lead, body, text[tail_start:at]))


def _end_of_inline_table(text: str, at: int, depth: int) -> int:
    at = _match(_LEAD, text, at + 1)
    while text[at : at + 1] != "}":
        key = _KEY.match(text, at)
        if key is None:
            raise Unmergeable(f"unexpected text at character {at}")
        at, _ = _read_value(text, key.end(), (), depth + 1)
        at = _match(_LEAD, text, at)
        if text[at : at + 1] == ",":
            at = _match(_LEAD, text, at + 1)
        elif text[at : at + 1] != "}":
            raise Unmergeable(f"unexpected text at character {at}")
    return at + 1


def _match(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found is not None else at
