"""Python source with every string and comment blanked, all other characters left where they were.

A string becomes `STRING` and blanks; a line break inside it becomes `BREAK`, so that a statement ends where a
line does. The expressions of an f-string stay readable.
"""

from __future__ import annotations

import re

STRING = "\x02"
BREAK = "\x0b"

# The first character alone decides the branch, which lets the regular expression engine skip ahead.
_STRING_OR_COMMENT = re.compile(
    r"#[^\n]*"
    r'|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'",
    re.DOTALL,
)
_VISIBLE = re.compile(r"[^\x0b]")
_PREFIX_END = frozenset("fFtT")
_PREFIX_BEFORE_R = frozenset("rR")


def mask_source(source: str) -> str:
    """The source with strings and comments blanked; same length, line breaks of strings as `BREAK`."""
    return _STRING_OR_COMMENT.sub(_blank, source)


def _blank(match: re.Match[str]) -> str:
    text = match.group()
    if text[0] == "#":
        return " " * len(text)
    if _is_formatted(match.string, match.start()):
        return _expressions_of(text)
    if "\n" in text:
        return STRING + _VISIBLE.sub(" ", text.replace("\n", BREAK)[1:])
    return STRING + " " * (len(text) - 1)


def _is_formatted(source: str, start: int) -> bool:
    last = source[start - 1 : start]
    if last in _PREFIX_END:
        prefix = 2 if source[start - 2 : start - 1] in _PREFIX_BEFORE_R else 1
    elif last in _PREFIX_BEFORE_R and source[start - 2 : start - 1] in _PREFIX_END:
        prefix = 2
    else:
        return False
    before = source[start - prefix - 1 : start - prefix]
    return not (before.isalnum() or before == "_")


def _expressions_of(text: str) -> str:
    """An f-string of which only the replacement fields are left, each behind a comma."""
    quote = 3 if text[:3] in ('"""', "'''") and len(text) >= 6 else 1
    end = len(text) - quote
    out, position = [STRING], 1
    for begin, stop in _fields(text, quote, end):
        out.append(" " * (begin - 1 - position) + ",")
        out.append(mask_source(_balanced(text[begin:stop])))
        position = stop
    out.append(" " * (len(text) - position))
    masked = "".join(out)
    if "\n" not in text:
        return masked
    return "".join(BREAK if original == "\n" else shown for original, shown in zip(text, masked, strict=True))


def _fields(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Where the expressions of an f-string begin and stop; those inside a format specification come after."""
    found: list[tuple[int, int]] = []
    i = text.find("{", start, end)
    while i >= 0:
        if text.startswith("{{", i):
            i = text.find("{", i + 2, end)
            continue
        stop = _end_of_expression(text, i + 1, end)
        found.append((i + 1, stop))
        i = text.find("{", stop, end)
    return found


def _end_of_expression(text: str, i: int, end: int) -> int:
    depth, quote = 0, ""
    while i < end:
        char = text[i]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            if depth == 0:
                return i
            depth -= 1
        elif depth == 0 and (char == ":" or (char == "!" and text[i + 1 : i + 2] != "=")):
            return i
        i += 1
    return end


def _balanced(expression: str) -> str:
    """The expression, or its names alone where its brackets do not pair (quotes nested as of Python 3.12)."""
    for pair in ("()", "[]", "{}"):
        if expression.count(pair[0]) != expression.count(pair[1]):
            return re.sub(r"[\[\](){}'\"]", " ", expression)
    return expression
