"""What a worker's `model` means."""

from __future__ import annotations

import pytest

from ptx_prefect.errors import SpecError
from ptx_prefect.run.models import model_of
from ptx_prefect.settings import ModelAlias, Settings


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
