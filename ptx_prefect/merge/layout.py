"""How a file's text is laid out in bytes: encoding, byte order mark, line ends, last newline.

Each is merged three-way on its own, so that a side that only converts line ends does not clash with every other edit.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BINARY_PROBE_BYTES = 8000


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything about the bytes of a text that is not its lines."""

    encoding: str
    bom: bool
    newline: str
    final_newline: bool


def is_binary(content: bytes) -> bool:
    """The rule of git: a zero byte near the start."""
    return b"\0" in content[:_BINARY_PROBE_BYTES]


def read_text(content: bytes, *, normalise: bool = True) -> tuple[str, Layout]:
    """The text with ``\\n`` line ends and a last newline, and the layout that :func:`write_text` needs to undo that.

    Line ends are only normalised where all of them are the same; a stray carriage return stays in its line.
    """
    bom = content.startswith(codecs.BOM_UTF8)
    body = content[len(codecs.BOM_UTF8) :] if bom else content
    encoding = _encoding_of(body)
    text = body.decode(encoding)
    newline = "\n"
    if normalise and "\r" in text:
        feeds, pairs, returns = text.count("\n"), text.count("\r\n"), text.count("\r")
        if pairs == feeds == returns:
            text, newline = text.replace("\r\n", "\n"), "\r\n"
        elif feeds == 0:
            text, newline = text.replace("\r", "\n"), "\r"
    final_newline = text.endswith("\n") or not text
    return (text if final_newline else text + "\n"), Layout(encoding, bom, newline, final_newline)


def write_text(text: str, layout: Layout) -> bytes:
    """The bytes of ``text`` (with ``\\n`` line ends) in that layout.

    Raises:
        UnicodeEncodeError: the text has a character that the encoding has not.
    """
    if not layout.final_newline and text.endswith("\n"):
        text = text[:-1]
    if layout.newline != "\n":
        text = text.replace("\n", layout.newline)
    return (codecs.BOM_UTF8 if layout.bom else b"") + text.encode(layout.encoding)


def merge_layout(base: Layout, ours: Layout, theirs: Layout) -> Layout:
    """Each property from the side that changed it; ours where both did."""
    return Layout(
        encoding=theirs.encoding if ours.encoding == base.encoding else ours.encoding,
        bom=theirs.bom if ours.bom == base.bom else ours.bom,
        newline=theirs.newline if ours.newline == base.newline else ours.newline,
        final_newline=theirs.final_newline if ours.final_newline == base.final_newline else ours.final_newline,
    )


def _encoding_of(body: bytes) -> str:
    """The declared encoding, else UTF-8, else latin-1, which can read and write back anything."""
    candidates = [declared] if (declared := _declared_encoding(body)) else []
    for encoding in (*candidates, "utf-8"):
        try:
            if body.decode(encoding).encode(encoding) == body:
                return encoding
        except (LookupError, ValueError):
            continue
    return "latin-1"


def _declared_encoding(body: bytes) -> str | None:
    for line in body.split(b"\n", 2)[:2]:
        if found := _COOKIE.match(line):
            name = found.group(1).decode("ascii", "replace")
            try:
                return codecs.lookup(name).name
            except LookupError:
                return None
    return None
