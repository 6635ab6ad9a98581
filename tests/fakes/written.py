"""Answers that lie as files in ``tests/cases``: one directory a section."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.provider import Answer, Call, Script

CASES = Path(__file__).parents[1] / "cases"


def answer_from(folder: Path, summary: str) -> Answer:
    """A section's files as an answer."""
    rows = [
        {"path": path.relative_to(folder).as_posix(), "content": path.read_text(encoding="utf-8")}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return Answer(data={"summary": summary, "files": rows})


def written_answers(case: str) -> Script:
    """For each prompt the answer of the section that it is addressed to."""
    folders = {folder.name: folder for folder in sorted((CASES / case).iterdir())}

    def script(call: Call) -> Answer:
        heading = call.prompt.split("# Your part: ", 1)[1].splitlines()[0]
        return answer_from(folders[heading], f"The {heading} is done.")

    return script
