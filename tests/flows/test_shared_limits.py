"""Limits that runs share through the server: what does not fit them, and servers that say nothing for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings

from ptx_prefect.engine import limits
from ptx_prefect.engine.limits import SharedLimits, limits_of
from ptx_prefect.errors import RunError, SpecError
from ptx_prefect.settings import Settings, SharedLimit


@pytest.fixture
def named() -> Iterator[str]:
    """A limit of two slots without decay."""
    name = "two"
    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=2))
        yield name
        client.delete_global_concurrency_limit_by_name(name)


def active(name: str) -> int:
    with get_client(sync_client=True) as client:
        return int(client.read_global_concurrency_limit_by_name(name).active_slots)


def test_limits_that_could_never_hold_are_told_together(named: str) -> None:
    wrong: list[dict[str, Any]] = [{"name": named, "rate": True}, {"name": named, "slots": 3}, {"name": named}]
    with pytest.raises(SpecError) as caught:
        limits_of(Settings.model_validate({"limits": wrong}))

    assert "has no slot decay, so it is no rate limit" in caught.value.mistakes["limits[0]"]
    assert "has 2 slots in all, a section wants 3: it could never start" in caught.value.mistakes["limits[1]"]
    assert set(caught.value.mistakes) == {"limits[0]", "limits[1]"}


def test_a_pool_without_a_queue_bounds_too() -> None:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="three", type="process", concurrency_limit=3))

    assert limits_of(Settings.model_validate({"work_queue": "three"})).most == 3
    assert limits_of(Settings()).most is None


def test_slots_are_taken_kept_and_given_back(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOK_AGAIN_S", 60.0)
    shared = SharedLimits([SharedLimit(name=named, slots=2, workers=("chat",))])

    assert shared.take("other", "command") is None and active(named) == 0
    assert shared.take("a", "chat") is None and active(named) == 2
    assert shared.take("b", "chat") == limits.LOOK_AGAIN_S
    assert 0 < (shared.take("b", "chat") or 0) < limits.LOOK_AGAIN_S, "the server is not asked again at once"
    monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + limits.LEASE_S / 2))
    shared.keep()
    shared.keep()
    shared.close()
    assert active(named) == 0


def test_a_rate_is_used_up_and_comes_back_by_itself() -> None:
    with get_client(sync_client=True) as client:
        made = GlobalConcurrencyLimitCreate(name="rate", limit=1, slot_decay_per_second=0.01)
        client.create_global_concurrency_limit(made)
    shared = SharedLimits([SharedLimit(name="rate", rate=True)])

    assert shared.take("a", "chat") is None
    assert shared.take("b", "chat") == limits.LOOK_AGAIN_S
    shared.close()


def test_a_server_that_says_nothing_is_waited_for_and_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOOK_AGAIN_S", 0.0)
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        shared = SharedLimits([SharedLimit(name="two")])

        assert shared.take("a", "chat") == 0.0
        assert shared.take("a", "chat") == 0.0
        monkeypatch.setattr(limits, "SILENT_S", -1.0)
        with pytest.raises(RunError, match=r"did not say for -1 s whether 'two' has room"):
            shared.take("a", "chat")
        shared.close()
