"""Limits that several runs share, kept by the Prefect server: global concurrency limits and work queues.

    "limits": [{"name": "anthropic", "workers": ["chat"]}, {"name": "licence", "slots": 2}]

A section takes its slots before it is submitted; where none is free it is parked, holds no worker, and others go
first. Slots are leased: where a run dies they are free again when the lease ends.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound

from ptx_prefect.errors import RunError, SpecError
from ptx_prefect.settings import Settings, SharedLimit

LEASE_S = 120.0
"""Without a sign of life for so long, the server gives the slots of a run to others (its minimum is 60)."""
LOOK_AGAIN_S = 0.5
SILENT_S = 120.0
LOCKED = 423


@dataclass(slots=True)
class _Lease:
    id: UUID
    renewed_at_s: float


class SharedLimits:
    """The shared limits of one run; used by the flow's thread only.

    Args:
        limits: as the settings name them.
        most: how many sections may run at once at all; None: no bound.
        notes: for the report.
    """

    def __init__(
        self, limits: Sequence[SharedLimit] = (), *, most: int | None = None, notes: Sequence[str] = ()
    ) -> None:
        self._limits = tuple(limits)
        self.most, self.notes = most, tuple(notes)
        self._silent_since_s: float | None = None
        self._client: SyncPrefectClient | None = None
        self._leases: dict[str, list[_Lease]] = {}
        self._try_again_at_s: dict[tuple[str, ...], float] = {}

    def take(self, section: str, worker: str) -> float | None:
        """Take what a section of this kind of worker needs: None, or the seconds to wait before asking again."""
        wanted = [limit for limit in self._limits if not limit.workers or worker in limit.workers]
        if not wanted:
            return None
        names = tuple(limit.name for limit in wanted)
        now_s = time.monotonic()
        if now_s < self._try_again_at_s.get(names, 0.0):
            return self._try_again_at_s[names] - now_s
        for limit in wanted:
            answer = self._take(limit)
            if answer is None:
                self.give_back(section)
                self._try_again_at_s[names] = now_s + LOOK_AGAIN_S
                return LOOK_AGAIN_S
            self._leases.setdefault(section, []).extend(answer)
        return None

    def give_back(self, section: str) -> None:
        """The section has ended; its slots are free for anybody."""
        for lease in self._leases.pop(section, []):
            with contextlib.suppress(httpx.HTTPError):  # A server that is away frees them when the lease ends.
                self._ask().release_concurrency_slots_with_lease(lease.id)

    def keep(self) -> None:
        """Renew what would end soon; called often."""
        now_s = time.monotonic()
        for lease in [lease for leases in self._leases.values() for lease in leases]:
            if now_s - lease.renewed_at_s > LEASE_S / 3:
                with contextlib.suppress(httpx.HTTPError):
                    self._ask().renew_concurrency_lease(lease.id, LEASE_S)
                lease.renewed_at_s = now_s

    def close(self) -> None:
        """Give everything back."""
        for section in list(self._leases):
            self.give_back(section)
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None

    def _take(self, limit: SharedLimit) -> list[_Lease] | None:
        client = self._ask()
        try:
            if limit.rate:
                client.increment_concurrency_slots([limit.name], limit.slots, "rate_limit")
                self._silent_since_s = None
                return []
            answer = client.increment_concurrency_slots_with_lease([limit.name], limit.slots, "concurrency", LEASE_S)
        except httpx.HTTPError as error:
            self._look_at(error, limit.name)
            return None
        self._silent_since_s = None
        return [_Lease(UUID(answer.json()["lease_id"]), time.monotonic())]

    def _look_at(self, error: httpx.HTTPError, name: str) -> None:
        """A limit that is taken is normal; a server that does not answer is so for a while."""
        is_normal = isinstance(error, httpx.HTTPStatusError) and error.response.status_code == LOCKED
        now_s = time.monotonic()
        if is_normal:
            self._silent_since_s = None
        elif self._silent_since_s is None:
            self._silent_since_s = now_s
        elif now_s - self._silent_since_s > SILENT_S:
            raise RunError(
                f"the Prefect server did not say for {SILENT_S:g} s whether {name!r} has room: {error}"
            ) from error

    def _ask(self) -> SyncPrefectClient:
        if self._client is None:
            self._client = get_client(sync_client=True).__enter__()
        return self._client


def limits_of(settings: Settings) -> SharedLimits:
    """The shared limits that the settings name, after a look at the server whether they are there.

    Raises:
        SpecError: limits that do not exist, where they are ``strict``.
    """
    missing: dict[str, str] = {}
    bounds: list[int] = []
    if not settings.limits and settings.work_queue is None:
        return SharedLimits()
    with get_client(sync_client=True) as client:
        for index, limit in enumerate(settings.limits):
            mistake = _mistake_in(client, limit)
            if mistake:
                missing[f"limits[{index}]"] = mistake
        if settings.work_queue is not None:
            try:
                bounds = _bounds_of(client, settings.work_queue)
            except ObjectNotFound:
                told = (
                    f"there is no work queue {settings.work_queue!r}; name it as POOL/QUEUE (`prefect work-queue ls`)"
                )
                missing["work_queue"] = told
    if missing and settings.strict_limits:
        raise SpecError(missing, "settings")
    found = tuple(limit for index, limit in enumerate(settings.limits) if f"limits[{index}]" not in missing)
    notes = [f"{place}: {text}" for place, text in missing.items()]
    return SharedLimits(found, most=min(bounds, default=None), notes=notes)


def _mistake_in(client: SyncPrefectClient, limit: SharedLimit) -> str:
    try:
        found: Any = client.read_global_concurrency_limit_by_name(limit.name)
    except ObjectNotFound:
        return f"there is no limit {limit.name!r} on the server; `prefect gcl create {limit.name} --limit N`"
    if limit.rate and not found.slot_decay_per_second:
        return f"{limit.name!r} has no slot decay, so it is no rate limit; set one, or drop `rate`"
    if limit.slots > found.limit:
        return f"{limit.name!r} has {found.limit} slots in all, a section wants {limit.slots}: it could never start"
    return ""


def _bounds_of(client: SyncPrefectClient, queue: str) -> list[int]:
    """The limits of a work queue (POOL/QUEUE) and of its pool, where they have any."""
    pool, _, name = queue.partition("/")
    found = client.read_work_pool(pool)
    limits = [found.concurrency_limit]
    if name:
        # The synchronous client has no call for a queue.
        path: Any = "/work_pools/{work_pool_name}/queues/{name}"
        answer = client.request("GET", path, path_params={"work_pool_name": pool, "name": name})
        limits.append(answer.json()["concurrency_limit"])
    return [limit for limit in limits if limit is not None]
