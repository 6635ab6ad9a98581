"""The text of an import statement whose names changed, in the style of the statements around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_DEFAULT_WIDTH = 79


@dataclass(frozen=True, slots=True)
class Style:
    """How statements are written in this block; ``single``: one name per statement, ``continued``: by backslashes."""

    width: int
    one_per_line: bool
    trailing_comma: bool
    single: bool
    continued: bool = False


def style_of(*blocks: Sequence[str]) -> Style:
    """What the given statements show."""
    texts = [text for block in blocks for text in block]
    width = max([_DEFAULT_WIDTH, *(len(line) for text in texts for line in text.splitlines() if "#" not in line)])
    wrapped = [text for text in texts if "(" in text and text.count("\n") > 1]
    crowded = [text for text in wrapped if any("," in line.strip().rstrip(",") for line in text.splitlines()[1:])]
    bare = [text for text in wrapped if re.search(r"[^,\s]\s*\)\s*$", text)]
    single = len(texts) > 2 and not any("," in text or "(" in text for text in texts)
    continued = not wrapped and any("\\\n" in text for text in texts)
    return Style(width, one_per_line=not crowded, trailing_comma=not bare, single=single, continued=continued)


def statement_text(old: str, indent: str, module: str | None, names: Sequence[tuple[str, str]], style: Style) -> str:
    """The statement with these names, laid out like ``old``."""
    items = [name if name == bound else f"{name} as {bound}" for name, bound in names]
    if module is None:
        return f"{indent}import {', '.join(items)}\n"
    head = f"{indent}from {module} import "
    line = head + ", ".join(items) + "\n"
    is_wrapped = "(" in old and old.count("\n") > 1
    if not is_wrapped and (len(items) == 1 or ("\\\n" not in old and len(line) - 1 <= style.width)):
        return line.replace("import ", "import (", 1)[:-1] + ")\n" if "(" in old else line
    lines = old.splitlines()
    if "(" not in old and ("\\\n" in old or style.continued):
        step = _indent(lines[1]) if len(lines) > 1 else indent + "    "
        return ", \\\n".join(_rows(items, step, style.width - 2, head, one_per_line=False)) + "\n"
    own_line = not is_wrapped or lines[-1].strip() == ")"
    step = _indent(lines[1]) if is_wrapped else indent + "    "
    if is_wrapped and any("," in row.strip().rstrip(",") for row in lines[1:]):
        one_per_line, comma = False, bool(re.search(r",\s*\)\s*$", old))
    elif is_wrapped:
        one_per_line, comma = True, bool(re.search(r",\s*\)\s*$", old))
    else:
        one_per_line, comma = style.one_per_line, style.trailing_comma
    bare = lines[0].split("#")[0].rstrip()
    starts_inside = is_wrapped and not bare.endswith("(")
    rows = _rows(items, step, style.width, head + "(" if starts_inside else None, one_per_line=one_per_line)
    opening = "" if starts_inside else f"{head}({lines[0][len(bare) :] if is_wrapped else ''}\n"
    closing = f"\n{indent})\n" if own_line else ")\n"
    return opening + ",\n".join(rows) + ("," if comma else "") + closing


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _rows(items: Sequence[str], step: str, width: int, first: str | None, *, one_per_line: bool) -> list[str]:
    """The names in lines no longer than ``width``; ``first`` is what the first line starts with."""
    rows: list[str] = []
    row = first if first is not None else step
    fresh = True
    for item in items:
        if not fresh and (one_per_line or len(row) + len(item) + 3 > width):
            rows.append(row)
            row, fresh = step, True
        row += item if fresh else f", {item}"
        fresh = False
    return [*rows, row]


def commented_twice(base: dict[str, str], ours: dict[str, str], theirs: dict[str, str]) -> str | None:
    """An import at whose end both sides say something new. Tools read it (`noqa`, `type: ignore`): none may be lost."""
    return next(
        (key for key in ours.keys() & theirs.keys() if len({base.get(key, ""), ours[key], theirs[key]}) == 3), None
    )
