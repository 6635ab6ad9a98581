"""Which model an alias means, and what it costs: data only, nothing is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from ptx_prefect.errors import SpecError
from ptx_prefect.settings import ModelAlias, Price, Settings
from ptx_prefect.spec import Budget
from ptx_prefect.strict import nearest

Protocol = Literal["anthropic", "openai", "openai-responses"]
"""What the server speaks: Anthropic Messages, OpenAI Chat Completions (and all compatible ones), OpenAI Responses."""

BUILT_IN: Mapping[str, ModelAlias] = {
    "haiku": ModelAlias(provider="anthropic", model="claude-haiku-5-5"),
    "sonnet": ModelAlias(provider="anthropic", model="claude-sonnet-5-5"),
    "opus": ModelAlias(provider="anthropic", model="claude-opus-5-5"),
    "gpt": ModelAlias(provider="openai-responses", model="gpt-5.5"),
    "gpt-mini": ModelAlias(provider="openai-responses", model="gpt-5-mini"),
}
"""Aliases that need no settings. What the settings give for the same alias wins, key by key."""

KEY_NAMES: Mapping[str, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "openai": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
}


CREDENTIALS = "prefect.blocks.ptx-model-credentials."
"""Before the name of a block: where a key is read from instead of from a variable."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be called.

    ``key_env`` names the variable with the key, or a block (see :data:`CREDENTIALS`); empty: the server wants none.
    """

    provider: Protocol
    model: str
    base_url: str | None = None
    key_env: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; never a key, only the name of the variable that holds it."""
        return asdict(self)


def model_of(reference: object, settings: Settings) -> Model:
    """The model that a worker's ``model`` means: an alias, ``provider:model``, or an object with these keys.

    Raises:
        SpecError: an alias that neither the settings nor we know, or an object that says too little.
    """
    if isinstance(reference, Model):
        return reference
    if isinstance(reference, Mapping):
        return _from_mapping(reference)
    if not isinstance(reference, str) or not reference:
        raise SpecError({"model": f'takes an alias like "sonnet" or "provider:model", found {reference!r}'})
    merged = _aliases(settings)
    if reference in merged:
        return _from_alias(reference, merged[reference])
    provider, colon, model = reference.partition(":")
    if colon and provider in get_args(Protocol) and model:
        return _from_alias(reference, ModelAlias.model_validate({"provider": provider, "model": model}))
    raise SpecError(
        {
            "model": f"no model is called {reference!r}; {nearest(reference, sorted(merged))}; "
            f"or write provider:model (providers: {', '.join(get_args(Protocol))}), or add it to the settings (models)"
        }
    )


def with_model(kind: str, config: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """A worker's configuration with its model resolved, so that the cache key holds what the alias meant.

    Raises:
        SpecError: as :func:`model_of`.
    """
    found = dict(config)
    if kind == "chat":
        try:
            found["model"] = model_of(config.get("model", settings.default_model), settings).to_json()
        except SpecError as error:
            raise SpecError({f"worker.{place}": text for place, text in error.mistakes.items()}) from None
    return found


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """US dollars for a million tokens: the settings' table, else the list that comes with the ``ai`` extra."""
    if model in prices:
        return prices[model]
    try:
        from genai_prices import Usage, calc_price
    except ImportError:
        return None
    million = 1_000_000
    try:
        found = calc_price(Usage(input_tokens=million, output_tokens=million), model_ref=model)
    except LookupError:
        return None
    return Price(input=float(found.input_price), output=float(found.output_price))


def models_without_price(models: Iterable[str], budget: Budget | None, settings: Settings) -> dict[str, str]:
    """The mistake in a budget in dollars where nobody knows what a model costs: its calls would not be made."""
    if budget is None or budget.usd is None:
        return {}
    unknown = [model for model in dict.fromkeys(models) if price_of(model, settings.prices) is None]
    told = f"no price is known for {', '.join(map(repr, unknown))}, so no call would be made"
    return {"budget.usd": f"{told}; add it to the settings (prices), or limit calls or tokens"} if unknown else {}


def cost_usd(price: Price, *, input_tokens: int, output_tokens: int) -> float:
    """US dollars."""
    return (input_tokens * price.input + output_tokens * price.output) / 1_000_000


def _aliases(settings: Settings) -> dict[str, ModelAlias]:
    merged = dict(BUILT_IN)
    for name, given in settings.models.items():
        below = merged.get(name, ModelAlias())
        merged[name] = below.model_copy(update={key: getattr(given, key) for key in given.model_fields_set})
    return merged


def _from_alias(name: str, alias: ModelAlias) -> Model:
    if not alias.provider or not alias.model:
        raise SpecError({"model": f"the alias {name!r} needs provider and model; complete it in the settings (models)"})
    address = urlsplit(alias.base_url or "http://of.the.provider")
    if address.scheme not in ("http", "https") or not address.hostname:
        raise SpecError(
            {"model": f"base_url takes an address like http://localhost:8080/v1, found {alias.base_url!r} ({name})"}
        )
    key_env = KEY_NAMES[alias.provider] if alias.key_env is None else alias.key_env
    if alias.credentials:
        key_env = f"{CREDENTIALS}{alias.credentials}"
    return Model(alias.provider, alias.model, alias.base_url, key_env)


def _from_mapping(reference: Mapping[str, Any]) -> Model:
    known = ("provider", "model", "base_url", "key_env", "credentials")
    mistakes = {f"model.{key}": f"unknown key {key!r}; {nearest(key, known)}" for key in reference if key not in known}
    if reference.get("provider") not in get_args(Protocol):
        mistakes["model.provider"] = (
            f"takes one of {', '.join(get_args(Protocol))}, found {reference.get('provider')!r}"
        )
    if not isinstance(reference.get("model"), str) or not reference.get("model"):
        mistakes["model.model"] = f"takes the provider's name of the model, found {reference.get('model')!r}"
    if mistakes:
        raise SpecError(mistakes)
    if str(reference.get("key_env")).startswith(CREDENTIALS):  # Resolved before, see `with_model`.
        return Model(**reference)
    return _from_alias("model", ModelAlias(**reference))
