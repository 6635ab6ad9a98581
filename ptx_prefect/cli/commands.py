"""The commands of `ptx`. Exit codes: 0 done, 1 the run did not succeed, 2 wrong input, 130 stopped by Ctrl-C."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ptx_prefect import __version__
from ptx_prefect.cli.exit_codes import INTERRUPTED, NOT_DONE, OK, WRONG_INPUT
from ptx_prefect.cli.group import InSections
from ptx_prefect.cli.variables import with_variables
from ptx_prefect.errors import PlanError, PtxError, SpecError

if TYPE_CHECKING:
    from ptx_prefect.spec import TaskSpec

SPEC = click.argument("spec", type=click.Path(path_type=Path))
IMPACTED_BY = click.option("--impacted-by", metavar="REV", help="Only tests that changes since REV can reach.")


@click.group(
    cls=InSections,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the run did not succeed, 2 wrong input, 130 stopped by Ctrl-C.",
)
@click.version_option(__version__, prog_name="ptx")
def ptx() -> None:
    """Split one JSON task into sections and run them in parallel, or let rival approaches compete.

    Begin with `ptx init`, look with `ptx plan`, run with `ptx run`.
    """


_REFUSED = {
    "start new thread": "no more threads may be started: raise the limit on processes (`ulimit -u`)",
    "home directory": "this user has no home directory: set HOME to a directory that can be written to",
}
"""What Python raises as a bare RuntimeError where the machine refuses, and what to do."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code instead of leaving the process."""
    _open_what_is_closed()
    try:
        result = ptx.main(args=None if args is None else list(args), prog_name="ptx", standalone_mode=False)
    except click.exceptions.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return WRONG_INPUT
    except (SpecError, PlanError) as error:
        click.echo(f"ptx: {error}", err=True)
        return WRONG_INPUT
    except PtxError as error:
        click.echo(f"ptx: {error}", err=True)
        return NOT_DONE
    except KeyboardInterrupt:
        return INTERRUPTED
    except RuntimeError as error:
        told = next((told for words, told in _REFUSED.items() if words in str(error)), None)
        if told is None:
            raise
        click.echo(f"ptx: {told}", err=True)
        return NOT_DONE
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return result if isinstance(result, int) else OK


def _open_what_is_closed() -> None:
    """Started without standard input or outputs (``>&-``) the first files opened would get their numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - as above


@ptx.command(short_help="Run a task; what is finished is reused.")
@SPEC
@click.option("--fresh", is_flag=True, help="Run everything, whatever was finished before.")
@IMPACTED_BY
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print each event as one line of JSON as it happens.")
def run(spec: Path, fresh: bool, impacted_by: str | None, as_json: bool, as_jsonl: bool) -> int:
    """Run the task in the file SPEC. A second run of the same task reuses what is finished."""
    from ptx_prefect.cli.launch import launch
    from ptx_prefect.spec import read_spec

    task = _checked(_only_impacted(read_spec(spec, fill=with_variables), impacted_by), spec)
    if as_json and as_jsonl:
        raise SpecError({"--jsonl": "stands beside --json; keep one"}, "the command")
    return launch(task, fresh=fresh, as_json=as_json, command=f"ptx run {spec}", as_jsonl=as_jsonl)


@ptx.command(short_help="Show what would run, and what it would take.")
@SPEC
@click.option("--json", "form", flag_value="json", help="Print the plan as JSON.")
@click.option("--mermaid", "form", flag_value="mermaid", help="Print the graph for Mermaid.")
@click.option("--dot", "form", flag_value="dot", help="Print the graph for Graphviz.")
@click.option("--svg", "form", flag_value="svg", help="Print a picture of graph and predicted timeline.")
@IMPACTED_BY
@click.option("--fresh", is_flag=True, help="As `ptx run --fresh` would cut a suite: by all that is known by now.")
@click.option("--check", is_flag=True, help="Only say whether the task is right.")
def plan(spec: Path, form: str | None, impacted_by: str | None, fresh: bool, check: bool) -> int:
    """Show how the task in SPEC would be run, without running it."""
    from ptx_prefect.spec import SectioningSpec, read_spec

    task = _only_impacted(read_spec(spec, fill=with_variables), impacted_by)
    if check:
        _check_plan(_checked(task, spec), spec)
        click.echo(f"{spec}: a {task.mode} task without mistakes")
        return OK
    if not isinstance(task, SectioningSpec):
        from ptx_prefect.cli.ballot import show_prospect

        return show_prospect(task, form=form)
    from ptx_prefect.plan.draw import plan_dot, plan_mermaid, plan_svg
    from ptx_prefect.plan.show import plan_text, plan_to_json
    from ptx_prefect.settings import load_settings, state_dir
    from ptx_prefect.workers.bill import bill_of, bill_text, bill_to_json
    from ptx_prefect.workers.planner import plan_task

    settings = load_settings()
    try:
        task, made = plan_task(task, settings, state_dir=state_dir(), fresh=fresh)
    except SpecError as error:
        raise SpecError(error.mistakes, str(spec)) from error
    bill = bill_of(made, settings, task.budget)
    if form == "json":
        click.echo(json.dumps({**plan_to_json(made), "bill": bill and bill_to_json(bill)}, indent=2))
    elif form:
        click.echo({"mermaid": plan_mermaid, "dot": plan_dot, "svg": plan_svg}[form](made))
    else:
        click.echo(plan_text(made) + (f"\n{bill_text(bill)}" if bill else ""))
    return OK


def _checked(task: TaskSpec, source: Path) -> TaskSpec:
    """The task itself, if nothing is known that would stop it: before a server is started for nothing."""
    from ptx_prefect.preflight import check_task
    from ptx_prefect.settings import load_settings

    check_task(task, load_settings(), source=str(source))
    return task


def _check_plan(task: TaskSpec, source: Path) -> None:
    """What only a plan shows, where the task asks for it: that it gains nothing (`strict`), that sections overlap."""
    from ptx_prefect.plan.by_model import needs_components
    from ptx_prefect.settings import load_settings, state_dir
    from ptx_prefect.spec import SectioningSpec
    from ptx_prefect.workers.planner import plan_task

    if not isinstance(task, SectioningSpec) or not (task.strict or task.on_overlap == "refuse"):
        return
    if needs_components(task):  # A model would have to be asked first.
        return
    try:
        plan_task(task, load_settings(), state_dir=state_dir())
    except SpecError as error:
        raise SpecError(error.mistakes, str(source)) from error


def _only_impacted(task: TaskSpec, revision: str | None) -> TaskSpec:
    """The task with `suite.impacted_by` set from the command line."""
    from ptx_prefect.spec import SectioningSpec, Suite

    if revision is None:
        return task
    if not isinstance(task, SectioningSpec) or task.main_task.level != "test":
        raise SpecError({"--impacted-by": "is for tasks of level 'test'"}, "ptx")
    suite = (task.main_task.suite or Suite()).model_copy(update={"impacted_by": revision})
    return task.model_copy(update={"main_task": task.main_task.model_copy(update={"suite": suite})})


@ptx.command(short_help="Hold a vote: a task, or files with candidates.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--entry-point", help="The function that the candidate FILES define; without it FILES is one task.")
@click.option("--tests", type=click.Path(path_type=Path), help="A file with one assert a line: the gate.")
@click.option("--inputs", type=click.Path(path_type=Path), help="A file with one call a line, without expected values.")
@click.option("--aggregation", default="consensus", show_default=True, help="How the winner is chosen.")
@click.option("--fresh", is_flag=True, help="Let every voter write its candidate anew.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
def vote(
    files: tuple[Path, ...],
    entry_point: str | None,
    tests: Path | None,
    inputs: Path | None,
    aggregation: str,
    fresh: bool,
    as_json: bool,
) -> int:
    """Hold a vote: over the task in one JSON file, or between candidate programs (with --entry-point)."""
    from ptx_prefect.spec import VotingSpec, read_spec

    if entry_point is not None:
        from ptx_prefect.cli.ballot import decide_files

        return decide_files(
            files, entry_point=entry_point, tests=tests, inputs=inputs, aggregation=aggregation, as_json=as_json
        )
    if len(files) != 1:
        raise SpecError({"FILES": "give one task, or candidate programs with --entry-point"}, "ptx vote")
    from ptx_prefect.cli.launch import launch

    task = read_spec(files[0], fill=with_variables)
    if not isinstance(task, VotingSpec):
        raise SpecError({"mode": f"is {task.mode!r}; `ptx run` runs it"}, str(files[0]))
    _checked(task, files[0])
    return launch(task, fresh=fresh, as_json=as_json, command=f"ptx vote {files[0]}")


@ptx.command(short_help="Undo what a run published.")
@click.argument("run_id")
@click.option("--force", is_flag=True, help="Also where the output was changed since.")
def rollback(run_id: str, force: bool) -> int:
    """Undo what the run RUN_ID published (the report names it under results.published)."""
    from ptx_prefect.settings import state_dir
    from ptx_prefect.tree.publish import rollback as undo

    done = undo(run_id, state_dir=state_dir(), force=force)
    click.echo(f"{run_id}: rolled back {done.branch or done.where}")
    return OK


@ptx.command(short_help="Start a Prefect server that stays, with its UI.")
def up() -> int:
    """Start a Prefect server that stays, with its UI; `ptx run` uses it and starts much sooner."""
    from ptx_prefect.cli import server
    from ptx_prefect.settings import state_dir

    click.echo(f"Prefect runs at {server.up(state_dir())}; `ptx down` ends it")
    return OK


@ptx.command()
def down() -> int:
    """End the Prefect server that `ptx up` started."""
    from ptx_prefect.cli import server
    from ptx_prefect.settings import state_dir

    url = server.down(state_dir())
    click.echo(f"{url} has ended" if url else "no server of `ptx up` was running")
    return OK


@ptx.command(short_help="Merge changed copies of one tree.")
@click.argument("base", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("sides", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.option("--output", "-o", required=True, type=click.Path(path_type=Path), help="Directory for the merged tree.")
@click.option("--json", "as_json", is_flag=True, help="Print resolutions and conflicts as JSON.")
def merge(base: Path, sides: tuple[Path, ...], output: Path, as_json: bool) -> int:
    """Merge the trees SIDES, each a changed copy of BASE. Exit code 1 where something is left to review."""
    from ptx_prefect.cli.trees import merge_trees

    return merge_trees(base, sides, output, as_json=as_json)


@ptx.command("merge-file")
@click.argument("base", type=click.Path(path_type=Path))
@click.argument("ours", type=click.Path(path_type=Path))
@click.argument("theirs", type=click.Path(path_type=Path))
@click.option("--path", "path", required=True, help="The file's path in the repository; its name decides how to merge.")
@click.option("--marker-size", default=7, show_default=True, help="Length of conflict markers (git's %L).")
@click.option("--conflict-exit", default=1, hidden=True, help="Exit code for a conflict.")
def merge_file(base: Path, ours: Path, theirs: Path, path: str, marker_size: int, conflict_exit: int) -> int:
    """Git's merge driver: merge THEIRS into OURS. Exit code 0: clean; 1: OURS has conflict markers."""
    from ptx_prefect.merge import driver

    return driver.run(base, ours, theirs, path=path, marker_size=marker_size, conflict=conflict_exit)


@ptx.command("install-merge-driver")
@click.argument("repository", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--undo", is_flag=True, help="Remove it again.")
def install_merge_driver(repository: Path, undo: bool) -> int:
    """Let git merge the files of REPOSITORY through ptx."""
    from ptx_prefect.merge import driver

    if undo:
        driver.uninstall(repository)
    else:
        driver.install(repository)
    click.echo(f"{repository}: merge driver {'removed' if undo else 'installed'}")
    return OK


if __name__ == "__main__":
    sys.exit(main())
