"""A test suite as a run: what a person is told where something is missing or breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ptx_prefect import sectioning


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "suite"
    (place / "tests").mkdir(parents=True)
    monkeypatch.chdir(place)
    return place


def suite(**keys: Any) -> dict[str, Any]:
    main = {"description": "d", "level": "test", "suite": {"args": ["tests"], **keys}}
    return {"task_id": "t", "mode": "sectioning", "main_task": main, "parallelism_hint": 1}


def test_a_missing_coverage_result_is_a_note_and_loses_nothing(workdir: Path) -> None:
    (workdir / "tests" / "test_a.py").write_text("def test_one(): pass\n")

    report = sectioning(suite(coverage=True, source=["no_such_package"]))

    assert report["status"] == "success" and report["results"]["tests"]["passed"] == 1
    assert "coverage" not in report["results"]["tests"]
    assert any("no coverage result" in note and "no_such_package" in note for note in report["notes"])
