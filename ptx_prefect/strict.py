"""Pydantic at the ends: frozen models that refuse unknown keys and name the nearest known one."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class StrictModel(BaseModel):
    """Base of spec, settings and report."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


def mistakes_of(error: ValidationError, model: type[BaseModel], *, within: str = "") -> dict[str, str]:
    """Every mistake by place, with the nearest known key for an unknown one."""
    found: dict[str, str] = {}
    for item in error.errors(include_url=False):
        path = _visible(item["loc"])
        place = ".".join(part for part in (within, place_of(path)) if part) or "the whole"
        text = _text_of(item, model, path)
        found[place] = f"{found[place]}; or {text}" if place in found and text not in found[place] else text
    return found


def place_of(path: Sequence[str | int]) -> str:
    """``("components", 2, "writes")`` as ``components[2].writes``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint: the known word that was probably meant, else all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "nothing is known here"


def _visible(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The place without the class names that pydantic puts in for the branches of a union."""
    return tuple(
        part for part in loc if isinstance(part, int) or not (part[:1].isupper() or "[" in part or part in _TYPE_TAGS)
    )


_TYPE_TAGS = {"str", "int", "float", "bool", "sectioning", "voting"}


def _text_of(item: Any, model: type[BaseModel], path: Sequence[str | int]) -> str:
    if item["type"] == "extra_forbidden":
        key = str(path[-1])
        return f"unknown key {key!r}; {nearest(key, _keys_at(model, path[:-1]))}"
    if item["type"] == "missing":
        return "is required"
    text = str(item["msg"])
    text = text.removeprefix("Value error, ")
    shown = repr(item["input"])
    if item["type"].endswith(("_type", "_parsing")) or item["type"] == "literal_error":
        text += f", found {shown if len(shown) < 80 else shown[:77] + '...'}"
    return text[:1].lower() + text[1:]


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """The keys that the model at ``path`` knows; where a union allows several models, all of theirs."""
    models = [model]
    for part in path:
        if isinstance(part, int):
            continue
        models = [found for m in models for found in _models_in(_annotation(m, part))]
    return sorted({field.alias or name for m in models for name, field in m.model_fields.items()})


def _annotation(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in typing.get_args(annotation) for found in _models_in(arg)]
