"""What a worker's `model` means."""

from __future__ import annotations

import pytest

from ptx_prefect.errors import SpecError
from ptx_prefect.run.models import cost_usd, model_of, price_of, with_model
from ptx_prefect.settings import ModelAlias, Price, Settings


@pytest.mark.parametrize("address", ["not a url", "localhost:8080", "ftp://host/v1", "http://"])
def test_an_address_that_is_none_is_a_mistake_before_the_run(address: str) -> None:
    alias = ModelAlias(provider="openai", model="m", base_url=address)
    for reference, settings in (("mine", Settings(models={"mine": alias})), (alias.model_dump(), Settings())):
        with pytest.raises(SpecError, match="base_url takes an address"):
            model_of(reference, settings)


def test_an_alias_is_completed_from_the_built_in_one_of_its_name() -> None:
    found = model_of("sonnet", Settings(models={"sonnet": ModelAlias(base_url="http://127.0.0.1:1234")}))

    assert (found.provider, found.base_url, found.key_env) == (
        "anthropic",
        "http://127.0.0.1:1234",
        "ANTHROPIC_API_KEY",
    )


@pytest.mark.parametrize(
    ("reference", "complaint"),
    [
        ("", "takes an alias"),
        (7, "takes an alias"),
        ("sonet", "did you mean 'sonnet'"),
        ("openai:", "no model is called"),
        ("nobody:m", "no model is called"),
        ({"provider": "openai", "model": "m", "modell": "x"}, "unknown key 'modell'"),
        ({"provider": "nobody", "model": "m"}, "takes one of"),
        ({"provider": "openai"}, "the provider's name of the model"),
    ],
)
def test_a_model_that_says_too_little_is_a_mistake_with_its_remedy(reference: object, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        model_of(reference, Settings())


def test_an_alias_without_a_model_is_a_mistake() -> None:
    with pytest.raises(SpecError, match="'mine' needs provider and model"):
        model_of("mine", Settings(models={"mine": ModelAlias(provider="openai")}))


def test_a_model_is_named_by_provider_and_name_and_once_resolved_stays() -> None:
    found = model_of("openai:gpt-x", Settings())

    assert (found.provider, found.model, found.key_env) == ("openai", "gpt-x", "OPENAI_API_KEY")
    assert model_of(found, Settings()) is found
    assert model_of(found.to_json(), Settings()) == found


def test_credentials_of_a_block_stand_for_the_key() -> None:
    found = model_of("mine", Settings(models={"mine": ModelAlias(provider="openai", model="m", credentials="prod")}))

    assert found.key_env is not None and found.key_env.endswith("prod")
    assert model_of(found.to_json(), Settings()) == found


def test_a_chat_workers_configuration_holds_what_the_alias_meant() -> None:
    assert with_model("chat", {"model": "haiku"}, Settings())["model"]["provider"] == "anthropic"
    assert with_model("command", {"model": "haiku"}, Settings()) == {"model": "haiku"}
    with pytest.raises(SpecError, match=r"worker\.model"):
        with_model("chat", {"model": "nobody"}, Settings())


def test_prices_come_from_the_settings_first_and_are_unknown_for_the_unknown() -> None:
    mine = {"gpt-4o": Price(input=1.0, output=2.0)}

    assert price_of("gpt-4o", mine) == mine["gpt-4o"]
    assert price_of("no-such-model-anywhere", mine) is None
    assert cost_usd(mine["gpt-4o"], input_tokens=2_000_000, output_tokens=500_000) == 3.0
