"""Where a run leaves what a person looks for: report, plan, events and each section's files."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.engine.claims import Claims
from ptx_prefect.errors import RunError
from ptx_prefect.report import Report, report_markdown
from ptx_prefect.run.records import Event, SectionRecord
from ptx_prefect.spec import TaskSpec
from ptx_prefect.tree.location import output_place, slug_of
from ptx_prefect.tree.ours import check_output_directory, mark_output_directory


def open_output(spec: TaskSpec, claims: Claims) -> Path:
    """The output directory of a task, made and marked if need be; one beside it while another run writes there.

    Raises:
        TreeError: files that no run wrote lie there.
        RunError: it cannot be made or written.
    """
    first = output_place(spec)
    path, number = first, 1
    while not claims.take(hashlib.sha256(os.fsencode(path.resolve())).hexdigest()):
        number += 1
        path = first.with_name(f"{first.name}-{number}")
    check_output_directory(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        mark_output_directory(path)
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
    taken: set[str] = set()
    for name, record in records.items():
        if record.directory is not None and (left := _left_in(record.directory)):
            free = free_name(slug_of(name), taken)
            _copy(left, f"{home}/{free}")
            found[name] = f"{home}/{free}"
    return found


def _left_in(directory: str) -> list[os.DirEntry[str]]:
    """What a worker left, without what the store keeps for itself; nothing where there is no directory."""
    try:
        with os.scandir(directory) as entries:
            return [row for row in entries if row.name != "result.json" and not row.name.startswith(".result")]
    except FileNotFoundError:
        return []


def _copy(entries: Sequence[os.DirEntry[str]], target: str) -> None:
    """As ``shutil.copytree`` without times and modes, in a third of the time."""
    os.makedirs(target)  # noqa: PTH103 - thousands of them
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            _copy(_left_in(entry.path), f"{target}/{entry.name}")
        else:
            shutil.copyfile(entry.path, f"{target}/{entry.name}", follow_symlinks=False)


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


def free_name(slug: str, taken: set[str]) -> str:
    """``slug``, or with a number; names that differ in case only are one on some file systems."""
    name, number = slug, 2
    while name.lower() in taken:
        name, number = f"{slug}-{number}", number + 1
    taken.add(name.lower())
    return name


def write_text(path: Path, text: str) -> Path:
    """The file appears whole or not at all. Half a surrogate pair, which JSON can hold, is written as an escape."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as stream:
        stream.write(text)
    Path(stream.name).chmod(0o644)
    os.replace(stream.name, path)  # noqa: PTH105 - names, not Paths
    return path
