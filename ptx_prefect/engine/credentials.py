"""Keys of model providers from Prefect blocks: named in the settings, read late, held in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ptx_prefect.engine.references import read_block
from ptx_prefect.errors import SpecError, WorkerError
from ptx_prefect.run.models import CREDENTIALS
from ptx_prefect.settings import ModelAlias, Settings
from ptx_prefect.workers.model_calls import give_key

PREFIX = "prefect.blocks."


def with_credentials(settings: Settings) -> Settings:
    """The settings with what their credential blocks say of provider and server; this process holds the keys.

    Raises:
        SpecError: a block that is not there.
    """
    models: dict[str, ModelAlias] = {}
    mistakes: dict[str, str] = {}
    for name, alias in settings.models.items():
        if not alias.credentials:
            continue
        try:
            found = _read(f"{CREDENTIALS}{alias.credentials}")
        except WorkerError as error:
            mistakes[f"models.{name}.credentials"] = str(error)
            continue
        given = {key: found.get(key) for key in ("provider", "base_url") if getattr(alias, key) is None}
        models[name] = alias.model_copy(update={key: value for key, value in given.items() if value is not None})
    if mistakes:
        raise SpecError(mistakes, "settings")
    return settings.model_copy(update={"models": {**settings.models, **models}}) if models else settings


def fetch_key(config: Mapping[str, Any]) -> None:
    """See that this process holds the key that a worker's model wants; on a cluster nobody else has read it.

    Raises:
        WorkerError: the block is not there (any more).
    """
    model = config.get("model")
    name = str(model.get("key_env") or "") if isinstance(model, Mapping) else ""
    if name.startswith(CREDENTIALS):
        _read(name)


def _read(name: str) -> Mapping[str, Any]:
    found = read_block(name.removeprefix(PREFIX))
    if not isinstance(found, Mapping) or not found.get("api_key"):
        raise WorkerError(f"the block {name!r} holds no api_key; save it again")
    give_key(name, str(found["api_key"]))
    return found
