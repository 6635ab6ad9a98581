"""What a vote leaves for people: the rationale with its picture, every candidate, and the winner."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.engine.output import free_name, write_text
from ptx_prefect.tree.location import slug_of
from ptx_prefect.vote.page import rationale_page, rationale_picture
from ptx_prefect.vote.values import Candidate, Decision


@dataclass(frozen=True, slots=True)
class VoteFiles:
    """Where they lie: the winner (None where there is none), and each candidate by its name."""

    winner: str | None
    candidates: Mapping[str, str]
    artifacts: Mapping[str, str]


def write_vote_files(decision: Decision, candidates: Sequence[Candidate], output: Path, *, runs: bool) -> VoteFiles:
    """Write them all. Those of an earlier vote in the same place are gone.

    Args:
        candidates: those that gave an answer.
        runs: whether they are programs, or answers in words.
    """
    picture = rationale_picture(decision.rationale)
    if picture is not None:
        write_text(output / "rationale.svg", picture)
    write_text(output / "rationale.md", rationale_page(decision.rationale, picture="rationale.svg"))
    suffix = ".py" if runs else ".md"
    places = _written(candidates, output / "candidates", suffix)
    source = _source_of(decision, candidates)
    for old in (output / "winner.py", output / "winner.md"):
        old.unlink(missing_ok=True)
    winner = None if source is None else str(write_text(output / f"winner{suffix}", source))
    artifacts = {"output": str(output), "rationale": str(output / "rationale.md")}
    artifacts |= {"report": str(output / "report.json"), "report_markdown": str(output / "report.md")}
    if places:
        artifacts["candidates"] = str(output / "candidates")
    if winner is not None:
        artifacts["winner"] = winner
    return VoteFiles(winner, places, artifacts)


def _written(candidates: Sequence[Candidate], home: Path, suffix: str) -> dict[str, str]:
    shutil.rmtree(home, ignore_errors=True)
    if candidates:
        home.mkdir(parents=True)
    taken: set[str] = set()
    names = {one.name: free_name(slug_of(one.name), taken) for one in candidates}
    return {one.name: str(write_text(home / f"{names[one.name]}{suffix}", one.source)) for one in candidates}


def _source_of(decision: Decision, candidates: Sequence[Candidate]) -> str | None:
    """The winner's text; a synthesis stands in the rationale only."""
    for one in candidates:
        if one.name == decision.winner:
            return one.source
    for key in ("hybrid", "written_synthesis"):
        entry = decision.rationale.get(key)
        if isinstance(entry, Mapping) and entry.get("name") == decision.winner and isinstance(entry.get("source"), str):
            return str(entry["source"])
    return None
