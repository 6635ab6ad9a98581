"""Whether the Prefect server fits this client, told in words before a run rather than by an odd answer within it."""

from __future__ import annotations

import prefect
from packaging.version import InvalidVersion, Version
from prefect.client.base import ServerType
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import get_current_settings

from ptx_prefect.errors import RunError

_FRESH = "or unset PREFECT_API_URL for a server that lives as long as the run"


def check_server() -> None:
    """See that a server that was named answers and speaks our language. Without a name Prefect starts one that does.

    Raises:
        RunError: it does not answer, is no Prefect server, or is of another major version.
    """
    url = get_current_settings().api.url
    if not url:
        return
    with get_client(sync_client=True) as client:
        if client.server_type is not ServerType.CLOUD:
            _check(url, client)


def notes_on_server() -> tuple[str, ...]:
    """What a report should say about the server's version; empty where it is as new as the client."""
    with get_client(sync_client=True) as client:
        if client.server_type is ServerType.CLOUD:
            return ()
        told = _version_of(client)
    if told is None or Version(told) >= Version(prefect.__version__):
        return ()
    return (f"the Prefect server ({told}) is older than this client ({prefect.__version__}): update the server first",)


def _check(url: str, client: SyncPrefectClient) -> None:
    try:
        told = _version_of(client)
    except Exception as error:
        raise RunError(
            f"the Prefect server at {url!r} does not answer ({type(error).__name__}: {error}); start it with"
            f" `prefect server start`, check PREFECT_API_URL, {_FRESH}"
        ) from error
    if told is None:
        raise RunError(
            f"what answers at {url!r} is no Prefect server; PREFECT_API_URL ends in /api; check it, {_FRESH}"
        )
    server, ours = Version(told), Version(prefect.__version__)
    if server.major != ours.major:
        raise RunError(
            f"the Prefect server at {url!r} is version {told}, this client is {prefect.__version__}, and they do not"
            f" understand each other: install prefect {server.major}.x here or update the server, {_FRESH}"
        )


def _version_of(client: SyncPrefectClient) -> str | None:
    told = client.api_version()
    try:
        return str(Version(told))
    except (InvalidVersion, TypeError):
        return None
