"""A schedule fires and its run completes; a paused deployment does not run."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.e2e.prefect_ui.served import ENDED, Served, task
from tests.e2e.programs import wait_for

pytestmark = pytest.mark.server

EVERY_S = 20


def scheduled(served: Served, name: str, *, paused: bool) -> str:
    """A deployment like `sectioning` with a schedule of its own. Returns its id."""
    like = served.deployment("sectioning/sectioning")
    body: dict[str, Any] = {
        "name": name,
        "flow_id": like["flow_id"],
        "entrypoint": like["entrypoint"],
        "parameter_openapi_schema": like["parameter_openapi_schema"],
        "enforce_parameter_schema": True,
        "work_pool_name": "ptx",
        "job_variables": like["job_variables"],
        "parameters": {"spec": task(name, "true")},
        "schedules": [{"active": True, "schedule": {"interval": EVERY_S}}],
        "paused": paused,
    }
    return str(served.post("/deployments/", body)["id"])


def test_a_schedule_fires_and_a_paused_deployment_does_not(deployed: Served) -> None:
    active, paused = scheduled(deployed, "often", paused=False), scheduled(deployed, "asleep", paused=True)
    try:

        def first_end() -> Any:
            ended = [run for run in deployed.runs_of(active) if run["state"]["type"] in ENDED]
            return ended[0] if ended else None

        run = wait_for("scheduled run", first_end, seconds=150)
        time.sleep(EVERY_S / 2)

        assert run["state"]["type"] == "COMPLETED", run["state"]["message"]
        assert run["auto_scheduled"] is True
        assert deployed.runs_of(paused) == []
    finally:
        for deployment in (active, paused):
            deployed.client.delete(f"/deployments/{deployment}")
