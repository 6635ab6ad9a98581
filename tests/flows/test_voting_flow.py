"""The voting flow as a Python caller meets it: real candidates, really run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from ptx_prefect import SpecError, execute, voting
from ptx_prefect.errors import RunError

FAST = "def total(n):\n    return n * (n + 1) // 2\n"
SLOW = "def total(n):\n    found = 0\n    for i in range(n + 1):\n        found += i\n    return found\n"
WRONG = "def total(n):\n    return n * n // 2\n"


@pytest.fixture(autouse=True)
def _workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def task(*voters: Any, **main: Any) -> dict[str, Any]:
    main_task = {
        "description": "Sum the numbers up to n",
        "evaluation_criteria": ["performance"],
        "entry_point": "total",
        "tests": ["assert total(3) == 6"],
        "inputs": ["total(10)", "total(2000)", "total(0)"],
        **main,
    }
    return {"task_id": "sum", "mode": "voting", "main_task": main_task, "voters": list(voters)}


def test_the_measured_winner_is_reported_with_its_rationale_as_artifact() -> None:
    report = voting(
        task({"name": "slow", "source": SLOW}, {"name": "fast", "source": FAST}, {"name": "wrong", "source": WRONG})
    )

    decision = report["results"]["decision"]
    assert report["status"] == "success" and report["results"]["mode"] == "voting"
    assert decision["winner"] == "fast" and decision["gated_out"] == ["wrong"]
    assert Path(report["results"]["merged_output"]).read_text() == FAST
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["vote-rationale"])))
    assert any("Sum the numbers up to n" in str(row.data) and "fast" in str(row.data) for row in found)


def test_voters_that_write_their_candidate_run_like_sections_and_a_failed_one_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "writers.py").write_text(
        f"def fast(): return {FAST!r}\ndef slow(): return {SLOW!r}\ndef broken(): raise ValueError('no idea')\n"
    )

    def voter(name: str) -> dict[str, Any]:
        return {"name": name, "description": name, "worker": {"kind": "callable", "target": f"writers:{name}"}}

    report = execute(task(voter("fast"), voter("slow"), voter("broken")))

    assert report["results"]["decision"]["winner"] == "fast"
    assert [row["name"] for row in report["results"]["unfinished_sections"]] == ["broken"]
    assert any("'broken' was dropped" in note for note in report["notes"])
    assert report["results"]["decision"]["agreement_share"] == pytest.approx(2 / 3)

    with pytest.raises(RunError) as caught:
        execute({**task(voter("fast"), voter("broken")), "fail_fast": True})
    assert caught.value.report is not None
    assert "fail_fast" in str(caught.value) and caught.value.report["status"] == "failed"


def test_once_an_answer_leads_by_enough_no_further_voter_is_asked(tmp_path: Path) -> None:
    (tmp_path / "say.py").write_text("def paris(): return 'Paris'\n")
    voters = [
        {"name": str(n), "description": "say", "worker": {"kind": "callable", "target": "say:paris"}} for n in range(6)
    ]
    spec = task(*voters, entry_point=None, tests=[], inputs=[])
    report = voting({**spec, "aggregation": "consensus", "ahead_by": 2, "parallelism_hint": 2})

    assert {row["name"] for row in report["results"]["completed_sections"]} == {"0", "1"}
    assert any("2, 3, 4, 5: not asked" in note for note in report["notes"])


def test_with_a_hint_of_one_voters_are_asked_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "say.py").write_text(
        "import pathlib, time\n"
        "def paris(workdir):\n"
        "    with open(pathlib.Path(__file__).with_name('told'), 'a', buffering=1) as told:\n"
        "        told.write('begin\\n')\n"
        "        time.sleep(0.2)\n"
        "        told.write('end\\n')\n"
        "    return 'Paris'\n"
    )
    voters = [
        {"name": str(n), "description": f"say {n}", "worker": {"kind": "callable", "target": "say:paris"}}
        for n in range(3)
    ]
    spec = {**task(*voters, entry_point=None, tests=[], inputs=[]), "aggregation": "consensus", "parallelism_hint": 1}
    report = voting(spec)

    assert (tmp_path / "told").read_text().split() == ["begin", "end"] * 3
    assert len(report["results"]["completed_sections"]) == 3

    (tmp_path / "told").unlink()
    report = voting({**spec, "task_id": "led", "ahead_by": 1}, fresh=True)

    assert [row["name"] for row in report["results"]["completed_sections"]] == ["0"], "one answer leads by one"
    assert (tmp_path / "told").read_text().split() == ["begin", "end"]
    assert report["results"]["decision"]["agreement_share"] == 1.0


def test_judges_that_return_nonsense_lose_neither_the_vote_nor_the_report(tmp_path: Path) -> None:
    (tmp_path / "judge.py").write_text("def nonsense(): return 'I like it'\n")
    judge = {"kind": "callable", "target": "judge:nonsense"}
    spec = task({"name": "slow", "source": SLOW}, {"name": "fast", "source": FAST}, evaluation_criteria=["elegance"])
    report = voting({**spec, "judges": [judge]})

    assert report["results"]["decision"]["not_measured"] == ["elegance"]
    assert sum("does not count" in note for note in report["notes"]) == 2
    assert {path.name for path in Path(report["artifacts"]["candidates"]).iterdir()} == {"slow.py", "fast.py"}


def test_the_table_of_the_specification_gives_23_21_26_and_the_hybrid() -> None:
    rows = {"functional": (6, 9, 8), "imperative": (8, 6, 7), "hybrid": (10, 7, 9)}
    criteria = ["performance", "readability", "maintainability"]
    voters = [{"name": name, "scores": dict(zip(criteria, scores, strict=True))} for name, scores in rows.items()]
    spec = task(*voters, evaluation_criteria=criteria, entry_point=None, tests=[], inputs=[])

    decision = voting(spec)["results"]["decision"]

    # Totals of a weighted score are means over criteria of equal weight.
    count = len(criteria) if max(decision["totals"].values()) <= 10 else 1
    assert {name: round(total * count) for name, total in decision["totals"].items()} == {
        "functional": 23,
        "imperative": 21,
        "hybrid": 26,
    }
    assert decision["winner"] == "hybrid"


def test_mistakes_of_a_vote_are_told_together() -> None:
    with pytest.raises(SpecError) as caught:
        voting(task({"name": "a", "path": "missing.py"}, {"name": "b"}, evaluation_criteria=["beauty"]))

    text = str(caught.value)
    assert "missing.py" in text and "'b'" in text and "beauty" in text


def test_a_written_synthesis_is_held_to_the_same_gate_and_wins_only_by_measuring_better(tmp_path: Path) -> None:
    """The worker sees the best candidates and no test; what it writes is one more candidate."""
    (tmp_path / "writers.py").write_text(
        "import json\n"
        "def better(inputs, description):\n"
        "    open('seen.json', 'w').write(json.dumps([inputs, description]))\n"
        f"    return {FAST!r}\n"
        f"def wrong(): return {WRONG!r}\n"
        f"def broken(): raise ValueError('no idea')\n"
    )
    field = (
        {"name": "slow", "source": SLOW},
        {"name": "slower", "source": SLOW.replace("found += i", "found = i + found")},
    )

    def held(writer: str) -> tuple[dict[str, Any], dict[str, Any]]:
        worker = {"kind": "callable", "target": f"writers:{writer}", "path": ["."]}
        report = voting({**task(*field), "synthesis": worker})
        return report, report["results"]["decision"]

    report, decision = held("better")
    assert decision["winner"] == "written synthesis"
    assert Path(report["results"]["merged_output"]).read_text() == FAST
    assert decision["agreement_share"] == 1.0
    assert decision["rationale"]["written_synthesis"]["outcome"].endswith("and won")
    assert not any("total(3) == 6" in text for text in (tmp_path / "seen.json").read_text().splitlines())

    report, decision = held("wrong")
    assert decision["winner"] in ("slow", "slower")
    assert "fails the gate" in decision["rationale"]["written_synthesis"]["outcome"]

    report, decision = held("broken")
    assert decision["winner"] in ("slow", "slower")
    assert any("written synthesis was dropped" in note for note in report["notes"])


def test_a_synthesis_that_nobody_could_score_is_not_asked_for(tmp_path: Path) -> None:
    rows = [{"name": name, "source": source, "scores": {"taste": 5}} for name, source in (("a", FAST), ("b", SLOW))]
    worker = {"kind": "callable", "target": "writers:never", "path": ["."]}
    (tmp_path / "writers.py").write_text("def never(): raise SystemExit\n")
    report = voting({**task(*rows, evaluation_criteria=["taste", "performance"]), "synthesis": worker})

    assert any("no synthesis was asked for" in note for note in report["notes"])
