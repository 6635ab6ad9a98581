"""Live progress on a terminal, plain lines elsewhere; and the last words of a run."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ptx_prefect.run.outcomes import Cancelled, Done, Skipped
from ptx_prefect.run.records import Event

_SHOWN = 12
_WORDS = {Done: ("done", "green"), Skipped: ("skipped", "yellow"), Cancelled: ("stopped", "yellow")}


class Display:
    """An observer that shows a run on standard error. A terminal gets a live table, anything else one line an event."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._live: Live | None = None
        self._title = title
        self._began_s = time.monotonic()
        self._message = ""
        self._total = 0
        self._done = 0
        self._running: dict[str, float] = {}
        self._ended: list[Text] = []

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._view, console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the terminal back."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, message: str) -> None:
        """Show what is going on before the first section starts."""
        self._message = message
        if self._live is None:
            self._console.print(f"{self._clock()}  {message}", markup=False, soft_wrap=True)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._count(event)
        line = self._line(event)
        if line is None:
            return
        if self._live is not None:
            self._live.console.print(line)
        else:
            # Whoever reads a pipe or a log wants one line an event, however wide.
            self._console.print(line, soft_wrap=True)

    def _count(self, event: Event) -> None:
        match event.kind:
            case "run_started":
                self._total, self._message = int(event.detail.split()[0]), ""
            case "section_started":
                self._running[event.section] = time.monotonic()
            case "section_retry":
                self._running.pop(event.section, None)
            case "section_finished" | "section_reused":
                self._running.pop(event.section, None)
                self._done += 1
            case _:
                pass

    def _line(self, event: Event) -> Text | None:
        text = Text(f"{self._clock()}  ", style="dim")
        match event.kind:
            case "section_reused":
                return text.append("reused  ", style="cyan").append(event.section, style="default")
            case "section_finished":
                found = (words for kind, words in _WORDS.items() if isinstance(event.outcome, kind))
                word, style = next(found, ("FAILED", "bold red"))
                text.append(f"{word:8}", style=style).append(event.section, style="default")
                is_done = isinstance(event.outcome, Done)
                return text if is_done else text.append(f": {event.detail}", style="default")
            case "section_retry":
                return text.append("again   ", style="yellow").append(
                    f"{event.section}: {event.detail}", style="default"
                )
            case "pool_changed" | "note":
                about = f"{event.section}: {event.detail}" if event.section else event.detail
                return text.append("note    ", style="dim").append(about)
            case _:
                return None

    def _view(self) -> Group:
        now_s = time.monotonic()
        head = Table.grid(padding=(0, 1))
        head.add_row(
            Text(self._title, style="bold"),
            ProgressBar(total=max(1, self._total), completed=self._done, width=30),
            Text(f"{self._done}/{self._total or '?'}"),
            Text(self._clock(), style="dim"),
            Text(self._message, style="dim"),
        )
        if not self._running:
            # An empty table counts as no line, but prints one: the display would creep down.
            return Group(head)
        rows = Table.grid(padding=(0, 1))
        for name, since_s in list(self._running.items())[:_SHOWN]:
            rows.add_row(Text("  ·", style="green"), Text(name), Text(f"{now_s - since_s:.0f}s", style="dim"))
        return Group(head, rows)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._began_s:6.1f}s"


def _decision_lines(decision: Mapping[str, Any]) -> list[str]:
    share = decision["agreement_share"]
    agreed = "" if share is None else f"  (agreement {share:.0%})"
    lines = [f"  winner: {decision['winner']}{agreed}"]
    totals = decision["totals"]
    for place, name in enumerate(decision["ranking"], start=1):
        total = f"  {totals[name]:.2f}" if name in totals else ""
        out = "  (gated out)" if name in decision["gated_out"] else ""
        lines.append(f"  {place}. {name}{total}{out}")
    return lines


def result_text(report: Mapping[str, Any]) -> str:
    """The end of a run in a few lines: verdict, numbers, where things lie, what to do next."""
    summary, results, metrics = report["execution_summary"], report["results"], report["performance_metrics"]
    lines = [
        f"{report['task_id']}: {report['status']}",
        f"  {len(results['completed_sections'])} of {summary['total_subtasks']} sections, "
        f"{summary['reused_sections']} reused, in {summary['execution_time']}",
    ]
    if summary["speedup_factor"] is not None and summary["workers_used"]:
        lines.append(
            f"  speed-up {summary['speedup_factor']}x on {summary['workers_used']} workers, "
            f"busy {metrics['worker_utilization']:.0%} of the time, {summary['bound_ratio']}x the bound"
        )
    if results.get("decision"):
        lines += _decision_lines(results["decision"])
    tests = results.get("tests")
    if tests:
        counts = ", ".join(
            f"{tests[key]} {key}" for key in ("passed", "failed", "errors", "skipped", "xfailed") if tests.get(key)
        )
        lines.append(f"  tests: {counts}")
        lines += [f"  {key}: {tests[key]}" for key in ("junit", "coverage") if tests.get(key)]
    lines += [
        f"  {key}: {value}" for key, value in report["artifacts"].items() if key in ("report", "output", "rationale")
    ]
    lines += ["next:", *(f"  - {step}" for step in report["next_steps"])]
    here = f"{Path.cwd()}{os.sep}"
    return "\n".join(line.replace(here, "") for line in lines)
