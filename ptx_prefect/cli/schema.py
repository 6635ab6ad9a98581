"""`ptx schema`: the JSON schemas of task, settings and report, for editors and other programs."""

from __future__ import annotations

import json
from typing import Any

import click

from ptx_prefect.cli.commands import ptx
from ptx_prefect.cli.exit_codes import OK

KINDS = ("task", "config", "report")


@ptx.command(short_help="Print a JSON schema, for editors.")
@click.argument("kind", type=click.Choice(KINDS), default="task")
def schema(kind: str) -> int:
    """Print the JSON schema of a task, of config.json, or of a report.

    Name the file in a task ("$schema": "task.schema.json") and editors complete its keys.
    """
    click.echo(schema_text(kind), nl=False)
    return OK


def schema_text(kind: str) -> str:
    """The schema as it is written to a file."""
    return json.dumps(schema_of(kind), indent=2, ensure_ascii=False) + "\n"


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON schema of a task, of the settings or of a report."""
    from pydantic import TypeAdapter

    from ptx_prefect.report import Report
    from ptx_prefect.settings import Settings
    from ptx_prefect.spec import SectioningSpec, VotingSpec
    from ptx_prefect.workers.known import KNOWN

    models: dict[str, Any] = {"task": SectioningSpec | VotingSpec, "config": Settings, "report": Report}
    found: dict[str, Any] = TypeAdapter(models[kind]).json_schema(by_alias=True)
    if kind == "config":
        found["properties"]["$schema"] = {"type": "string"}
    if kind == "task":
        _by_mode(found, sorted(KNOWN))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"ptx {kind}", **found}


def _by_mode(schema: dict[str, Any], workers: list[str]) -> None:
    """Branches told apart by `mode`, so that an editor completes the keys of the right one; workers by kind."""
    for name in ("SectioningSpec", "VotingSpec"):
        model = schema["$defs"][name]
        model["properties"] = {"$schema": {"type": "string"}, **model["properties"]}
        model["required"] = [*model["required"], "mode"]
    del schema["anyOf"]
    schema["type"] = "object"
    schema["properties"] = {"mode": {"enum": ["sectioning", "voting"]}}
    schema["required"] = ["mode"]
    schema["if"] = {"properties": {"mode": {"const": "voting"}}}
    schema["then"] = {"$ref": "#/$defs/VotingSpec"}
    schema["else"] = {"$ref": "#/$defs/SectioningSpec"}
    for definition in schema["$defs"].values():
        for key in ("worker", "planner", "synthesis"):
            for branch in definition.get("properties", {}).get(key, {}).get("anyOf", ()):
                _name_kinds(branch, workers)
    for branch in schema["$defs"]["VotingSpec"]["properties"]["judges"]["items"].get("anyOf", ()):
        _name_kinds(branch, workers)


def _name_kinds(branch: dict[str, Any], workers: list[str]) -> None:
    for part in branch.get("anyOf", (branch,)):
        if part.get("type") == "string":
            part["enum"] = workers
        elif part.get("type") == "object":
            part["properties"] = {"kind": {"enum": workers}}
            part["required"] = ["kind"]
