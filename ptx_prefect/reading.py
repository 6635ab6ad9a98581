"""A JSON task as text and as data: what is no JSON, too large, or can be no path or name is refused here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import SpecError

MAX_SPEC_BYTES = 16 * 1024 * 1024
"""A task is written by a person or a program that decides; anything larger is data that belongs in a file."""


def read_task_text(path: Path) -> str:
    """The text of a task's file.

    Raises:
        SpecError: it is not there, too large, or no text.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SPEC_BYTES + 1)
        if len(content) > MAX_SPEC_BYTES:
            advice = "a task is at most 16 MB: put data into files that it names"
            raise SpecError({"the file": f"is larger than a task can be; {advice}"}, str(path))
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise SpecError({"the file": "does not exist; name a JSON task, or start with `ptx init`"}, str(path)) from None
    except UnicodeDecodeError as error:
        place = f"{error.reason} at byte {error.start}"
        raise SpecError({"the file": f"is not UTF-8 ({place}); save it as UTF-8"}, str(path)) from error
    except IsADirectoryError:
        raise SpecError({"the file": "is a directory; name a JSON task in it"}, str(path)) from None
    except (OSError, ValueError) as error:
        raise SpecError(
            {"the file": f"cannot be read: {getattr(error, 'strerror', None) or error}"}, str(path)
        ) from error
    return text


def json_data(text: str, source: str) -> Any:
    """What a JSON text holds.

    Raises:
        SpecError: it is not JSON, or JSON that reads in two ways.
    """

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
            raise ValueError(f"key {twice!r} stands twice in one object; keep one of them")
        return found

    try:
        return json.loads(text, object_pairs_hook=no_duplicates, parse_int=_whole_number)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        hint = "; a path? read_spec reads files" if text.strip().endswith(".json") and "\n" not in text else ""
        raise SpecError({place: f"is not JSON: {error.msg[:1].lower()}{error.msg[1:]}{hint}"}, source) from error
    except ValueError as error:
        raise SpecError({"the JSON": str(error)}, source) from error
    except RecursionError as error:
        raise SpecError({"the JSON": "is nested too deeply; a task is a few levels deep"}, source) from error


def _whole_number(digits: str) -> int:
    if len(digits) > 30:
        raise ValueError(f"holds a number of {len(digits)} digits ({digits[:12]}...); no key takes one")
    return int(digits)


def impossible_text(value: Any, place: str = "") -> dict[str, str]:
    """Text that can be no path, argument or name: half a character, or a NUL, which ends a path for the system."""
    if isinstance(value, str):
        if "\0" in value:
            return {place: f"holds a NUL character ({value[:40]!r}); remove it"}
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            return {place: f"holds half a character ({value[:40]!r}); write the character itself"}
        return {}
    rows: Iterable[tuple[str, Any]] = ()
    if isinstance(value, Mapping):
        rows = ((f"{place}.{key}" if place else str(key), inner) for key, inner in value.items())
    elif isinstance(value, Sequence):
        rows = ((f"{place}[{index}]", inner) for index, inner in enumerate(value))
    return {where: text for at, inner in rows for where, text in impossible_text(inner, at).items()}
