"""`ptx serve`: the flows from this process, without a work pool. `ptx deploy`: onto one, by `prefect deploy`."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptx_prefect.cli.commands import ptx
from ptx_prefect.cli.exit_codes import OK
from ptx_prefect.errors import RunError, SpecError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

FLOWS = ("sectioning", "voting", "execute")


@ptx.command(short_help="Serve the flows from this process.")
@click.option("--limit", type=click.IntRange(min=1), default=4, show_default=True, help="Flow runs at the same time.")
@click.option("--name", help="Name of the three deployments. Default: as their flows.")
def serve(limit: int, name: str | None) -> int:
    """Serve sectioning, voting and execute from here: runs triggered in Prefect start in this directory."""
    import prefect

    _need_a_server()
    _refuse_names_on_pools({f"{flow}/{name or flow}" for flow in FLOWS})
    # Blocks until Ctrl-C or SIGTERM.
    prefect.serve(*(_deployment_of(flow, name or flow) for flow in FLOWS), limit=limit)
    return OK


@ptx.command(short_help="Deploy the flows to a work pool.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--pool", default="ptx", show_default=True, help="The work pool; a process pool is made where none is.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=".",
    help="Where runs start: config.json, relative paths and ptx-output are there. Default: here.",
)
def deploy(names: tuple[str, ...], pool: str, directory: Path) -> int:
    """Deploy sectioning, voting and execute (or only NAME...) onto a work pool, by `prefect deploy`."""
    from ptx_prefect.strict import nearest

    wanted = names or FLOWS
    wrong = {name: f"is no flow of ours; {nearest(name, FLOWS)}" for name in wanted if name not in FLOWS}
    if wrong:
        raise SpecError(wrong, "ptx deploy")
    _need_a_server()
    kind = _kind_of_pool(pool)
    text = _prefect_file(wanted, pool, str(directory.resolve()) if kind == "process" else None)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="ptx-deploy-", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        done = subprocess.run([*_PREFECT, "deploy", "--prefect-file", file.name, "--all"], check=False)
    if done.returncode:
        raise RunError(f"`prefect deploy` ended with {done.returncode}; what it said stands above")
    click.echo(
        f"deployed onto {pool!r}; start its worker where Prefect is installed: prefect worker start --pool {pool}"
    )
    return OK


_PREFECT = (sys.executable, "-m", "prefect", "--no-prompt")


def deployments() -> dict[str, Any]:
    """Our ``deployments/prefect.yaml``: in the wheel beside the package, in a checkout where it is kept."""
    import yaml  # type: ignore[import-untyped]  # no stubs among our dependencies

    package = Path(__file__).parents[1]
    for place in (package / "prefect.yaml", package.parent / "deployments" / "prefect.yaml"):
        if place.is_file():
            found: dict[str, Any] = yaml.safe_load(place.read_text(encoding="utf-8"))
            return found
    raise RunError("prefect.yaml is neither in the package nor in deployments/; install ptx-prefect again")


def _prefect_file(names: tuple[str, ...], pool: str, directory: str | None) -> str:
    """Ours with this work pool and this directory. JSON is YAML."""
    data = deployments()
    rows = [row for row in data["deployments"] if row["name"] in names]
    variables = {"job_variables": {"working_dir": directory}} if directory else {}
    place = {"name": pool, **variables}
    data = {**data, "deployments": [{**row, "work_pool": place} for row in rows]}
    data.pop("definitions", None)
    return json.dumps(data)


def _refuse_names_on_pools(names: set[str]) -> None:
    """Prefect would leave a deployment on its pool, and that pool's worker would take half of the runs.

    Raises:
        SpecError: which ones.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    taken = {}
    with get_client(sync_client=True) as client:
        for name in sorted(names):
            with contextlib.suppress(ObjectNotFound):
                pool = client.read_deployment_by_name(name).work_pool_name
                if pool:
                    taken[name] = (
                        f"is on the work pool {pool!r}, whose worker would take its runs; serve as --name here"
                    )
    if taken:
        raise SpecError(taken, "ptx serve")


def _deployment_of(flow_name: str, name: str) -> RunnerDeployment:
    """As prefect.yaml has it, with the module path as entrypoint: a run's process imports the installed package."""
    from prefect.types.entrypoint import EntrypointType

    import ptx_prefect

    row = next(row for row in deployments()["deployments"] if row["name"] == flow_name)
    flow: Any = getattr(ptx_prefect, flow_name)
    made: RunnerDeployment = flow.to_deployment(
        name=name,
        description=row["description"],
        tags=row["tags"],
        enforce_parameter_schema=row["enforce_parameter_schema"],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return made


def _need_a_server() -> None:
    """A deployment on a temporary server would be gone with it.

    Raises:
        RunError: no server is configured and `ptx up` has none.
    """
    import os

    from ptx_prefect.cli import server
    from ptx_prefect.cli.profile import check_profile
    from ptx_prefect.settings import state_dir

    if server.is_configured(os.environ, Path.cwd()):
        check_profile(os.environ)
        return
    url = server.kept_url(state_dir())
    if url is None:
        raise RunError("no Prefect server: set PREFECT_API_URL, or start one that stays with `ptx up`")
    os.environ["PREFECT_API_URL"] = f"{url}/api"


def _kind_of_pool(pool: str) -> str:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            return client.read_work_pool(pool).type
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
            click.echo(f"made the work pool {pool!r} (type process)")
            return "process"
