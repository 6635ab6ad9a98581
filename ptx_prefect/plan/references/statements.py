"""Source without strings cut into logical lines, and the pieces of grammar that a statement shows on its surface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ptx_prefect.plan.references.masking import BREAK, STRING

NAME = re.compile(r"[^\W\d]\w*")
# `a.b`, `.b` behind a bracket, `A().b`, a number; then what follows: a call, `=`, or a string that it prefixes.
_TOKEN = re.compile(r"\n|[\w.]+(?:\(\)\.[\w.]+)*(?:\(|\x02| ?=(?!=))?")
FOLLOWS = "(= " + STRING
_SUPER = re.compile(r"\bsuper\([^()]*\)")
_TYPE_OF = re.compile(r"\btype\((self|cls)\)")
_CALL_WITH_ARGUMENTS = re.compile(r"([^\W\d][\w.]*)\(([^()]+)\)(?=\.\s*[^\W\d])")
_BRACKETS = re.compile(r"\([^()\[\]{}]*\)|\[[^()\[\]{}]*\]|\{[^()\[\]{}]*\}")
_BRACKET_OR_COMMA = re.compile(r"[()\[\]{},]")
_ARGUMENT = re.compile(r"\s*\*{0,2}\s*([^\W\d]\w*)\s*")
_BRACKET_OR_COLON = re.compile(r"[()\[\]{}:]")
_TARGET = re.compile(
    r"\s*([^=:]*?[^=:!<>+\-*/%@&|^\s])\s*(?::(?!=)([^=]*))?(?:[-+*/%@&|^]|//|\*\*|<<|>>)?=(?!=)", re.DOTALL
)
_SIMPLE_TARGET = re.compile(r"([^\W\d][\w.]*) ?=(?!=)")
_COMPREHENSION = re.compile(r"\bfor\b\s*([\w\s,()*.\[\]]+?)\s*\bin\b")
_LAMBDA = re.compile(r"\blambda\b([^:]*):")
_PARAMETER = re.compile(r"(?:^|,)\s*\*{0,2}\s*([^\W\d]\w*)")
_BOUND_BY_AS = re.compile(r"\bas\s+(\([^()]*\)|[^\W\d][\w.]*)")
_DOTTED = re.compile(r"(?<=[\w)\]])(?:[\s\\]*\.[\s\\]*[^\W\d]\w*)+\(?")
_PERHAPS_TARGET = re.compile(r"[^(\[{=]*=|.*[)\]}][\w.\s\\]*=", re.DOTALL)
_FLAT_EQUAL = re.compile(r"(?<![=!<>:])=(?!=)")
# Brackets of every kind as round ones; nearly everything else dropped.
_ODD = dict.fromkeys(range(128)) | {ord(kept): kept for kept in f"()\\\n{BREAK}"}
_ODD |= {ord("["): "(", ord("{"): "(", ord("]"): ")", ord("}"): ")"}
_SPACE = re.compile(r"[\s\\]+")
_WALRUS = re.compile(r"([^\W\d]\w*)\s*:=")


def logical_lines(shown: str) -> Iterator[tuple[int, int, int, str]]:
    """(first line, last line, indentation, text) of each statement; lines inside brackets are joined by newlines."""
    number = depth = first = 0
    parts: list[str] = []
    tabs, several = "\t" in shown, ";" in shown
    for line, odd in zip(shown.split("\n"), _odd_characters(shown), strict=True):
        number += 1
        if not parts:
            first = number
        if odd:
            if not parts and line.isspace():
                continue
            number += odd.count(BREAK)
            depth += odd.count("(") - odd.count(")")
            if depth > 0 or odd[-1] == "\\":
                parts.append(line)
                continue
        elif depth > 0:
            parts.append(line)
            continue
        if parts:
            line = "\n".join((*parts, line))
            parts, depth = [], 0
        text = line.lstrip()
        if not text:
            continue
        indent = len(line) - len(text)
        if text[-1] == " ":
            text = text.rstrip(" ")
        if tabs and "\t" in line[:indent]:
            indent = len(line[:indent].expandtabs())
        if several and ";" in text:
            yield from ((first, number, indent, piece.lstrip()) for piece in text.split(";") if piece.strip())
        else:
            yield first, number, indent, text


def _odd_characters(shown: str) -> list[str]:
    """For each physical line what makes it other than a statement of its own: brackets without a partner in it, breaks
    of strings, a backslash. Compiled code alone looks at every character here."""
    odd = shown.translate(_ODD)
    while "()" in odd:
        odd = odd.replace("()", "")
    return odd.split("\n")


def with_joined_dots(text: str) -> str:
    """The statement with ``a. b`` and ``a``, line break, ``.b`` as ``a.b``; as many line breaks as before."""
    return _DOTTED.sub(lambda match: _SPACE.sub("", match.group()) + "\n" * match.group().count("\n"), text)


def split_header(text: str) -> tuple[str, str]:
    """A compound statement's header with its colon, and what follows on the same line."""
    depth = lambdas = 0
    for match in _BRACKET_OR_COLON.finditer(text):
        char = match.group()
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and text[match.end() : match.end() + 1] != "=":
            lambdas = len(re.findall(r"\blambda\b", text[: match.start()]))
            if lambdas > text[: match.start()].count(":"):
                continue
            return text[: match.end()], text[match.end() :].strip()
    return text, ""


def flatten(text: str) -> str:
    """The text without anything in brackets."""
    while True:
        shorter = _BRACKETS.sub(" ", text)
        if shorter == text:
            return text
        text = shorter


def arguments_of(header: str) -> tuple[list[tuple[str, str, int]], str, int]:
    """The comma-separated parts between the first bracket and its partner, as (name or "", rest, lines down) each, and
    what follows with its lines down: for ``def f(a, *b: T = c) -> R:`` that is ``a``, ``b`` with ``: T = c``, ``-> R``.
    """
    start = header.find("(")
    if start < 0:
        return [], header, 0
    end = header.find(")", start)
    if header.find("(", start + 1) < 0 and "[" not in header[:end] and "{" not in header[:end] and end > 0:
        return _plain_arguments(header, start + 1, end), header[end + 1 :], header.count("\n", 0, end)
    depth, begin, parts = 0, start + 1, []
    for match in _BRACKET_OR_COMMA.finditer(header, start):
        char, at = match.group(), match.start()
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                parts.append((begin, at))
                after = header[at + 1 :]
                return _arguments(header, parts), after, header.count("\n", 0, at)
        elif depth == 1:
            parts.append((begin, at))
            begin = at + 1
    return _arguments(header, parts), "", 0


def _plain_arguments(header: str, begin: int, end: int) -> list[tuple[str, str, int]]:
    """As `_arguments`, where no bracket stands inside."""
    found, several = [], "\n" in header
    for part in header[begin:end].split(","):
        if (name := part.strip()).isidentifier():
            found.append((name, "", header.count("\n", 0, header.index(name, begin)) if several else 0))
        else:
            found += _arguments(header, [(begin, begin + len(part))])
        begin += len(part) + 1
    return found


def _arguments(header: str, parts: list[tuple[int, int]]) -> list[tuple[str, str, int]]:
    found, lines = [], 0
    for begin, end in parts:
        part = header[begin:end]
        if not part.strip():
            continue
        match = _ARGUMENT.match(part)
        taken = match.end() if match else 0
        if "\n" in header:
            written = begin + (taken if part[taken:] or not match else match.start(1))
            lines = header.count("\n", 0, written)
        found.append((match.group(1) if match else "", part[taken:], lines))
    return found


def targets_of(text: str) -> tuple[list[str], str, str]:
    """Assignment targets, the annotation of the first, and the right-hand side; no targets when it is none."""
    if simple := _SIMPLE_TARGET.match(text):
        right = text[simple.end() :]
        if "=" not in right or not (_PERHAPS_TARGET.match(right) and _FLAT_EQUAL.search(flatten(right))):
            return [simple.group(1)], "", right.strip()
    left = text[: text.find("=") if "=" in text else 0]
    if not left or left.count("(") != left.count(")") or left.count("[") != left.count("]"):
        return [], "", text
    targets: list[str] = []
    annotation, position = "", 0
    while match := _TARGET.match(text, position):
        target = match.group(1)
        if target.count("(") != target.count(")") or target.count("[") != target.count("]"):
            break
        targets.append(target)
        annotation = annotation or (match.group(2) or "").strip()
        position = match.end()
    return targets, annotation, text[position:].strip()


def bare_names(text: str) -> list[str]:
    """Names that an assignment to this text binds: no attributes, no subscripts."""
    if "." not in text and "[" not in text and "(" not in text:
        return NAME.findall(text)
    names = []
    inside = text.strip()
    while inside[:1] in ("(", "[") and inside[-1:] in (")", "]"):
        inside = inside[1:-1]
    for part in inside.split(","):
        part = part.strip().lstrip("*(").rstrip(")")
        if NAME.fullmatch(part):
            names.append(part)
    return names


def line_locals(text: str) -> set[str]:
    """Names that comprehensions and lambdas of this statement bind for themselves."""
    found: set[str] = set()
    if "for " in text or "for(" in text:
        for match in _COMPREHENSION.finditer(text):
            found.update(bare_names(match.group(1)))
    if "lambda" in text:
        for match in _LAMBDA.finditer(text):
            found.update(_PARAMETER.findall(flatten(match.group(1))))
    return found


def named_by_as(text: str) -> list[str]:
    """Names bound by `with … as`, `except … as` and patterns."""
    return [name for match in _BOUND_BY_AS.finditer(text) for name in bare_names(match.group(1))]


def named_by_walrus(text: str) -> list[str]:
    """Names bound by `:=`."""
    return _WALRUS.findall(text)


def tokens_of(text: str) -> list[str]:
    """Every name and number of masked source as a dotted chain, with `FOLLOWS` if that is next; and line breaks.

    ``A(x).b`` reads as ``A().b`` with the arguments put at the end of the line, so that the receiver stays known; a
    chain behind a bracket begins with a dot.
    """
    if "super(" in text:
        text = _SUPER.sub(lambda match: "__super__" + "\n" * match.group().count("\n"), text)
    if "type(" in text:
        text = _TYPE_OF.sub(r"\1.__class__", text)
    if ")." in text:
        text = "\n".join(_lift_arguments(line) if ")." in line else line for line in text.split("\n"))
    return _TOKEN.findall(text)


def _lift_arguments(line: str) -> str:
    lifted: list[str] = []

    def lift(match: re.Match[str]) -> str:
        lifted.append(match.group(2))
        return match.group(1) + "()"

    line = _CALL_WITH_ARGUMENTS.sub(lift, line)
    return " , ".join([line, *lifted]) if lifted else line
