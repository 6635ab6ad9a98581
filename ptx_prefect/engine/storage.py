"""Where finished results lie beside the state directory: any Prefect result storage, so that machines share them.

    "result_storage": "s3-bucket/my-block"           a Prefect block that stores files, by type and name
    "result_storage": "s3://bucket/prefix"           whatever fsspec can open (its own package has to be installed)

Whoever can write there can put results into your runs: keep it as private as the state directory.
"""

from __future__ import annotations

import inspect
import secrets
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

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
    return _Filesystem(reference) if "://" in reference else _Block(reference)


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
    """An address that fsspec understands."""

    def __init__(self, address: str) -> None:
        fsspec: Any = import_module("fsspec")
        try:
            self._system, path = fsspec.core.url_to_fs(address)
        except (ImportError, ValueError) as error:
            raise RunError(f"{address!r} cannot be opened: {error}") from error
        self._root = path.rstrip("/")

    def read(self, name: str) -> bytes | None:
        try:
            data: bytes = self._system.cat_file(f"{self._root}/{name}")
        except (OSError, ValueError):
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        place = f"{self._root}/{name}"
        self._system.makedirs(place.rpartition("/")[0], exist_ok=True)
        self._system.pipe_file(place, data)


class _Block:
    """A Prefect block with ``read_path`` and ``write_path``."""

    def __init__(self, reference: str) -> None:
        from prefect.blocks.core import Block
        from prefect.filesystems import WritableFileSystem

        try:
            load: Any = Block.load
            block = _waited(load(reference, _sync=True))
        except ValueError as error:
            raise RunError(f"the block {reference!r} cannot be loaded: {error}") from error
        if not isinstance(block, WritableFileSystem):
            raise RunError(f"the block {reference!r} ({type(block).__name__}) does not store files")
        self._block: Any = block

    def read(self, name: str) -> bytes | None:
        try:
            data: bytes = _waited(self._block.read_path(name))
        except Exception:  # Each kind of storage says in its own way that there is nothing.
            return None
        return data

    def write(self, name: str, data: bytes) -> None:
        _waited(self._block.write_path(name, content=data))


def _waited(value: Any) -> Any:
    """Some of Prefect's methods answer with a coroutine, depending on where they are called."""
    from prefect.utilities.asyncutils import run_coro_as_sync

    return run_coro_as_sync(value) if inspect.iscoroutine(value) else value
