"""Which server Prefect is told to use, and what is wrong with that, read without importing Prefect."""

from __future__ import annotations

import http.client
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ptx_prefect.errors import RunError


@dataclass(frozen=True, slots=True)
class Profile:
    """What environment and profile say. ``trouble`` is what Prefect will stumble over, with what to do; else empty."""

    path: Path
    name: str = ""
    api_url: str = ""
    named_by: str = ""
    trouble: str = ""


def profile_of(env: Mapping[str, str]) -> Profile:
    """The profile in force, whether or not Prefect could load it."""
    home = Path(env.get("PREFECT_HOME") or "~/.prefect").expanduser()
    path = Path(env.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        data = {}
    except (OSError, ValueError) as error:
        advice = f"mend or move {str(path)!r}; Prefect makes a new one"
        return Profile(path, trouble=f"its profiles cannot be read ({error}): {advice}")
    profiles = data.get("profiles")
    profiles = profiles if isinstance(profiles, dict) else {}
    name = env.get("PREFECT_PROFILE") or str(data.get("active", ""))
    values = profiles.get(name)
    if name and name != "ephemeral" and not isinstance(values, dict):
        known = ", ".join(map(repr, profiles)) or "none"
        advice = f"`prefect profile use` one of {known}, or mend {str(path)!r}"
        return Profile(path, name, trouble=f"the active profile {name!r} does not exist: {advice}")
    in_profile = str((values or {}).get("PREFECT_API_URL", ""))
    api_url = env.get("PREFECT_API_URL") or in_profile
    named_by = "PREFECT_API_URL" if env.get("PREFECT_API_URL") else f"the profile {name!r} in {str(path)!r}"
    return Profile(path, name, api_url, named_by if api_url else "", _trouble_of(api_url, named_by))


def _trouble_of(api_url: str, named_by: str) -> str:
    if not api_url or answers(api_url):
        return ""
    advice = "start it, or name another (`prefect config set PREFECT_API_URL=...`); unset, ptx starts one itself"
    return f"no Prefect server answers at {api_url} (named by {named_by}): {advice}"


def answers(api_url: str) -> bool:
    """Whether a Prefect server is there; a refusal for want of a key is an answer, somebody else's page is none."""
    try:
        with urllib.request.urlopen(f"{api_url.rstrip('/')}/health", timeout=5) as response:
            return bool(response.read(64).strip() == b"true")
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (OSError, ValueError, http.client.HTTPException):
        return False


def check_profile(env: Mapping[str, str]) -> None:
    """Return if Prefect can work with what it is told.

    Raises:
        RunError: what is wrong and what to do, instead of a traceback out of Prefect.
    """
    found = profile_of(env)
    if found.trouble:
        raise RunError(f"Prefect cannot start: {found.trouble}. `ptx doctor` shows the rest")
