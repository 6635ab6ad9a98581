"""Prefect blocks: credentials of model providers, and a storage that machines share finished results in.

    from ptx_prefect.blocks import ModelCredentials, ResultStore

    ModelCredentials(provider="anthropic", api_key="...").save("team")
    ResultStore(address="s3://bucket/ptx", options={"key": "...", "secret": "..."}).save("team")

Prefect finds this module through the entry point group ``prefect.collections`` and imports it in its server and
workers: it holds block classes, and imports nothing that Prefect has not loaded anyway.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

from prefect.blocks.core import Block
from prefect.filesystems import WritableFileSystem
from prefect.types import SecretDict
from pydantic import Field, SecretStr


class ModelCredentials(Block):
    """The key of a model provider, for `chat` workers and command-line agents.

    Name it in the settings (`"models": {"sonnet": {"credentials": "team"}}`), or set a variable of an agent to
    `{{ prefect.blocks.ptx-model-credentials.team.api_key }}`. The key is read when a section starts, on the machine
    where it runs, and stands in no report, key, artifact or log.
    """

    _block_type_name = "PTX Model Credentials"
    _block_type_slug = "ptx-model-credentials"
    _description = "The key of a model provider, for the thinking workers of ptx_prefect."
    _code_example = """```python
from ptx_prefect.blocks import ModelCredentials

ModelCredentials(provider="anthropic", api_key="...").save("team")
```"""

    provider: Literal["anthropic", "openai", "openai-responses"] = Field(
        default="anthropic", description="What the provider's server speaks; most compatible ones speak `openai`."
    )
    api_key: SecretStr = Field(description="The key.")
    base_url: str | None = Field(default=None, description="Another server that speaks the same; OpenAI's end in /v1.")


class ResultStore(WritableFileSystem):
    """A place that machines share finished results in, by content: what one has done no other does again.

    Name it in the settings (`"result_storage": "ptx-result-store/team"`). Whoever can write there can put results into
    your runs: keep it private.
    """

    _block_type_name = "PTX Result Store"
    _block_type_slug = "ptx-result-store"
    _description = "A place that machines share the finished sections of ptx_prefect in."
    _code_example = """```python
from ptx_prefect.blocks import ResultStore

ResultStore(address="s3://bucket/ptx", options={"key": "...", "secret": "..."}).save("team")
```"""

    address: str = Field(description="As fsspec understands it: s3://bucket/prefix, gs://..., file:///shared/ptx.")
    options: SecretDict = Field(
        default_factory=lambda: SecretDict({}),
        description="Arguments of the fsspec file system, such as key, secret and endpoint_url.",
    )

    async def read_path(self, path: str) -> bytes:
        """What lies under ``path``."""
        return self.read(path)

    async def write_path(self, path: str, content: bytes) -> None:
        """Keep ``content`` under ``path``."""
        self.write(path, content)

    def read(self, name: str) -> bytes:
        """As :meth:`read_path`, for callers that wait.

        Raises:
            OSError: there is nothing, or it cannot be reached.
        """
        system, root = self.opened()
        data: bytes = system.cat_file(f"{root}/{name}")
        return data

    def write(self, name: str, content: bytes) -> None:
        """As :meth:`write_path`, for callers that wait."""
        system, root = self.opened()
        place = f"{root}/{name}"
        system.makedirs(place.rpartition("/")[0], exist_ok=True)
        system.pipe_file(place, content)

    def opened(self) -> tuple[Any, str]:
        """The fsspec file system and the root in it.

        Raises:
            ImportError, ValueError: nothing that is installed can open the address.
        """
        fsspec: Any = import_module("fsspec")
        system, root = fsspec.core.url_to_fs(self.address, **self.options.get_secret_value())
        return system, root.rstrip("/")
