"""Where a run leaves what a person looks for: report, plan, events and each section's files."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ptx_prefect.errors import RunError
from ptx_prefect.report import Report, report_markdown
from ptx_prefect.run.records import Event, SectionRecord


def slug_of(text: str) -> str:
    """A directory name for any text: readable, safe on every file system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "task"


def open_output(task_id: str, wanted: str | None) -> Path:
    """The output directory of a task, made if need be.

    Raises:
        RunError: it cannot be made or written.
    """
    path = Path(wanted) if wanted else Path("ptx-output") / slug_of(task_id)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise RunError(
            f"cannot write to output_dir {str(path)!r} ({error.strerror}); set output_dir to another place"
        ) from error
    return path.resolve()


def copy_sections(records: Mapping[str, SectionRecord], output: Path) -> dict[str, str]:
    """Each section's log and files beside the report, so that they outlive the state directory. Section to place."""
    found: dict[str, str] = {}
    home = output / "sections"
    shutil.rmtree(home, ignore_errors=True)
    for name, record in records.items():
        if record.directory is None or not Path(record.directory).is_dir():
            continue
        place = _free_name(home, slug_of(name))
        shutil.copytree(record.directory, place, ignore=shutil.ignore_patterns("result.json", ".result*"))
        found[name] = str(place)
    return found


def write_report(report: Report, output: Path) -> Path:
    """``report.json`` and ``report.md``; the JSON appears in one step. Returns the JSON's path."""
    write_text(output / "report.md", report_markdown(report))
    return write_text(output / "report.json", report.model_dump_json(indent=2, by_alias=True) + "\n")


class EventLog:
    """``events.jsonl``: every event as one line, as it happens."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("w", encoding="utf-8", buffering=1)

    def __call__(self, event: Event) -> None:
        """Append an event."""
        if not self._stream.closed:
            self._stream.write(json.dumps(event_to_json(event)) + "\n")

    def close(self) -> None:
        """No more events."""
        self._stream.close()


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as one plain object; empty fields are left out."""
    row = {"event": event.kind, "at_s": round(event.at_s, 3), "section": event.section, "detail": event.detail}
    return {key: value for key, value in row.items() if value not in ("", None)}


def _free_name(home: Path, slug: str) -> Path:
    place, number = home / slug, 2
    while place.exists():
        place, number = home / f"{slug}-{number}", number + 1
    return place


def write_text(path: Path, text: str) -> Path:
    """The file appears whole or not at all. Half a surrogate pair, which JSON can hold, is written as an escape."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as stream:
        stream.write(text)
    Path(stream.name).chmod(0o644)
    os.replace(stream.name, path)  # noqa: PTH105 - names, not Paths
    return path
