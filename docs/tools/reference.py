"""MkDocs hook: reference pages written from the code each time the docs are built, so that they cannot lie."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import click  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402

import ptx_prefect  # noqa: E402
from ptx_prefect import errors  # noqa: E402
from ptx_prefect.cli import main as _  # noqa: E402, F401 - registers all commands
from ptx_prefect.cli.commands import ptx  # noqa: E402
from ptx_prefect.cli.schema import KINDS, schema_text  # noqa: E402
from ptx_prefect.report import Report  # noqa: E402
from ptx_prefect.settings import Settings  # noqa: E402
from ptx_prefect.spec import SectioningSpec, VotingSpec  # noqa: E402


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to what MkDocs found."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Path below the docs to its text."""
    found = {
        "reference/task.md": task_page(),
        "reference/config.md": config_page(),
        "reference/report.md": report_page(),
        "reference/cli.md": cli_page(),
        "reference/errors.md": errors_page(),
        "reference/python.md": python_page(),
    }
    found["decisions/index.md"] = decisions_page()
    return found | {f"reference/{kind}.schema.json": schema_text(kind) for kind in KINDS}


def decisions_page() -> str:
    """The list of decisions, by their first lines."""
    rows = []
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        title = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        rows.append(f"- [{title}]({path.name})")
    return "# Decisions\n\nWhat we chose and why, one page each.\n\n" + "\n".join(rows) + "\n"


def task_page() -> str:
    """Every key of both modes."""
    head = (
        "# The task\n\nA task is one JSON file. `ptx plan --check FILE` says whether it is right, "
        "[task.schema.json](task.schema.json) lets editors complete it (`ptx schema > task.schema.json`, then "
        '`"$schema": "./task.schema.json"`). Unknown keys are refused with the nearest known one. Workers have a page '
        "of their own: [Workers](workers.md).\n"
    )
    return head + models_text([("mode: sectioning", SectioningSpec), ("mode: voting", VotingSpec)])


def config_page() -> str:
    """Every setting, with its environment variable."""
    head = (
        "# Settings\n\nIn force, first found: an argument, the environment (`PTX_PREFECT_CONFIG` names a file, "
        "`PTX_PREFECT_GROUP__KEY` sets one value), `config.json` where the run starts, the defaults below. State lies "
        "in `PTX_STATE_DIR`, else in the platform's state directory. Schema: [config.schema.json](config.schema.json)."
        "\n\n"
    )
    tail = "\n## The file with all defaults\n\n```json\n" + (ROOT / "config.json").read_text().strip() + "\n```\n"
    return head + models_text([("config.json", Settings)]) + tail


def report_page() -> str:
    """Every field of the report."""
    head = (
        "# The report\n\n`ptx run --json`, `report.json` in the output directory, and what the flows return. Schema: "
        "[report.schema.json](report.schema.json).\n"
    )
    return head + models_text([("report", Report)])


def models_text(roots: list[tuple[str, type[BaseModel]]]) -> str:
    """A table for each model, in the order in which they are met."""
    seen: dict[type[BaseModel], str] = {}
    queue = [(title, model) for title, model in roots]
    parts: list[str] = []
    while queue:
        title, model = queue.pop(0)
        if model in seen:
            continue
        seen[model] = title
        parts.append(f"\n## {title}\n\n{inspect.cleandoc(model.__doc__ or '')}\n\n{table_of(model)}\n")
        for name, field in model.model_fields.items():
            for inner in models_in(field.annotation):
                queue.append((field.alias or name, inner))
    return "".join(parts)


def table_of(model: type[BaseModel]) -> str:
    """Key, type, default, meaning."""
    rows = ["| key | takes | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        key = f"`{field.alias or name}`"
        meaning = field.description or next((inspect.getdoc(m) or "" for m in models_in(field.annotation)), "")
        cells = (key, takes(model, name), default_of(field), meaning.splitlines()[0] if meaning else "")
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def takes(model: type[BaseModel], name: str) -> str:
    """The type in words, from the JSON schema."""
    schema = model.model_json_schema(by_alias=False)
    return words(schema["properties"][name], schema)


def words(part: dict[str, Any], schema: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in part:
        return "object, see below"
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(words(one, schema) for one in part["anyOf"] if one.get("type") != "null"))
    kind = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true, false"}
    if part.get("type") == "array":
        return f"list of {words(part.get('items', {}), schema)}"
    if part.get("type") == "object":
        inner = part.get("additionalProperties")
        return f"object of {words(inner, schema)}" if isinstance(inner, dict) and inner else "object"
    text = kind.get(str(part.get("type")), "anything")
    low, high = part.get("minimum", part.get("exclusiveMinimum")), part.get("maximum")
    above = "above" if "exclusiveMinimum" in part else "from"
    if low is not None:
        text += f" {above} {low:g}"
    return text + (f" to {high:g}" if high is not None else "")


def default_of(field: Any) -> str:
    """The default as JSON; `required` where there is none."""
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory else field.default
    if value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    return "" if value is None else f"`{json.dumps(value, default=list)}`"


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from models_in(inner)


def cli_page() -> str:
    """The help of every command."""
    head = (
        "# The command line\n\n| exit code | meaning |\n| --- | --- |\n| 0 | done |\n| 1 | the run did not succeed, or "
        "something is left to review |\n| 2 | wrong input: every mistake with place and remedy |\n| 130 | stopped by "
        "Ctrl-C; what was finished is kept |\n\n"
        "Progress goes to standard error, results to standard output. `NO_COLOR` is respected, a pipe gets plain "
        "lines, `COLUMNS` sets the width. `ptx completion SHELL` completes commands and options.\n"
    )
    return head + "".join(_command_text(ptx, "ptx", click.Context(ptx, info_name="ptx")))


def _command_text(command: click.Command, name: str, ctx: click.Context) -> Iterator[str]:
    ctx.terminal_width = 100
    yield f"\n## {name}\n\n```text\n{command.get_help(ctx)}\n```\n"
    if isinstance(command, click.Group):
        for child in sorted(command.commands):
            inner = command.commands[child]
            yield from _command_text(inner, f"{name} {child}", click.Context(inner, info_name=child, parent=ctx))


def errors_page() -> str:
    """Every error class with the messages that the code can raise."""
    classes = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.PtxError)]
    parts = [
        "# Errors\n\nEvery error on purpose is a `PtxError`; it says what, where and what to do. On the command line "
        "wrong input (`SpecError`, `PlanError`) is exit code 2, everything else 1. The tables are read from the code; "
        "`…` stands for a value.\n"
    ]
    messages = raised_messages()
    for one in classes:
        first = inspect.cleandoc(one.__doc__ or "").splitlines()[0]
        parts.append(f"\n## {one.__name__}\n\n{first}\n")
        rows = [f"| {text} | `{place}` |" for text, place in sorted(messages.get(one.__name__, {}).items())]
        if rows:
            parts.append("\n| message | raised in |\n| --- | --- |\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def raised_messages() -> dict[str, dict[str, str]]:
    """Class name to message to module."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((ROOT / "ptx_prefect").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                for argument in node.exc.args[:1]:
                    for text in _texts(argument):
                        found.setdefault(node.exc.func.id, {})[text] = module
    return found


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            for place in _texts(key) if key is not None else ():
                yield from (f"{place}: {text}" for text in _texts(value))
    text = _message(node)
    if len(text.strip("… ")) > 8 and not isinstance(node, ast.Dict):
        yield text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("*", "\\*")
    elif isinstance(node, ast.Constant | ast.JoinedStr):
        yield text


def _message(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_message(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _message(node.left) + _message(node.right)
    return "…"


def python_page() -> str:
    """The public names with their documentation."""
    parts = ["# Python\n\nEverything public is imported from `ptx_prefect`; nothing else is promised to stay.\n"]
    for name in sorted(ptx_prefect.__all__):
        thing = getattr(ptx_prefect, name)
        target = getattr(thing, "fn", thing)
        signature = "" if inspect.isclass(thing) else str(inspect.signature(target)).replace("ptx_prefect.", "")
        parts.append(f"\n## {name}\n\n```text\n{name}{_plain(signature)}\n```\n\n{_doc(target)}\n")
    importlib.invalidate_caches()
    return "".join(parts)


def _plain(signature: str) -> str:
    return signature.replace("typing.", "").replace("'", "")


def _doc(thing: Any) -> str:
    """A docstring as Markdown: its sections become bold lines, their entries a list."""
    lines: list[str] = []
    in_section = False
    for line in (inspect.getdoc(thing) or "").splitlines():
        if line in ("Args:", "Returns:", "Raises:", "Yields:", "Attributes:"):
            lines += ["", f"**{line.rstrip(':')}**", ""]
            in_section = True
        elif in_section and line.startswith("    ") and not line.startswith("     "):
            lines.append(f"- {line.strip()}")
        else:
            in_section = in_section and (not line or line.startswith(" "))
            lines.append(line if not in_section else f"  {line.strip()}")
    return "\n".join(lines).replace(":func:", "")


if __name__ == "__main__":
    for path, text in pages().items():
        print(path, len(text))
