"""On a cluster's worker a flow run's context is opened once, and those of runs that are over are closed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from prefect import flow
from prefect.context import FlowRunContext

from ptx_prefect.engine import remote_context
from ptx_prefect.engine.remote_context import pack_context, run_task_there


def test_task_runs_belong_to_the_flow_run_and_few_contexts_stay_open() -> None:
    def one(packed: bytes) -> Any:
        return run_task_there(packed, uuid4(), {"title": "t {x}", "requests": "[]", "trees": {}}, {"requests": set()})

    @flow(persist_result=False)
    def around() -> tuple[Any, list[Any]]:
        packed = pack_context()
        # Whatever follows the end of a pickle is not read: other runs, as far as the process knows.
        runs = [packed + bytes(number) for number in range(6)]
        with ThreadPoolExecutor(4) as threads:
            states = list(threads.map(one, [run for run in runs for _ in range(3)]))
        states.append(one(packed))
        assert FlowRunContext.get() is not None
        return FlowRunContext.get().flow_run.id, [(s.type.value, s.state_details.flow_run_id, s.data) for s in states]

    flow_run_id, states = around()

    assert {(kind, run_id) for kind, run_id, _ in states} == {("COMPLETED", flow_run_id)}
    assert len(remote_context._opened) == remote_context.KEPT
    assert all(row.users == 0 for row in remote_context._opened.values())
