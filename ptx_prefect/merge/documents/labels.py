"""Footnotes and link definitions of a document: found, renamed, and kept apart where two sides use one label."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ptx_prefect.merge.documents.outline import Kind, prose_of
from ptx_prefect.merge.lines import join, split

_MARKDOWN_DEFINITION = re.compile(r" {0,3}\[(\^?[^\]\n]+)\]:[ \t]*(.*?)\s*\Z")
_RST_DEFINITION = re.compile(r"\.\. \[(#?[\w.-]+)\][ \t]+(.*?)\s*\Z")
_RST_TARGET = re.compile(r"\s*\.\. _([^:\n]+):")
_HTML_ID = re.compile(r"\s*<a\s[^>]*\b(?:id|name)=[\"']([^\"']+)[\"']")
_MARKDOWN_USE = re.compile(r"(\[[^\[\]\n]*\])?\[([^\[\]\n]*)\](?!\()(:(?=[ \t]))?")
_RST_USE = re.compile(r"(?<![\w`])\[(#?[\w.-]+)\](_(?!\w))|(?<=^\.\. )\[(#?[\w.-]+)\]")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")


def definitions_of(text: str, kind: Kind) -> dict[str, str]:
    """Label to text of every footnote (``^label``), reference definition or reST footnote, first ones first."""
    pattern = _RST_DEFINITION if kind == "rst" else _MARKDOWN_DEFINITION
    found: dict[str, str] = {}
    for _, line in prose_of(split(text), kind):
        match = pattern.match(line)
        if match is not None:
            found.setdefault(_folded(match.group(1)), " ".join(match.group(2).split()))
    return found


def repeated_definitions(text: str, kind: Kind) -> dict[str, int]:
    """How many different texts each label has, how often each reST target and HTML id is set."""
    pattern, id_pattern = (_RST_DEFINITION, _RST_TARGET) if kind == "rst" else (_MARKDOWN_DEFINITION, _HTML_ID)
    found: dict[str, list[str]] = {}
    for number, line in prose_of(split(text), kind):
        if (match := pattern.match(line)) is not None:
            found.setdefault(_folded(match.group(1)), []).append(" ".join(match.group(2).split()))
        elif (match := id_pattern.match(line)) is not None:
            found.setdefault(_folded(match.group(1)), []).append(f"line {number}")
    return {label: len(set(texts)) for label, texts in found.items()}


def keep_apart(base: str, ours: str, theirs: str, kind: Kind) -> tuple[str, dict[str, str]]:
    """``theirs`` with every label renamed that both sides added for different things; and the new names."""
    old, mine, yours = (definitions_of(text, kind) for text in (base, ours, theirs))
    taken = {*old, *mine, *yours}
    renamed: dict[str, str] = {}
    for label, text in yours.items():
        if label in old or label not in mine or mine[label] == text:
            continue
        same = [name for name, other in mine.items() if other == text and name not in old and name not in yours]
        renamed[label] = same[0] if same else free_label(label, taken)
        taken.add(renamed[label])
    return (rename_labels(theirs, renamed, kind) if renamed else theirs), renamed


def free_label(label: str, taken: set[str]) -> str:
    """A label like this one that is not taken: the next number, or the word with a number."""
    prefix = "^" if label.startswith("^") else ""
    word = label.removeprefix("^")
    number = 1 if word.isdigit() else 2
    while True:
        candidate = f"{prefix}{number}" if word.isdigit() else f"{prefix}{word}-{number}"
        if candidate not in taken:
            return candidate
        number += 1


def rename_labels(text: str, names: Mapping[str, str], kind: Kind) -> str:
    """The text with definitions and uses of the labels renamed, all at once."""

    def markdown(match: re.Match[str]) -> str:
        shown, label, colon = match.group(1), match.group(2), match.group(3) or ""
        if not label and shown:  # [label][]
            new = names.get(_folded(shown[1:-1]))
            return f"{shown}[{new}]" if new else match.group()
        new = names.get(_folded(label))
        if new is None:
            return match.group()
        if shown or colon or label.startswith("^"):
            return f"{shown or ''}[{new}]{colon}"
        return f"[{label}][{new}]"

    def rst(match: re.Match[str]) -> str:
        label = match.group(1) or match.group(3)
        return f"[{names.get(label, label)}]{match.group(2) or ''}"

    return rewrite(
        text, kind, lambda part: _RST_USE.sub(rst, part) if kind == "rst" else _MARKDOWN_USE.sub(markdown, part)
    )


def rewrite(text: str, kind: Kind, change: Callable[[str], str]) -> str:
    """The text with ``change`` applied to all prose, neither to code blocks nor to code spans."""
    lines = list(split(text))
    for number, line in prose_of(lines, kind):
        lines[number] = change(line) if kind == "rst" else _outside_code_spans(line, change)
    return join(lines)


def _outside_code_spans(line: str, change: Callable[[str], str]) -> str:
    parts: list[str] = []
    at = 0
    for span in _CODE_SPAN.finditer(line):
        parts += [change(line[at : span.start()]), span.group()]
        at = span.end()
    return "".join([*parts, change(line[at:])])


def _folded(label: str) -> str:
    return " ".join(label.split()).casefold()


def lines_with_labels(lines: Sequence[str], kind: Kind) -> list[tuple[str, str]]:
    """Every use of a footnote: its label and its line."""
    return [(label, line.strip()) for _, line in prose_of(lines, kind) for label in labels_used([line], kind)]


def labels_used(lines: Sequence[str], kind: Kind) -> set[str]:
    """The footnotes that are referred to."""
    pattern = re.compile(r"\[(#?[\w.-]+)\]_(?!\w)") if kind == "rst" else re.compile(r"\[(\^[^\]\n]+)\](?!:)")
    return {_folded(found) for _, line in prose_of(lines, kind) for found in pattern.findall(_CODE_SPAN.sub("", line))}
