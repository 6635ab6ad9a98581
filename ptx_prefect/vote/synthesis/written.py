"""What a worker is told that writes a synthesis: the task, the best candidates, and what was measured on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ptx_prefect.vote.values import Candidate, Decision

WRITTEN_NAME = "written synthesis"
MAX_SHOWN = 4
"""Candidates shown to the worker: the best of the winning behaviour group, programs with one text once."""


def shown_to_writer(decision: Decision, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The candidates that a synthesis is made from, best first; none where the vote has no winner among them."""
    by_name = {candidate.name: candidate for candidate in candidates}
    group = decision.groups[0] if decision.groups else decision.ranking
    ranked = [by_name[name] for name in decision.ranking if name in group and name in by_name]
    different = {candidate.source: candidate for candidate in reversed(ranked)}
    return tuple(one for one in ranked if different[one.source] is one)[:MAX_SHOWN]


def why_not_written(decision: Decision, shown: Sequence[Candidate]) -> str:
    """Why no synthesis is asked for; empty where one is. It is asked before anything is spent."""
    opinions = sorted({score.criterion for score in decision.scores if score.source != "measured"})
    if opinions:
        return f"nobody would score it on {', '.join(opinions)}"
    return "" if shown else "there is no winner to start from"


def writer_task(
    description: str, entry_point: str, shown: Sequence[Candidate], decision: Decision, criteria: Sequence[str]
) -> str:
    """The whole text of the task. It holds no test: what the gate knows stays there."""
    scores: dict[str, list[str]] = {}
    for score in decision.scores:
        figure = "" if score.raw is None else f" ({score.raw:.3g} {score.unit})"
        scores.setdefault(score.candidate, []).append(f"{score.criterion} {score.value:.3g} of 10{figure}")
    seconds: Mapping[str, float] = {row.candidate: row.thread_s for row in decision.timings if not row.capped}
    parts = [
        description,
        "These programs solve the task and behave alike. Write one program that combines what is best in them: it must "
        "give the same answers on every input, and it is kept only if it measures better than each of them.",
    ]
    for candidate in shown:
        facts = scores.get(candidate.name, [])
        facts += [f"{seconds[candidate.name]:.3g} s for the benchmark"] if candidate.name in seconds else []
        heading = f"Candidate {candidate.name!r}" + (f": {', '.join(facts)}" if facts else "")
        parts.append(f"{heading}\n```python\n{candidate.source.rstrip()}\n```")
    if criteria:
        parts.append(f"Measured are: {', '.join(criteria)}.")
    parts.append(f"Answer with one Python program that defines {entry_point!r}, in one code block.")
    return "\n\n".join(parts)
