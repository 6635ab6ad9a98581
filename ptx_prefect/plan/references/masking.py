"""Python source without its strings and comments.

A string becomes `STRING`; a line break inside it becomes `BREAK`, so that a statement ends where a line does. The
expressions of an f-string stay readable.
"""

from __future__ import annotations

import re

STRING = "\x02"
BREAK = "\x0b"

# The first character alone decides the branch and one group holds all: so the regular expression engine skips ahead.
_STRING_OR_COMMENT = re.compile(
    r"(#[^\n]*"
    r'|"""[^"\\]*(?:(?:\\.|"(?!""))[^"\\]*)*"""'
    r"|'''[^'\\]*(?:(?:\\.|'(?!''))[^'\\]*)*'''"
    r'|"[^"\\\n]*(?:\\.[^"\\\n]*)*"'
    r"|'[^'\\\n]*(?:\\.[^'\\\n]*)*')",
    re.DOTALL,
)
_PREFIX_END = frozenset("fFtT")
_PREFIX_BEFORE_R = frozenset("rR")
_PERHAPS_FORMATTED = _PREFIX_END | _PREFIX_BEFORE_R


def pieces_of(source: str) -> list[str]:
    """The source cut up: code and what is none, in turn."""
    return _STRING_OR_COMMENT.split(source)


def without_strings(pieces: list[str]) -> str:
    """The source with a single character for each string and none for a comment; the same lines."""
    shown = pieces.copy()
    shown[1::2] = [
        ""
        if text[0] == "#"
        else STRING
        if "\n" not in text and before[-1:] not in _PERHAPS_FORMATTED
        else _expressions_of(text)
        if _is_formatted(before)
        else STRING + BREAK * text.count("\n")
        for before, text in zip(pieces[::2], pieces[1::2])  # noqa: B905
    ]
    return "".join(shown)


def with_blanks(pieces: list[str]) -> str:
    """The source with strings and comments blanked, all other characters left where they are."""
    masked = pieces.copy()
    masked[1::2] = [
        " " * len(text)
        if text[0] == "#"
        else STRING + " " * (len(text) - 1)
        if "\n" not in text and before[-1:] not in _PERHAPS_FORMATTED
        else _expressions_of(text)
        if _is_formatted(before)
        else STRING + BREAK.join([" " * len(line) for line in text.split("\n")])[1:]
        for before, text in zip(pieces[::2], pieces[1::2])  # noqa: B905
    ]
    return "".join(masked)


def _is_formatted(before: str) -> bool:
    """Whether the string behind this code is an f-string."""
    last = before[-1:]
    if last in _PREFIX_END:
        prefix = 2 if before[-2:-1] in _PREFIX_BEFORE_R else 1
    elif last in _PREFIX_BEFORE_R and before[-2:-1] in _PREFIX_END:
        prefix = 2
    else:
        return False
    ahead = before[-prefix - 1 : -prefix]
    return not (ahead.isalnum() or ahead == "_")


def _expressions_of(text: str) -> str:
    """An f-string of which only the replacement fields are left, each behind a comma."""
    quote = 3 if text[:3] in ('"""', "'''") and len(text) >= 6 else 1
    end = len(text) - quote
    out, position = [STRING], 1
    for begin, stop in _fields(text, quote, end):
        out.append(" " * (begin - 1 - position) + ",")
        out.append(with_blanks(pieces_of(_balanced(text[begin:stop]))))
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
