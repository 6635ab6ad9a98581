"""Voters' records: how often each voter's candidate was right, learnt over runs and used as an optional prior.

A record counts the votes in which a voter's candidate was in the winning behaviour group (or won) against those in
which it was not, smoothed as a Beta-Bernoulli posterior mean, so that a new voter starts at one half and few votes
move little. One small JSON file for each task family; several runs may write at once.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.vote.values import Decision

PRIOR_WINS, PRIOR_LOSSES = 2.0, 2.0
"""Weak: a voter needs about four votes before its own record outweighs the prior."""


@dataclass(frozen=True, slots=True)
class VoterRecord:
    """How often a voter was right (``wins``) and wrong (``losses``)."""

    wins: int = 0
    losses: int = 0

    @property
    def reliability(self) -> float:
        """The smoothed probability of being right: 0.5 without any vote."""
        return (self.wins + PRIOR_WINS) / (self.wins + self.losses + PRIOR_WINS + PRIOR_LOSSES)


def read_records(state_dir: Path, *, family: str = "default") -> dict[str, VoterRecord]:
    """The records by voter; empty if there are none, or if the file is damaged (they are a help, not a truth)."""
    try:
        data = json.loads(_file(state_dir, family).read_text(encoding="utf-8"))
        return {str(name): VoterRecord(int(row["wins"]), int(row["losses"])) for name, row in data.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def learn_records(state_dir: Path, results: Mapping[str, bool], *, family: str = "default") -> dict[str, VoterRecord]:
    """Add one vote (voter to whether it was right) and give the new records. Safe for several runs at once."""
    with _locked(state_dir, family):
        records = read_records(state_dir, family=family)
        for voter, was_right in results.items():
            old = records.get(voter, VoterRecord())
            records[voter] = VoterRecord(old.wins + was_right, old.losses + (not was_right))
        _write(_file(state_dir, family), records)
    return records


def results_of(decision: Decision, voters: Mapping[str, str | None]) -> dict[str, bool]:
    """What one vote says of each voter: right if its candidate is in the winning behaviour group.

    Args:
        voters: candidate to voter; a voter with several candidates is right if one of them is.

    Returns:
        Nothing where the vote tells nothing of correctness: candidates were neither gated nor compared.
    """
    kept = {one.candidate for one in decision.gate if one.kept}
    if not decision.groups and len(kept) == len(decision.gate):
        return {}
    if not decision.gate and len(decision.groups) < 2:
        return {}
    right = set(decision.groups[0]) if decision.groups else kept
    results: dict[str, bool] = {}
    for candidate, voter in voters.items():
        if voter is not None:
            results[voter] = results.get(voter, False) or candidate in right
    return results


def reliabilities(records: Mapping[str, VoterRecord], voters: Mapping[str, str | None]) -> dict[str, float]:
    """Each candidate's prior weight: its voter's reliability, 0.5 for one that has no voter or no record."""
    return {candidate: records.get(voter or "", VoterRecord()).reliability for candidate, voter in voters.items()}


def _file(state_dir: Path, family: str) -> Path:
    safe = re.sub(r"[^\w-]+", "_", family)[:80] or "default"
    return state_dir / "voters" / f"{safe}.json"


@contextmanager
def _locked(state_dir: Path, family: str) -> Iterator[None]:
    """Hold the family's lock file; the system drops it if we die."""
    path = _file(state_dir, family).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(path: Path, records: Mapping[str, VoterRecord]) -> None:
    data = {name: {"wins": one.wins, "losses": one.losses} for name, one in sorted(records.items())}
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
