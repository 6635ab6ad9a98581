"""A test command as one more test of the gate: it runs against each candidate, and its exit code is the verdict.

The candidate's program, after the task's prelude, lies in a directory of its own as ``candidate.py``, which is on
``PYTHONPATH``; ``{candidate}`` in the arguments becomes its path. The command runs where the task's paths start, with
a bare environment, a deadline, a memory limit and its whole process tree ended afterwards. It is no sandbox: a
candidate run by a command can read what the user can read, and the decision says so.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ptx_prefect.settings import state_dir
from ptx_prefect.vote.task import Compared, Laboratory, TestCommand
from ptx_prefect.vote.values import Candidate, GateResult, Timing
from ptx_prefect.workers.environment import environment_of
from ptx_prefect.workers.process import Order, run_process

_SAID_CHARS = 200


@dataclass(frozen=True, slots=True)
class CommandGate:
    """A laboratory whose gate also asks a command; in all else it is the one inside."""

    inside: Laboratory
    command: TestCommand
    prelude: str = ""

    def gate(self, candidates: Sequence[Candidate]) -> tuple[GateResult, ...]:
        """Those with the most tests passed stay, the command counting as one test."""
        rows = []
        for candidate, row in zip(candidates, self.inside.gate(candidates), strict=True):
            said = self._failure(candidate) if row.loads else "does not load"
            problem = row.problem or (f"the test command failed: {said}" if said else "")
            rows.append(replace(row, passed=(*row.passed, said is None), problem=problem))
        best = max((sum(row.passed) for row in rows if row.loads), default=0)
        return tuple(replace(row, kept=row.loads and sum(row.passed) == best) for row in rows)

    def compare(self, candidates: Sequence[Candidate]) -> Compared:
        """As the laboratory inside."""
        return self.inside.compare(candidates)

    def measure(self, candidates: Sequence[Candidate]) -> tuple[Timing, ...]:
        """As the laboratory inside."""
        return self.inside.measure(candidates)

    def remarks(self) -> tuple[str, ...]:
        """With the warning that the command is no sandbox."""
        told = "the test command ran the candidates with the user's own rights, under a deadline but in no sandbox"
        return (*self.inside.remarks(), told)

    def _failure(self, candidate: Candidate) -> str | None:
        """What the command said at its end if it did not end with 0; None if it did."""
        with tempfile.TemporaryDirectory(prefix="ptx-candidate-") as folder:
            file = Path(folder) / "candidate.py"
            file.write_text(f"{self.prelude}\n{candidate.source}", encoding="utf-8")
            added = {"PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "PTX_CANDIDATE": str(file)}
            order = Order(
                section=f"test of {candidate.name}",
                cwd=self.command.workdir.resolve(),
                env=environment_of((), added=added),
                log_path=Path(folder) / "log.txt",
                state_dir=state_dir(),
                deadline_s=self.command.deadline_s,
                argv=tuple(part.replace("{candidate}", str(file)) for part in self.command.argv),
                memory_limit_mb=self.command.memory_mb,
            )
            ended = run_process(order, beat=lambda _: None)
        if ended.by == "exit" and ended.exit_code == 0:
            return None
        how = f"exit code {ended.exit_code}" if ended.by == "exit" else f"ended by {ended.by}"
        return f"{how} {' '.join(ended.output.split())[-_SAID_CHARS:]}".strip()
