"""Prefect variables in the task of a command: the server is asked only where the task names one."""

from __future__ import annotations

import json
import os
from typing import Any


def with_variables(data: Any) -> Any:
    """The task with its ``{{ prefect.variables.x }}`` filled in.

    Raises:
        SpecError: variables that do not exist.
    """
    if "prefect.variables." not in json.dumps(data):
        return data
    from ptx_prefect.cli.profile import check_profile
    from ptx_prefect.cli.server import provide_server, wait_until_up
    from ptx_prefect.settings import state_dir

    check_profile(os.environ)
    wait_until_up(provide_server(state_dir()))
    from ptx_prefect.engine.references import with_variables as fill

    return fill(data)
