"""Pydantic at the ends: frozen models that refuse unknown keys and name the nearest known one."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class StrictModel(BaseModel):
    """Base of spec, settings and report."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


def mistakes_of(error: ValidationError, model: type[BaseModel], *, within: str = "") -> dict[str, str]:
    """Every mistake by place, with the nearest known key for an unknown one."""
    items = [(_visible(item["loc"]), item) for item in error.errors(include_url=False)]
    # A union objects once for each of its branches; where one of them got further, only that one is of interest.
    beyond = {path[:length] for path, _ in items for length in range(len(path))}
    # So it does where the type was right for one branch, and the value was not.
    valued = {path for path, item in items if item["type"] in (*_BOUNDS, "too_short", "string_too_short")}
    found: dict[str, list[str]] = {}
    wanted: dict[str, list[str]] = {}
    for path, item in items:
        if path in beyond and item["type"] in (*_TYPE_WORDS, "too_short"):
            continue
        if path in valued and item["type"] in _TYPE_WORDS:
            continue
        place = ".".join(part for part in (within, place_of(path)) if part) or "the whole"
        if item["type"] in _TYPE_WORDS:
            wanted.setdefault(place, []).append(_TYPE_WORDS[item["type"]])
            found[place] = [f"takes {' or '.join(dict.fromkeys(wanted[place]))}, found {_shown(item['input'])}"]
        else:
            text = _text_of(item, model, path)
            found.setdefault(place, [])
            found[place] += [] if text in found[place] else [text]
    return {place: "; or ".join(texts) for place, texts in found.items()}


def place_of(path: Sequence[str | int]) -> str:
    """``("components", 2, "writes")`` as ``components[2].writes``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint: the known word that was probably meant, else all of them."""
    return _nearest(word, tuple(known))


@functools.lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word[:100], known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(sorted(known))}" if known else "nothing is known here"


def _visible(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """The place without the class names that pydantic puts in for the branches of a union."""
    return tuple(
        part for part in loc if isinstance(part, int) or not (part[:1].isupper() or "[" in part or part in _TYPE_TAGS)
    )


_TYPE_TAGS = {"str", "constrained-str", "int", "float", "bool", "sectioning", "voting"}


_TYPE_WORDS = {
    "string_type": "text",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "tuple_type": "a list",
    "list_type": "a list",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
_BOUNDS = {
    "greater_than": ("must be above", "gt"),
    "greater_than_equal": ("must be at least", "ge"),
    "less_than": ("must be below", "lt"),
    "less_than_equal": ("must be at most", "le"),
}


def _text_of(item: Any, model: type[BaseModel], path: Sequence[str | int]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        key = str(path[-1])
        return f"unknown key {_shown(key)}; {nearest(key, _keys_at(model, path[:-1]))}"
    if kind == "missing":
        return "is required"
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{words} {context[key]:g}, found {_shown(item['input'])}"
    if kind == "literal_error":
        known = tuple(re.findall(r"'([^']*)'", context["expected"]))
        close = nearest(str(item["input"]), known)
        hint = f"{close} It takes" if close.startswith("did you mean") else "takes"
        return f"unknown value {_shown(item['input'])}; {hint} {context['expected']}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind == "string_too_long":
        return f"has {len(item['input'])} characters; at most {context['max_length']} are taken"
    text = str(item["msg"]).removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 80 else text[:77] + "..."


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that the model at ``path`` knows; where a union allows several models, all of theirs."""
    return _keys_below(model, tuple(part for part in path if isinstance(part, str)))


@functools.lru_cache(maxsize=256)
def _keys_below(model: type[BaseModel], path: tuple[str, ...]) -> tuple[str, ...]:
    models = [model]
    for part in path:
        models = [found for m in models for found in _models_in(_annotation(m, part))]
    return tuple(sorted({field.alias or name for m in models for name, field in m.model_fields.items()}))


def _annotation(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in typing.get_args(annotation) for found in _models_in(arg)]
