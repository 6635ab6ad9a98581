"""Ten workers, thirty rounds, faults in between: each finds its own edits only, and nothing is written elsewhere."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.engine.workspaces import in_workspace, pin
from ptx_prefect.run.outcomes import Done, WorkerOutcome
from ptx_prefect.tree import Changeset
from ptx_prefect.workers.known import worker_for
from ptx_prefect.workers.protocol import Job
from tests.e2e.think.conftest import model_at
from tests.fakes.provider import Answer, Call, Fault, Provider

WORKERS, ROUNDS = 10, 30
FAULTS = (Fault.SERVER_ERROR, Fault.CUT, Fault.BAD_JSON)


def script(call: Call) -> Answer:
    name = call.prompt.split("Your name is ", 1)[1].split(".")[0]
    if call.number % 7 == 3:
        return Answer("x" * 200, fault=FAULTS[call.number % len(FAULTS)])
    if call.number % 11 == 5:
        return Answer(data={"summary": "", "files": [{"path": "../escaped.txt", "content": name}]})
    rows = [{"path": "shared.txt", "content": f"{name}\n"}, {"path": f"own/{name}.txt", "content": f"{name}\n"}]
    return Answer(data={"summary": name, "files": rows})


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.slow
def test_no_section_sees_or_writes_anothers_place(tmp_path: Path) -> None:
    base_dir = tmp_path / "base"
    base_dir.mkdir()
    (base_dir / "shared.txt").write_text("base\n")
    _, reference = pin(str(base_dir))
    before = fingerprint(base_dir)

    def work(provider: Provider, name: str) -> WorkerOutcome:
        def in_place(path: Path) -> Any:
            job = Job(
                section=name,
                description=f"Your name is {name}.",
                config={"model": model_at(provider), "repairs": 1},
                workdir=path,
                log_path=tmp_path / "logs" / f"{name}.log",
                state_dir=tmp_path / "state",
                deadline_s=60,
                writes=("shared.txt", "own/**"),
            )
            assert (path / "shared.txt").read_text() == "base\n" and not (path / "own").exists()
            return worker_for("chat").run(job, beat=lambda _: None)

        root = tmp_path / "workspaces"
        return in_workspace(reference, Changeset(), in_place, section=name, root=root, writes=("shared.txt", "own/**"))

    with Provider(script) as provider, ThreadPoolExecutor(WORKERS) as pool:
        names = [f"w{worker}r{number}" for number in range(ROUNDS) for worker in range(WORKERS)]
        outcomes = dict(zip(names, pool.map(lambda name: work(provider, name), names), strict=True))
    done = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, Done)}
    found = {
        name: {change.path: change.content for change in outcome.changeset.changes if outcome.changeset}
        for name, outcome in done.items()
        if outcome.changeset is not None
    }

    assert len(done) > 0.7 * WORKERS * ROUNDS and len(done) < WORKERS * ROUNDS
    assert found == {
        name: {f"own/{name}.txt": f"{name}\n".encode(), "shared.txt": f"{name}\n".encode()} for name in done
    }
    assert fingerprint(base_dir) == before
    assert list(tmp_path.rglob("escaped.txt")) == []
