"""What a person sees of a run in Prefect: plan, progress, report. A view: what cannot be written is never fatal."""

from __future__ import annotations

import atexit
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import Any
from uuid import UUID

from prefect.artifacts import create_markdown_artifact, create_progress_artifact
from prefect.artifacts import update_progress_artifact as update_progress
from prefect.context import SyncClientContext

from ptx_prefect.engine.report_page import cell, report_page, table
from ptx_prefect.plan.draw import plan_svg
from ptx_prefect.plan.plan import Plan
from ptx_prefect.report import Report
from ptx_prefect.run.records import Event
from ptx_prefect.vote.picture import data_uri

logger = logging.getLogger("prefect.ptx")
MAX_ROWS = 500
MAX_DRAWN = 60
"""A picture of more sections than that cannot be read in a column of a page."""
MAX_MARKDOWN = 200_000
"""Prefect sets no limit of its own; a page of this many characters still opens quickly."""

CLOSE_S = 30.0
"""How long a run waits at its end for artifacts that are still to be written."""


def key_of_artifact(kind: str, task_id: str) -> str:
    """An artifact key: Prefect allows ``[a-z0-9-]`` only; the same key again is a new version."""
    slug = re.sub(r"[^a-z0-9]+", "-", task_id.lower()).strip("-")[:60].strip("-")
    return f"{kind}-{slug or 'task'}"


def plan_artifact(plan: Plan) -> None:
    """The plan as a picture and a table, one row a section."""
    about = (
        f"{len(plan.sections)} sections in {len(plan.waves)} waves; predicted {plan.predicted_makespan_s:.1f} s"
        f" on {plan.workers} workers (bound {plan.bound_s:.1f} s, sequential {plan.sequential_s:.1f} s)"
    )
    page = safely(_plan_page, plan, about) or about
    safely(create_markdown_artifact, key=key_of_artifact("plan", plan.task_id), markdown=page, description=about)


def _plan_page(plan: Plan, about: str) -> str:
    wave_of = {name: index for index, wave in enumerate(plan.waves, start=1) for name in wave}
    critical = set(plan.critical_path)
    rows = [
        (
            cell(section.name, limit=80),
            wave_of[section.name],
            section.worker,
            cell(", ".join(section.depends_on), limit=120),
            f"{section.estimate_s:.1f}",
            "●" if section.name in critical else "",
        )
        for section in plan.sections[:MAX_ROWS]
    ]
    parts = [
        f"# Plan of {cell(plan.task_id)}",
        about,
        f"![graph and predicted timeline]({data_uri(plan_svg(plan))})" if len(plan.sections) <= MAX_DRAWN else "",
        table(("section", "wave", "worker", "after", "estimate (s)", "critical path"), rows),
        f"… and {len(plan.sections) - MAX_ROWS} more" if len(plan.sections) > MAX_ROWS else "",
        "\n".join(f"- {cell(note, limit=400)}" for note in plan.notes),
    ]
    return "\n\n".join(part for part in parts if part)


def report_artifact(report: Report, task_runs: Mapping[str, str]) -> None:
    """The report as a page, with links to the task runs of its sections."""
    markdown = safely(report_page, report, task_runs) or f"# {report.task_id}: {report.status}"
    text = markdown if len(markdown) <= MAX_MARKDOWN else markdown[:MAX_MARKDOWN] + "\n\n… cut; see report.json"
    safely(
        create_markdown_artifact,
        key=key_of_artifact("report", report.task_id),
        markdown=text,
        description=f"{report.task_id}: {report.status}",
    )


def review_artifact(task_id: str, markdown: str, about: str) -> None:
    """What a person is to decide, as markdown."""
    text = markdown if len(markdown) <= MAX_MARKDOWN else markdown[:MAX_MARKDOWN] + "\n\n… cut"
    safely(create_markdown_artifact, key=key_of_artifact("review", task_id), markdown=text, description=about)


class Publisher:
    """Writes a run's artifacts in a thread of its own, in order: a request takes longer than starting a section.

    The thread has the context of the flow that made it, so that what it writes belongs to that flow run.
    """

    def __init__(self) -> None:
        self._todo: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=copy_context().run, args=(self._serve,), name="artifacts", daemon=True)
        self._thread.start()

    def put(self, write: Callable[[], object]) -> None:
        """Have ``write`` called when its turn comes; it must not raise."""
        self._todo.put(write)

    def close(self) -> None:
        """No more to come. What is left is written while the flow ends: see :func:`finish_artifacts`."""
        self._todo.put(None)
        _writing.append(self._thread)

    def _serve(self) -> None:
        with SyncClientContext():  # The flow's own client is closed when the flow ends.
            while (write := self._todo.get()) is not None:
                write()


_writing: list[threading.Thread] = []


def finish_artifacts() -> None:
    """Return when all artifacts are written, or when a server that does not answer has had :data:`CLOSE_S`."""
    limit = time.monotonic() + CLOSE_S
    while _writing:
        _writing.pop().join(max(0.0, limit - time.monotonic()))


atexit.register(finish_artifacts)  # Where a worker runs the flow, nobody else waits.


class ProgressArtifact:
    """One progress bar, updated in place, at most once in ``interval_s`` seconds: each update costs a request."""

    def __init__(self, publisher: Publisher, task_id: str, total: int, *, interval_s: float = 1.0) -> None:
        self._publisher = publisher
        self._task_id = task_id
        self._total = max(1, total)
        self._done = 0
        self._interval_s = interval_s
        self._last_s = time.monotonic()
        self._id: UUID | None = None
        publisher.put(self._create)

    def __call__(self, event: Event) -> None:
        """Count an event."""
        if event.kind not in ("section_finished", "section_reused"):
            return
        self._done += 1
        now_s = time.monotonic()
        if now_s - self._last_s >= self._interval_s or self._done >= self._total:
            self._last_s = now_s
            self._publisher.put(partial(self._update, self._done))

    def _create(self) -> None:
        self._id = safely(
            create_progress_artifact,
            progress=0.0,
            key=key_of_artifact("progress", self._task_id),
            description=self._about(0),
        )

    def _update(self, done: int) -> None:
        if self._id is not None:
            safely(update_progress, self._id, progress=100.0 * done / self._total, description=self._about(done))

    def _about(self, done: int) -> str:
        return f"{self._task_id}: {done} of {self._total} sections"


def safely(create: Any, *args: Any, **kwargs: Any) -> Any:
    """An artifact is a view: a server that is away must not take the run with it."""
    try:
        return create(*args, **kwargs)
    except Exception as error:
        logger.warning("an artifact was not written (%s): %s", kwargs.get("key", ""), error)
        return None
