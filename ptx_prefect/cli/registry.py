"""Every command of `ptx`, loaded: the modules add theirs when they are imported."""

from __future__ import annotations

from ptx_prefect.cli import cache as _cache  # noqa: F401
from ptx_prefect.cli import completion as _completion  # noqa: F401
from ptx_prefect.cli import deploy as _deploy  # noqa: F401
from ptx_prefect.cli import doctor as _doctor  # noqa: F401
from ptx_prefect.cli import init as _init  # noqa: F401
from ptx_prefect.cli import review as _review  # noqa: F401
from ptx_prefect.cli import schema as _schema  # noqa: F401
from ptx_prefect.cli.commands import main

__all__ = ["main"]
