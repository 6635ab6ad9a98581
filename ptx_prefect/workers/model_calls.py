"""Model calls for threads: one private event loop, one pooled client for each server, no retries of their own.

Everything here needs the ``ai`` extra; it is imported when the first call is made.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ptx_prefect.run.limiter import Limiter
from ptx_prefect.run.models import Model

INSTALL = 'pip install "ptx-prefect[ai]"'


def is_installed() -> bool:
    """Whether the ``ai`` extra is there."""
    return all(find_spec(name) is not None for name in ("pydantic_ai", "openai", "anthropic"))


def give_key(name: str, key: str) -> None:
    """Hold a key in this process's memory, for models whose ``key_env`` is ``name``."""
    _given[name] = key


def key_of(model: Model) -> str | None:
    """The key, given or from the environment; None where it is wanted and not there."""
    return _given.get(model.key_env) or os.environ.get(model.key_env) or None if model.key_env else "none"


def without_key(text: str, model: Model) -> str:
    """``text`` with the key blacked out: providers like to quote it in their refusals."""
    key = key_of(model) or "" if model.key_env else ""
    return text.replace(key, f"[{model.key_env}]") if len(key) >= 6 else text


def limiter_of(model: Model) -> Limiter:
    """The limiter that all sections of this process share for this model's server."""
    with _lock:
        return _limiters.setdefault((model.provider.split("-")[0], model.base_url), Limiter())


def run_in_loop(section: str, call: Callable[[], Coroutine[Any, Any, Any]], *, limit_s: float) -> Any:
    """The result of a coroutine, awaited by this thread for at most ``limit_s`` seconds.

    Raises:
        TimeoutError: the limit passed; the coroutine is cancelled, its connection closed.
        CancelledCall: :func:`cancel_calls` ended it.
    """

    async def limited() -> Any:
        async with asyncio.timeout(limit_s):
            return await call()

    future = asyncio.run_coroutine_threadsafe(limited(), _loop())
    live = _Live(section, future)
    _live.add(live)
    try:
        return future.result()
    except concurrent.futures.CancelledError:
        raise CancelledCall(live.reason) from None
    finally:
        # Also where this thread was interrupted: a call that nobody waits for would still be paid.
        future.cancel()
        _live.discard(live)


class CancelledCall(Exception):  # noqa: N818  (it is no error: somebody asked for it)
    """A call was ended from outside."""


def cancel_calls(reason: str, *, section: str | None = None) -> int:
    """End every call of this process now (or one section's). Returns how many were told."""
    told = 0
    for live in list(_live):
        if section is None or live.section == section:
            live.reason = reason
            live.future.cancel()
            told += 1
    return told


def chat_model(model: Model) -> Any:
    """The pydantic-ai model, on the pooled client of its server. Call it inside the loop only."""
    if model.provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(model.model, provider=AnthropicProvider(anthropic_client=_client(model)))
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(openai_client=_client(model))
    maker = OpenAIChatModel if model.provider == "openai" else OpenAIResponsesModel
    return maker(model.model, provider=provider)


def _client(model: Model) -> Any:
    key = key_of(model)
    place = (model.provider.split("-")[0], model.base_url, key)
    if place not in _clients:
        # Retries are the scheduler's: two layers of them multiply, and hold a worker while they wait.
        if model.provider == "anthropic":
            from anthropic import AsyncAnthropic

            _clients[place] = AsyncAnthropic(api_key=key, base_url=model.base_url, max_retries=0)
        else:
            from openai import AsyncOpenAI

            _clients[place] = AsyncOpenAI(api_key=key, base_url=model.base_url, max_retries=0)
    return _clients[place]


def _loop() -> asyncio.AbstractEventLoop:
    global _running
    with _lock:
        if _running is None or _running.owner != os.getpid():
            # A forked child has no thread behind the loop it inherited, nor may it use its connections.
            _clients.clear()
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="ptx-model-calls", daemon=True).start()
            _running = _Running(loop, os.getpid())
        return _running.loop


@dataclass(frozen=True, slots=True)
class _Running:
    loop: asyncio.AbstractEventLoop
    owner: int


@dataclass(eq=False, slots=True)
class _Live:
    section: str
    future: concurrent.futures.Future[Any]
    reason: str = ""


_lock = threading.Lock()
_running: _Running | None = None
_clients: dict[tuple[str, str | None, str | None], Any] = {}
_limiters: dict[tuple[str, str | None], Limiter] = {}
_live: set[_Live] = set()
_given: dict[str, str] = {}
