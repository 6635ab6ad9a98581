"""Where finished results lie beside the state directory: any Prefect result storage, so that machines share them.

    "result_storage": "s3-bucket/my-block"           a Prefect block that stores files, by type and name
    "result_storage": "s3://bucket/prefix"           whatever fsspec can open (its own package has to be installed)

Whoever can write there can put results into your runs: keep it as private as the state directory.
"""

from __future__ import annotations

import inspect
import secrets
from functools import lru_cache
from typing import Any, Protocol

from prefect.blocks.core import Block
from prefect.filesystems import WritableFileSystem
from prefect.utilities.asyncutils import run_coro_as_sync

from ptx_prefect.blocks import ResultStore
from ptx_prefect.errors import RunError, SpecError

PROBE = "ptx-probe"


class Storage(Protocol):
    """Pieces of data by name."""

    def read(self, name: str) -> bytes | None:
        """What was written under ``name``; None where nothing can be read."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Keep ``data`` under ``name``."""
        ...


@lru_cache(maxsize=8)
def open_storage(reference: str) -> Storage:
    """The storage behind a reference; kept, because loading a block asks the server.

    Raises:
        RunError: no such block, not one that stores files, or no package for this kind of address.
    """
    if "://" not in reference:
        return _from_block(reference)
    try:
        store = ResultStore(address=reference)
        store.opened()
    except (ImportError, ValueError) as error:
        raise RunError(f"{reference!r} cannot be opened: {error}") from error
    return _Filesystem(store)


def check_storage(reference: str) -> None:
    """Write and read a few bytes, so that a storage that does not work is found before anything is spent.

    Raises:
        SpecError: it does not, and why.
    """
    token = secrets.token_bytes(8)
    try:
        storage = open_storage(reference)
        storage.write(PROBE, token)
        back = storage.read(PROBE)
    except Exception as error:
        raise SpecError({"result_storage": f"{reference!r} cannot be used: {error}"}, "settings") from error
    if back is None:
        raise SpecError({"result_storage": f"{reference!r} takes data and does not give it back"}, "settings")


class _Filesystem:
    """An address that fsspec understands; also the block that holds one with its keys."""

    def __init__(self, store: ResultStore) -> None:
        self._store = store

    def read(self, name: str) -> bytes | None:
        try:
            return self._store.read(name)
        except (OSError, ValueError):
            return None

    def write(self, name: str, data: bytes) -> None:
        self._store.write(name, data)


class _Block:
    """A Prefect block with ``read_path`` and ``write_path``."""

    def __init__(self, block: Any) -> None:
        self._block = block

    def read(self, name: str) -> bytes | None:
        try:
            data: bytes = _waited(self._block.read_path(name))
        except Exception:  # Each kind of storage says in its own way that there is nothing.
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        _waited(self._block.write_path(name, content=data))


def _from_block(reference: str) -> Storage:
    load: Any = Block.load
    try:
        block = _waited(load(reference, _sync=True))
    except ValueError as error:
        raise RunError(f"the block {reference!r} cannot be loaded: {error}") from error
    if isinstance(block, ResultStore):
        return _Filesystem(block)
    if not isinstance(block, WritableFileSystem):
        raise RunError(f"the block {reference!r} ({type(block).__name__}) does not store files")
    return _Block(block)


def _waited(value: Any) -> Any:
    """Some of Prefect's methods answer with a coroutine, depending on where they are called."""
    return run_coro_as_sync(value) if inspect.iscoroutine(value) else value
