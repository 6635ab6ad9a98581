"""Files that a model wrote: checked first, then put into the workspace, all of them or none."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ptx_prefect.errors import TreeError
from ptx_prefect.tree.globs import matcher_of
from ptx_prefect.tree.paths import check_path


class WrittenFile(BaseModel):
    """One whole file."""

    model_config = ConfigDict(extra="forbid")
    path: str = Field(description="Relative to the project's root, with forward slashes.")
    content: str = Field(description="The whole content of the file.")


class FilesAnswer(BaseModel):
    """A section's work: whole files, and what the others need to know."""

    model_config = ConfigDict(extra="forbid")
    summary: str = Field(description="Two or three sentences: names, routes, types, ports that others need.")
    files: list[WrittenFile] = Field(description="Every file that is new or changed, whole.")
    delete: list[str] = Field(default_factory=list, description="Paths of files to remove.")


@dataclass(slots=True)
class Draft:
    """One section's answer in its workspace; another answer replaces it whole."""

    workdir: Path
    writes: tuple[str, ...]
    _before: dict[str, bytes | None] = field(default_factory=dict)

    def put(self, answer: FilesAnswer) -> tuple[str, ...]:
        """Write the files. Returns complaints instead, and changes nothing, where something is wrong with them."""
        complaints = mistakes_in(answer, self.writes)
        if complaints:
            return complaints
        self.take_back()
        try:
            for path in answer.delete:
                self._remember(path).unlink(missing_ok=True)
            for file in answer.files:
                place = self._remember(file.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.content.encode())
        except (OSError, TreeError) as error:
            self.take_back()
            return (f"cannot be written: {error}",)
        return ()

    def take_back(self) -> None:
        """Undo the last answer."""
        for path, content in self._before.items():
            place = self.workdir / path
            if content is None:
                place.unlink(missing_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        self._before.clear()

    def _remember(self, path: str) -> Path:
        place = self.workdir / path
        # A link in the workspace must not lead a write out of it.
        if place.is_symlink() or not place.parent.resolve().is_relative_to(self.workdir.resolve()):
            raise TreeError(f"{path!r} leads through a link; write a regular file")
        self._before.setdefault(path, place.read_bytes() if place.is_file() else None)
        return place


def mistakes_in(answer: FilesAnswer, writes: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with the files before anything is written, in words that the model can act on."""
    if not answer.files and not answer.delete:
        return ("the answer holds no files; send every file of your part, whole",)
    found = []
    may_write = matcher_of(writes) if writes else lambda path: True
    names = [file.path for file in answer.files]
    for path in (*names, *answer.delete):
        try:
            check_path(path)
        except TreeError as error:
            found.append(str(error))
            continue
        if not may_write(path):
            found.append(f"{path!r} is outside the paths you may write ({', '.join(writes)})")
    found += [f"{path!r} stands twice in the answer" for path in sorted({n for n in names if names.count(n) > 1})]
    found += [f"{file.path}: {text}" for file in answer.files if (text := syntax_error(file.path, file.content))]
    return tuple(found)


def syntax_error(path: str, content: str) -> str:
    """Why a file does not parse, with the line; empty where it does, or where we cannot tell."""
    if not content.strip():
        # Empty markers of packages are meant.
        return "" if Path(path).name in ("__init__.py", ".gitkeep", "py.typed") else "is empty"
    try:
        match Path(path).suffix:
            case ".py":
                compile(content, path, "exec", dont_inherit=True)
            case ".json":
                json.loads(content)
            case ".toml":
                tomllib.loads(content)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except ValueError as error:
        return f"does not parse: {error}"
    return ""
