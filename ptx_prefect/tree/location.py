"""Where a task's base lies on this machine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ptx_prefect.errors import TreeError
from ptx_prefect.spec import Base


def place_of_base(base: Base | str) -> Path:
    """The directory of a base: its path, or where the named package is installed (which is not imported).

    Raises:
        TreeError: no such package.
    """
    if isinstance(base, str):
        return Path(base)
    if base.package is None:
        return Path(base.path)
    try:
        found = importlib.util.find_spec(base.package)
    except (ImportError, ValueError) as error:
        raise TreeError(f"base.package {base.package!r} cannot be found: {error}") from error
    places = list(found.submodule_search_locations or ()) if found else []
    if not places:
        raise TreeError(f"base.package {base.package!r} is no installed package; install it, or give a path")
    return Path(places[0])
