"""`kill -9` while calls are under way: no answer that had arrived is asked for again, counted at the provider."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.think.conftest import model_at
from tests.fakes.provider import Answer, Call, Provider

ROOT = Path(__file__).parents[3]
SECTIONS = 6


@pytest.mark.slow
def test_a_second_run_repeats_no_paid_call(tmp_path: Path) -> None:
    is_second = False

    def script(call: Call) -> Answer:
        is_slow = any(f"Say {index}." in call.prompt for index in range(3, SECTIONS))
        return Answer("fine", delay_s=60 if is_slow and not is_second else 0)

    with Provider(script) as provider:
        worker = {"kind": "chat", "model": model_at(provider), "output": "text"}
        rows = [{"name": f"s{index}", "description": f"Say {index}."} for index in range(SECTIONS)]
        main = {"description": "d", "components": rows}
        spec = tmp_path / "spec.json"
        spec.write_text(json.dumps({"task_id": "t", "mode": "sectioning", "main_task": main, "worker": worker}))
        command = [sys.executable, "-m", "ptx_prefect", "run", str(spec), "--json"]
        env = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)}
        first = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and len(provider.answered) < 3:
            time.sleep(0.1)
        time.sleep(1)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        paid = [call.prompt for call in provider.answered]
        is_second = True
        second = subprocess.run(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, check=True, timeout=200)
        prompts = Counter(call.prompt for call in provider.calls)
    report = json.loads(second.stdout)

    assert len(paid) == 3 and [prompts[prompt] for prompt in paid] == [1, 1, 1]
    assert len(prompts) == SECTIONS and max(prompts.values()) == 2
    assert report["status"] == "success" and report["execution_summary"]["reused_sections"] == 3
