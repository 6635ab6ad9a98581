"""The report as a page in Prefect's UI: verdict, timeline, sections with links to their task runs, what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.engine.timeline import timeline_svg, timeline_text
from ptx_prefect.report import Report, SectionResult, markdown_table
from ptx_prefect.vote.picture import data_uri

MAX_SECTIONS = 300
MAX_REVIEW = 40
_MARKS = {"success": "✓", "skipped": "–", "cancelled": "–", "ejected": "⚠"}
_VERDICTS = {"success": "✓", "partial": "⚠", "cancelled": "–", "failed": "✗"}


def report_page(report: Report, task_runs: Mapping[str, str]) -> str:
    """Markdown for the artifact. ``task_runs`` maps a section to the id of the task run that did it last."""
    results = report.results
    parts = [
        f"# {_VERDICTS[report.status]} {cell(report.task_id)}: {report.status}",
        _summary(report),
        _timeline(report.performance_metrics.timeline),
        "## Sections\n\n" + _sections((*results.unfinished_sections, *results.completed_sections), task_runs),
        _pairs("Tests", results.tests, skip=("failures",)),
        _review(results.manual_review_required),
        _pairs("Review", results.review, skip=("answers",)),
        _checks(results.validation),
        _list("Next", report.next_steps),
        _list("Notes", report.notes),
        _decision(results.decision),
        _files(report.artifacts),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(report: Report) -> str:
    summary, metrics = report.execution_summary, report.performance_metrics
    speedup = "–" if summary.speedup_factor is None else f"{summary.speedup_factor}×"
    busy = "–" if metrics.worker_utilization is None else f"{metrics.worker_utilization:.0%}"
    header = ("sections", "reused", "time", "speed-up", "workers", "busy", "time over bound")
    done = f"{len(report.results.completed_sections)} of {summary.total_subtasks}"
    row = (done, summary.reused_sections, summary.execution_time, speedup, summary.workers_used, busy)
    return markdown_table(header, [(*row, summary.bound_ratio or "–")])


def _timeline(bars: Sequence[Mapping[str, Any]]) -> str:
    svg = timeline_svg(bars)
    if not svg:
        return ""
    text = timeline_text(bars).replace("`", "'")
    told = f"<details><summary>as text</summary>\n\n```text\n{text}\n```\n\n</details>"
    return f"## Timeline\n\n![who worked when]({data_uri(svg)})\n\n{told}"


def _sections(rows: Sequence[SectionResult], task_runs: Mapping[str, str]) -> str:
    cells = [
        (
            _linked(row.name, task_runs.get(row.name)),
            f"{_MARKS.get(row.status, '✗')} {row.status}{' (reused)' if row.reused else ''}",
            "" if row.seconds is None else f"{row.seconds:.1f}",
            row.attempts or "",
            cell(row.reason or "", limit=110),
        )
        for row in rows[:MAX_SECTIONS]
    ]
    shown = table(("section", "status", "seconds", "attempts", "why"), cells)
    rest = f"\n\n… and {len(rows) - MAX_SECTIONS} more; see report.json" if len(rows) > MAX_SECTIONS else ""
    return shown + rest


def _linked(name: str, task_run: str | None) -> str:
    # Relative: whichever address the reader has of the server, and whichever of its UIs.
    text = cell(name, limit=80).replace("[", "\\[").replace("]", "\\]")
    return f"[{text}](/runs/task-run/{task_run})" if task_run else text


def _review(rows: Sequence[Any]) -> str:
    if not rows:
        return ""
    lines = []
    for row in rows[:MAX_REVIEW]:
        if not isinstance(row, Mapping):
            lines.append(f"- {cell(row)}")
            continue
        who = ", ".join(map(str, row.get("sections", ())))
        where = f"**{cell(row.get('path', ''))}**, {cell(row.get('place', ''))}"
        lines.append(f"- {where} ({cell(row.get('class', ''))}; {cell(who)}): {cell(row.get('reason', ''), limit=400)}")
    more = [f"- … and {len(rows) - MAX_REVIEW} more; see report.json"] if len(rows) > MAX_REVIEW else []
    return "## For review\n\n" + "\n".join([*lines, *more])


def _checks(validation: Mapping[str, Any] | None) -> str:
    if not validation:
        return ""
    rows = [
        (cell(row["name"], limit=80), "✓" if row["passed"] else "✗", row["seconds"], cell(row["reason"], limit=110))
        for row in validation["checks"]
    ]
    return "## Checks of the merged tree\n\n" + table(("check", "", "seconds", "why"), rows) if rows else ""


def _pairs(heading: str, values: Mapping[str, Any] | None, *, skip: Sequence[str]) -> str:
    if not values:
        return ""
    rows = [(cell(name).replace("_", " "), cell(value)) for name, value in values.items() if name not in skip]
    return f"## {heading}\n\n" + table(("", "value"), rows)


def _decision(decision: Mapping[str, Any] | None) -> str:
    if not decision:
        return ""
    from ptx_prefect.vote.page import ARTIFACT_KEY

    winner = cell(decision["winner"] or "no winner")
    return f"## Decision\n\nWinner: **{winner}**. [Why: the rationale](/artifacts/key/{ARTIFACT_KEY})"


def _files(artifacts: Mapping[str, str]) -> str:
    place = artifacts.get("output")
    return f"Files: `{Path(place)}`" if place else ""


def _list(heading: str, items: Sequence[str]) -> str:
    lines = [f"- {cell(item, limit=600)}" for item in items]
    return f"## {heading}\n\n" + "\n".join(lines) if lines else ""


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """As :func:`markdown_table`, of cells that are escaped already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def cell(value: object, *, limit: int = 200) -> str:
    """One line that cannot break the page: workers choose their own names and messages."""
    text = " ".join(str(value).split())
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("](", "]\\(")
