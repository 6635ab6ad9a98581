"""Small sections in one task run: results, retries and failures stay each section's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect import RunError, sectioning

STEPS = """
from pathlib import Path

def step(section, attempt, inputs):
    with Path("calls").open("a") as stream:
        stream.write(f"{section}\\n")
    if section == "s7" and attempt == 1:
        raise ValueError("once")
    if section == "s9":
        raise SyntaxError("never")
    return {"attempt": attempt, "before": inputs}
"""


def test_a_batch_keeps_results_retries_and_failures_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "steps.py").write_text(STEPS)
    monkeypatch.setenv("PTX_PREFECT_RETRY__INITIAL_DELAY", "0.01")
    worker = {"kind": "callable", "target": "steps:step", "in_process": True}
    rows: list[dict[str, Any]] = [{"name": f"s{index}", "estimate_seconds": 0.001} for index in range(60)]
    rows += [{"name": "last", "depends_on": ["s1", "s7"]}, {"name": "cut off", "depends_on": ["s9"]}]
    spec = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", "components": rows}}

    with pytest.raises(RunError) as caught:
        sectioning({**spec, "worker": worker, "parallelism_hint": 2})

    report: Any = caught.value.report
    done = {row["name"]: row for row in report["results"]["completed_sections"]}
    calls = (tmp_path / "calls").read_text().split()
    assert set(done) == {row["name"] for row in rows} - {"s9", "cut off"}
    assert done["s7"]["attempts"] == 2 and done["s8"]["attempts"] == 1
    assert calls.count("s7") == 2 and calls.count("s8") == 1 and calls.index("last") > calls.index("s1")
    assert {row["name"]: row["status"] for row in report["results"]["unfinished_sections"]} == {
        "s9": "failed",
        "cut off": "skipped",
    }
    assert report["execution_summary"]["parallel_executions"] <= 2
    keys = [row["key"] for row in done.values()]
    assert len(set(keys)) == len(keys)
    events = [json.loads(line) for line in (tmp_path / "ptx-output" / "t" / "events.jsonl").read_text().splitlines()]
    assert sum(row["event"] == "section_retry" for row in events) == 1
