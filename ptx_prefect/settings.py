"""Settings: the defaults in code equal ``config.json`` at the root of the project (a test proves it).

Order: argument, environment (``PTX_PREFECT_CONFIG`` names a file, ``PTX_PREFECT_PARALLELISM__MAX_WORKERS=8`` sets one
value), ``config.json`` where the run starts, defaults. Nothing is read at import.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_state_path
from pydantic import Field, ValidationError, model_validator

from ptx_prefect.errors import SpecError
from ptx_prefect.strict import StrictModel, mistakes_of

ENV_PREFIX = "PTX_PREFECT_"
_NOT_SETTINGS = {"PTX_PREFECT_CONFIG"}


class Parallelism(StrictModel):
    """How many sections may run at once."""

    min_workers: Annotated[int, Field(ge=1, le=1000, description="Workers kept even when load is high.")] = 2
    max_workers: Annotated[int, Field(ge=1, le=1000, description="Upper limit of the pool.")] = 10
    default_workers: Annotated[int, Field(ge=1, le=1000, description="Workers a run starts with.")] = 5

    @model_validator(mode="after")
    def _ordered(self) -> Parallelism:
        if not self.min_workers <= self.default_workers <= self.max_workers:
            raise ValueError(
                f"min_workers <= default_workers <= max_workers must hold, "
                f"found {self.min_workers}, {self.default_workers}, {self.max_workers}"
            )
        return self


class Timeouts(StrictModel):
    """All in seconds."""

    default_task: Annotated[float, Field(gt=0, description="Deadline of a section that names none (seconds).")] = 300
    max_task: Annotated[float, Field(gt=0, description="No section gets more than this (seconds).")] = 600
    worker_heartbeat: Annotated[
        float, Field(gt=0, description="A worker silent for this long (no output, CPU or beat) is stuck (seconds).")
    ] = 30

    @model_validator(mode="after")
    def _ordered(self) -> Timeouts:
        if self.default_task > self.max_task:
            raise ValueError(f"default_task <= max_task must hold, found {self.default_task:g}, {self.max_task:g}")
        return self


class Retry(StrictModel):
    """How failed sections are tried again."""

    max_attempts: Annotated[int, Field(ge=1, le=100, description="Attempts in all, the first included.")] = 3
    backoff_multiplier: Annotated[float, Field(ge=1, description="Each delay is the last one times this.")] = 2
    initial_delay: Annotated[float, Field(ge=0, description="Delay before the second attempt (seconds).")] = 1


class Resources(StrictModel):
    """What the machine may be asked for."""

    max_memory_mb: Annotated[int, Field(ge=16, description="Memory of all workers together (MB).")] = 4096
    cpu_threshold: Annotated[float, Field(gt=0, le=1, description="The pool does not grow above this load.")] = 0.8


class ModelAlias(StrictModel):
    """A name for a model. What is left out comes from the built-in alias of the same name, if there is one."""

    provider: Annotated[
        Literal["anthropic", "openai", "openai-responses"] | None,
        Field(description="What the server speaks; `openai` is Chat Completions, as most compatible servers have it."),
    ] = None
    model: Annotated[str | None, Field(description="The provider's name of the model.")] = None
    base_url: Annotated[str | None, Field(description="Another server that speaks the same; OpenAI's end in /v1.")] = (
        None
    )
    key_env: Annotated[
        str | None, Field(description="Variable that holds the key; empty: the server wants none.", pattern=r"^\w*$")
    ] = None
    credentials: Annotated[
        str | None, Field(description="A Prefect block `ptx-model-credentials` that holds the key, instead of key_env.")
    ] = None


class Price(StrictModel):
    """US dollars for a million tokens."""

    input: Annotated[float, Field(ge=0, description="A million input tokens (US dollars).")]
    output: Annotated[float, Field(ge=0, description="A million output tokens (US dollars).")]


class SharedLimit(StrictModel):
    """A limit on the Prefect server that several runs share."""

    name: Annotated[str, Field(min_length=1, description="A global concurrency limit (`prefect gcl ls`).")]
    workers: Annotated[tuple[str, ...], Field(description="Kinds of workers that it holds for; empty: all.")] = ()
    slots: Annotated[int, Field(ge=1, description="Slots that a section takes.")] = 1
    rate: Annotated[bool, Field(description="A rate limit: slots are spent, and grow back by themselves.")] = False


class Settings(StrictModel):
    """Everything that is the same for many tasks. The first four groups are the specification's ``config.json``."""

    parallelism: Parallelism = Parallelism()
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    resources: Resources = Resources()
    default_worker: Annotated[
        dict[str, Any] | None, Field(description="Worker of sections that name none, as in a component's `worker`.")
    ] = None
    models: Annotated[
        dict[str, ModelAlias], Field(description="Model aliases, beside the built-in haiku, sonnet, opus, gpt.")
    ] = Field(default_factory=dict)
    default_model: Annotated[str, Field(description="Alias of `chat` workers that name no model.")] = "sonnet"
    prices: Annotated[
        dict[str, Price], Field(description="Prices by model; wins over the list that comes with the `ai` extra.")
    ] = Field(default_factory=dict)
    adaptive_deadlines: Annotated[
        Literal["lengthen", "follow", "off"],
        Field(
            description="What earlier runs do to a deadline: only ever lengthen it, set it (never above max_task), or"
            " nothing."
        ),
    ] = "lengthen"
    task_runner: Annotated[
        Literal["concurrent", "dask", "ray"], Field(description="Prefect task runner that the sections run on.")
    ] = "concurrent"
    task_runner_options: Annotated[
        dict[str, Any],
        Field(description='Arguments of DaskTaskRunner or RayTaskRunner, like {"address": "tcp://scheduler:8786"}.'),
    ] = Field(default_factory=dict)
    result_storage: Annotated[
        str | None,
        Field(description="Where machines share finished results: a Prefect block by type/name, or an fsspec URL."),
    ] = None
    limits: Annotated[
        tuple[SharedLimit, ...], Field(description="Global concurrency limits of the Prefect server to honour.")
    ] = ()
    work_queue: Annotated[
        str | None, Field(description="POOL/QUEUE whose concurrency limit bounds the sections of a run as well.")
    ] = None
    strict_limits: Annotated[
        bool, Field(description="Refuse to run where a named limit or queue does not exist; else it is a note.")
    ] = True


def load_settings(path: Path | str | None = None, *, env: Mapping[str, str] | None = None) -> Settings:
    """The settings in force here.

    Args:
        path: a configuration file; wins over ``PTX_PREFECT_CONFIG`` and over ``config.json`` in the working directory.
        env: instead of ``os.environ``.

    Raises:
        SpecError: unreadable file, unknown key or wrong value, all of them together.
    """
    env = os.environ if env is None else env
    named = path or env.get("PTX_PREFECT_CONFIG")
    source = Path(named) if named else Path("config.json")
    data = _read_file(source, must_exist=named is not None)
    for name, text in sorted(env.items()):
        if name.startswith(ENV_PREFIX) and name not in _NOT_SETTINGS:
            _set(data, name[len(ENV_PREFIX) :].lower().split("__"), text)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        about = f"settings ({source} and {ENV_PREFIX}*; PTX_PREFECT_CONFIG names another file)"
        raise SpecError(mistakes_of(error, Settings), source=about) from None


def state_dir(env: Mapping[str, str] | None = None) -> Path:
    """Durations, cached results, logs and the registry of children: ``PTX_STATE_DIR``, else the platform's place.

    Created private (0700). Safe to delete at any time, and safe for several runs at once.
    """
    env = os.environ if env is None else env
    path = Path(env["PTX_STATE_DIR"]) if env.get("PTX_STATE_DIR") else user_state_path("ptx_prefect")
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SpecError(
            {str(path): f"cannot be created ({error.strerror}); set PTX_STATE_DIR"}, "state directory"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise SpecError({str(path): "cannot be written; set PTX_STATE_DIR"}, "state directory")
    return path.resolve()


def _read_file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
    except FileNotFoundError:
        if must_exist:
            raise SpecError({str(path): "does not exist; PTX_PREFECT_CONFIG names it"}, "settings") from None
        return {}
    except (OSError, ValueError) as error:
        if not must_exist and isinstance(error, ValueError) and not any(f'"{name}"' in text for name in _GROUPS):
            return {}
        raise SpecError({str(path): f"cannot be read as JSON: {error}; {_ANOTHER}"}, "settings") from error
    if not must_exist and not _is_ours(data):
        return {}
    if not isinstance(data, dict):
        raise SpecError({str(path): "must hold a JSON object"}, "settings")
    data.pop("$schema", None)
    return data


_GROUPS = {
    name: type(field.default) for name, field in Settings.model_fields.items() if isinstance(field.default, StrictModel)
}
_ANOTHER = "if it is another tool's, let PTX_PREFECT_CONFIG name ours"


def _is_ours(data: Any) -> bool:
    """Whether a ``config.json`` that nobody named is meant for us: many projects have one of their own.

    It is where every key is ours or nearly, or where one of our groups holds a key of ours.
    """
    if not isinstance(data, dict):
        return False
    known = {key: value for key, value in data.items() if key in Settings.model_fields}
    misspelt = [
        key
        for key, value in data.items()
        if key not in known and isinstance(value, dict) and difflib.get_close_matches(key, _GROUPS, n=1, cutoff=0.8)
    ]
    if not known or len(known) + len(misspelt) == len(data.keys() - {"$schema"}):
        return bool(known or misspelt)
    groups = ((known.get(name), group) for name, group in _GROUPS.items())
    return any(isinstance(value, dict) and set(value) & set(group.model_fields) for value, group in groups)


def _set(data: dict[str, Any], keys: list[str], text: str) -> None:
    inner: Any = data
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            return
    try:
        inner[keys[-1]] = json.loads(text)
    except ValueError:
        inner[keys[-1]] = text
