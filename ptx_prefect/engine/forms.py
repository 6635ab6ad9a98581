"""The parameters of our flows as a form that a person can fill in Prefect's UI.

Prefect draws the form from the JSON schema of a flow's parameters and, with ``enforce_parameter_schema``, refuses what
does not fit it when a run is created. A schema made for checking makes a poor form: a switch between "int" and "None"
for every optional number, class names as headings. Here it is rewritten for reading; what it still lets through, the
flow refuses at its start, with all mistakes at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

JSON_BOX: Mapping[str, Any] = {
    "type": "object",
    "title": "Task",
    "description": "A task of either mode as JSON, as `ptx run` takes it from a file.",
}
"""An object without properties: Prefect draws an editor for JSON."""

_WORDS = {"id": "ID", "usd": "USD", "argv": "command line", "json": "JSON"}
_TEXTS = {"type": "array", "items": {"type": "string"}}


def form_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of ``model`` without references, with what is required first and no switches for "nothing"."""
    schema = model.model_json_schema(by_alias=True)
    form: dict[str, Any] = _rewritten(schema, schema.get("$defs", {}))
    form.pop("$defs", None)
    # Files name their schema for editors; a pattern lets that through without a field in the form.
    form["patternProperties"] = {r"^\$schema$": {"type": "string"}}
    return form


def _rewritten(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        return _rewritten({**target, **{key: value for key, value in node.items() if key != "$ref"}}, definitions)
    found = {key: value for key, value in node.items() if key not in ("$defs", "properties", "items", "anyOf")}
    if found.get("default") == {}:
        # The UI would send its own note of what kind of editor it is in place of the empty object.
        del found["default"]
    if "properties" in node:
        found["properties"] = _properties(node, definitions)
    if "items" in node:
        found["items"] = _rewritten(node["items"], definitions)
    if "anyOf" in node:
        branches = [_rewritten(branch, definitions) for branch in _flat(node["anyOf"])]
        found |= _choice(branches, found)
    return found


def _properties(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Required ones first. ``position`` keeps the order where the server's database does not."""
    required = node.get("required", [])
    order = sorted(node["properties"], key=lambda name: name not in required)
    found = {}
    for position, name in enumerate(order):
        inner = node["properties"][name]
        made = dict(WORKER_FORM) if name in ("worker", "planner") else _rewritten(inner, definitions)
        told = inner.get("description")
        found[name] = {**made, "title": _title(name), "position": position, **({"description": told} if told else {})}
    return found


def _flat(branches: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for branch in branches:
        yield from _flat(branch["anyOf"]) if "anyOf" in branch else (branch,)


def _choice(branches: list[dict[str, Any]], around: dict[str, Any]) -> dict[str, Any]:
    """Alternatives as titled tabs; a single plain value that may be left out becomes a plain field.

    Prefect's server lets null stand for a field that is not required and has no default, so nothing is lost by it.
    """
    values = [branch for branch in branches if branch.get("type") != "null"]
    if len(values) == 1 and "properties" not in values[0]:
        if around.get("default", ...) is None:
            around.pop("default")
        return {**values[0], **around}
    # The form that tells most comes first; "not set" last, and chosen where it is the default.
    values.sort(key=lambda branch: "properties" not in branch)
    titled = [
        {**branch, "title": branch.get("title") or _KINDS.get(branch.get("type", ""), "Value")} for branch in values
    ]
    if len(values) < len(branches):
        titled.append({"type": "null", "title": "Not set"})
    return {"anyOf": titled}


_KINDS = {"string": "Text", "object": "JSON", "array": "List"}


def _title(name: str) -> str:
    words = [_WORDS.get(word, word) for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def _worker(kind: str, title: str, required: str, **keys: dict[str, Any]) -> dict[str, Any]:
    named = {"kind": {"type": "string", "title": "Kind", "enum": [kind], "default": kind}, **keys}
    properties = {name: {"position": place, **key} for place, (name, key) in enumerate(named.items())}
    return {"type": "object", "title": title, "properties": properties, "required": ["kind", required]}


_COMMAND_LINE = {
    **_TEXTS,
    "title": "Command line",
    "description": "The program and its arguments, one an item.",
    "minItems": 1,
}
_INSTRUCTIONS = {"type": "string", "title": "Instructions", "description": "Beside the section's own description."}

WORKER_FORM: Mapping[str, Any] = {
    "anyOf": [
        _worker(
            "command",
            "Command",
            "argv",
            argv=_COMMAND_LINE,
            cwd={"type": "string", "title": "Directory", "description": "Where it runs, below the section's place."},
        ),
        _worker(
            "callable",
            "Python function",
            "target",
            target={"type": "string", "title": "Function", "description": "As `package.module:function`."},
            args={"type": "object", "title": "Arguments", "description": "Keyword arguments, as JSON."},
        ),
        _worker(
            "pytest",
            "Tests",
            "args",
            args={**_TEXTS, "title": "Arguments", "description": "As for pytest: paths, -k, -m.", "minItems": 1},
            coverage={"type": "boolean", "title": "Coverage", "description": "Measure it.", "default": False},
        ),
        _worker(
            "chat",
            "Model",
            "model",
            model={"type": "string", "title": "Model", "description": "An alias: haiku, sonnet, opus, or your own."},
            instructions=_INSTRUCTIONS,
        ),
        _worker(
            "agent",
            "Coding agent",
            "preset",
            preset={"type": "string", "title": "Agent", "description": "As `claude`, `codex` or `aider`."},
            instructions=_INSTRUCTIONS,
        ),
        {"type": "object", "title": "JSON", "description": "Any worker with all its keys."},
        {"type": "string", "title": "Kind alone"},
        {"type": "null", "title": "Not set"},
    ],
    "default": None,
}
"""The kinds of workers with the keys that most people need; the rest goes into the JSON."""
