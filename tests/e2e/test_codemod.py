"""A real codemod over a real package, file by file: one bad section is ejected, the rest lands as patches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(env: dict[str, str], output: Path) -> Any:
    spec = json.loads((ROOT / "examples" / "codemod.json").read_text())
    spec |= {"output_dir": str(output), "merged_output": {"patches": str(output / "patches")}}
    (output / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "ptx_prefect", "run", str(output / "spec.json"), "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, timeout=280, check=False)
    assert done.returncode == 1
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_bad_section_is_ejected_and_a_second_run_does_nothing(tmp_path: Path) -> None:
    env = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)}
    output = tmp_path / "output"
    output.mkdir()

    first = run(env, output)
    second = run(env, output)

    total = first["execution_summary"]["total_subtasks"]
    assert total > 200 and len(first["results"]["completed_sections"]) == total
    assert [row["section"] for row in first["results"]["validation"]["ejected"]] == ["careless rename"]
    assert len(list((output / "patches").glob("*.patch"))) > 50
    assert second["execution_summary"]["reused_sections"] == total
