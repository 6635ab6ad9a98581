"""Prefect variables and blocks in a task's values: ``{{ prefect.variables.x }}``, ``{{ prefect.blocks.type.name }}``.

A variable is no secret: it is filled in when the run starts, anywhere in the task, and counts in cache keys. A block
may be one: it can stand in what a worker is told, is read when the section starts, on the machine where it runs, and
is blacked out of everything that is written down. Reports, keys and artifacts hold the reference.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound
from pydantic import BaseModel

from ptx_prefect.errors import SpecError, WorkerError

_REFERENCE = re.compile(r"\{\{\s*prefect\.(variables|blocks)\.([\w.-]+)\s*\}\}")
_WORKER_PLACES = ("worker", "planner", "judges", "synthesis", "default_worker")
SHORTEST_SECRET = 4
"""Blacking out less than this would eat ordinary text."""


def with_variables(task: Any) -> Any:
    """The task with its variables filled in; one that stands alone keeps its type (number, list, object).

    Raises:
        SpecError: variables that do not exist, all of them.
    """
    data: Any = task
    if isinstance(task, BaseModel):
        data = task.model_dump(by_alias=True)
    elif isinstance(task, str):
        with contextlib.suppress(ValueError):
            data = json.loads(task) if "{{" in task else task
    return _with_variables(data) if not isinstance(data, str) and _names(data, "variables") else task


def _with_variables(task: Any) -> Any:
    with get_client(sync_client=True) as client:
        values = {name: _variable(client, name) for name in {name for _, name in _names(task, "variables")}}
    missing = {place: name for place, name in _names(task, "variables") if not values[name]}
    if missing:
        told = {
            place: f"no Prefect variable is called {name!r}; `prefect variable set {name} VALUE`"
            for place, name in missing.items()
        }
        raise SpecError(told)
    return _filled(task, "variables", lambda name: values[name][0])


def check_blocks(task: Any) -> None:
    """See that every block that the task names exists and stands in a worker's values.

    Raises:
        SpecError: what is wrong with them, all of it.
    """
    found = list(_names(task, "blocks"))
    if not found:
        return
    mistakes: dict[str, str] = {}
    with get_client(sync_client=True) as client:
        for place, name in found:
            if not any(part.split("[")[0] in _WORKER_PLACES for part in place.split(".")):
                mistakes[place] = "a block can stand in a worker's values only; use a Prefect variable here"
                continue
            try:
                _block_value(client, name)
            except WorkerError as error:
                mistakes[place] = str(error)
    if mistakes:
        raise SpecError(mistakes)


def with_blocks(config: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A worker's configuration with its blocks filled in, and what must not be written down: text to its stand-in.

    Raises:
        WorkerError: a block that does not exist (any more), or has no such field.
    """
    names = {name for _, name in _names(config, "blocks")}
    if not names:
        return dict(config), {}
    with get_client(sync_client=True) as client:
        values = {name: _block_value(client, name) for name in names}
    secrets = {text: f"[prefect.blocks.{name}]" for name, value in values.items() for text in _texts(value)}
    return _filled(config, "blocks", lambda name: values[name]), secrets


def read_block(name: str) -> Any:
    """The value of ``type.name`` or ``type.name.field``.

    Raises:
        WorkerError: there is no such block or field.
    """
    with get_client(sync_client=True) as client:
        return _block_value(client, name)


def without_secrets(text: str, secrets: Mapping[str, str]) -> str:
    """The text with every secret replaced by its stand-in, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, secrets[secret])
    return text


def _names(value: Any, kind: str) -> list[tuple[str, str]]:
    """Every reference of a kind: where it stands, and what it names."""
    return [
        (place, name)
        for place, text in _strings(value, "")
        if "{{" in text
        for found, name in _REFERENCE.findall(text)
        if found == kind
    ]


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{place}[{index}]")


def _filled(value: Any, kind: str, value_of: Callable[[str], Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(inner, kind, value_of) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(inner, kind, value_of) for inner in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    whole = _REFERENCE.fullmatch(value.strip())
    if whole is not None:
        return value_of(whole[2]) if whole[1] == kind else value
    return _REFERENCE.sub(lambda one: _as_text(value_of(one[2])) if one[1] == kind else one[0], value)


def _variable(client: SyncPrefectClient, name: str) -> tuple[Any, ...]:
    """Its value alone, or nothing: None is a value too."""
    found = client.read_variable_by_name(name)
    return () if found is None else (found.value,)


def _block_value(client: SyncPrefectClient, name: str) -> Any:
    """The value behind ``type.name`` or ``type.name.field``; of a block with a single value, that value."""
    kind, _, rest = name.partition(".")
    document, *fields = rest.split(".")
    if not document:
        raise WorkerError(f"{name!r} names no block; write prefect.blocks.TYPE.NAME, as in prefect.blocks.secret.token")
    try:
        found = client.read_block_document_by_name(document, kind, include_secrets=True)
    except ObjectNotFound:
        told = f"there is no block {document!r} of the type {kind!r}; save one, or look at `prefect block ls`"
        raise WorkerError(told) from None
    value: Any = found.data
    if not fields and set(value) == {"value"}:
        return value["value"]
    for field in fields:
        if not isinstance(value, Mapping) or field not in value:
            told = f"the block {kind}/{document} has no field {'.'.join(fields)!r}; it has {', '.join(found.data)}"
            raise WorkerError(told)
        value = value[field]
    return value


def _texts(value: Any) -> Iterator[str]:
    """What of a block's value could be read in a log."""
    for _, text in _strings(value, ""):
        if len(text) >= SHORTEST_SECRET:
            yield text
            quoted = json.dumps(text)[1:-1]
            if quoted != text:
                yield quoted


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
