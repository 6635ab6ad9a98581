"""What stands in the way of a task, told before anything starts: wrong workers, missing files, paths that lead out.

Imports neither Prefect nor networkx: `ptx plan --check` answers at once, and `ptx run` before it starts a server.
"""

from __future__ import annotations

import ast
import contextlib
import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.errors import PtxError, SpecError, TreeError
from ptx_prefect.plan.assignment import FILES, NO_WORKER, config_of, worker_of
from ptx_prefect.plan.by_model import needs_components
from ptx_prefect.run.models import model_of, models_without_price
from ptx_prefect.settings import Settings, state_dir
from ptx_prefect.spec import (
    Base,
    Component,
    Output,
    SectioningSpec,
    SectioningTask,
    Suite,
    TaskSpec,
    VotingSpec,
    WorkerRef,
)
from ptx_prefect.tree.git import refusal_of, run_git
from ptx_prefect.tree.location import output_place, place_of_base
from ptx_prefect.tree.ours import check_output_directory
from ptx_prefect.tree.publish import check_target, target_of
from ptx_prefect.workers.environment import path_of_checks
from ptx_prefect.workers.known import objections, worker_for


def check_task(spec: TaskSpec, settings: Settings, *, source: str = "the task") -> None:
    """Return if nothing is known that would stop the task.

    Raises:
        SpecError: every mistake, by place.
    """
    workdir = Path(spec.workdir)
    if not workdir.is_dir():
        # What is missing in it would be told once more for each path.
        raise SpecError({"workdir": f"{spec.workdir!r} is not a directory; paths start there"}, source)
    found = _in_vote(spec, settings) if isinstance(spec, VotingSpec) else dict(_in_sectioning(spec, settings))
    if found:
        raise SpecError(found, source)


def _in_sectioning(spec: SectioningSpec, settings: Settings) -> Iterator[tuple[str, str]]:
    main = spec.main_task
    if not main.components and main.level is None and not _has_planner(spec, settings):
        yield "main_task", _NOTHING
    yield from _without_effect(main)
    tree = yield from _in_base(spec)
    if tree is not None and main.level in ("file", "module") and not (tree / (main.root or ".")).is_dir():
        yield "main_task.root", f"{main.root!r} is not a directory in {str(tree)!r}"
    if spec.base is not None and tree is not None:
        yield from _in_merged_output(spec, tree)
    yield from _in_output_dir(spec, tree if spec.base is not None else None)
    for index, argv in enumerate(spec.checks):
        # One with a slash may be part of the tree, made by a section.
        if os.sep not in argv[0] and shutil.which(argv[0], path=path_of_checks()) is None:
            yield f"validate[{index}]", f"there is no program {argv[0]!r}; install it or check PATH"
    yield from _in_paths(spec)
    yield from _in_workers(spec, settings)
    yield from models_without_price(_models_in(spec, settings), spec.budget, settings).items()
    if main.level == "test":
        yield from _in_suite(main.suite or Suite(), Path(spec.workdir))
    for index, step in enumerate(spec.after):
        blank = Component(name=step.name)
        reference = worker_of(step.worker) or worker_of(spec.worker) or worker_of(settings.default_worker)
        yield from _in_worker(f"after[{index}].worker", blank, reference, spec, settings)


_NOTHING = (
    "has nothing to do: write components, derive them (level), or let a model propose them"
    ' ("planner": {"kind": "chat", "model": "sonnet"})'
)


_FOR_LEVELS: Mapping[str, tuple[str, ...]] = {
    "root": ("file", "module"),
    "include": ("file", "module"),
    "exclude": ("file", "module"),
    "sections": ("module",),
    "cut_by_history": ("file", "module"),
}
"""Keys of a task that are read at these levels only."""


def _without_effect(main: SectioningTask) -> Iterator[tuple[str, str]]:
    """What is set and would be read by nobody."""
    here = f"at level {main.level!r}" if main.level else "beside components" if main.components else "without a level"
    for key, levels in _FOR_LEVELS.items():
        is_read = main.level in levels or (key == "root" and main.order == "references")
        if not is_read and getattr(main, key) != SectioningTask.model_fields[key].default:
            wanted = " or ".join(map(repr, levels))
            yield f"main_task.{key}", f"has no effect {here}: leave it out, or set level to {wanted}"
    if main.level == "test" and main.order == "references":
        yield "main_task.order", "has no effect at level 'test', whose sections wait for nothing: leave it out"


def _has_planner(spec: SectioningSpec, settings: Settings) -> bool:
    found = worker_of(spec.main_task.planner) or worker_of(spec.worker) or worker_of(settings.default_worker)
    return found is not None and found[0] == "chat"


def _in_base(spec: SectioningSpec) -> Generator[tuple[str, str], None, Path | None]:
    """The mistakes in `base`; returns the directory that sections work on, None where there is none."""
    if spec.base is None:
        return Path(spec.workdir)
    base = Base(path=spec.base) if isinstance(spec.base, str) else spec.base
    if base.package is not None and base.path != Base().path:
        yield "base", f"names the package {base.package!r} and the path {base.path!r}; the base is one of them"
        return None
    at = "base" if isinstance(spec.base, str) else "base.path"
    try:
        place = place_of_base(base, spec.workdir)
    except TreeError as error:
        yield "base.package", str(error)
        return None
    if not place.is_dir():
        what = "is a file" if place.exists() else "does not exist"
        yield at, f"{str(place)!r} {what}; name a directory, or a repository with a revision"
        return None
    if why := refusal_of(place):
        yield at, why
        return None
    if base.revision is not None:
        try:
            run_git(place, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{base.revision}^{{commit}}")
        except PtxError as error:
            text = str(error) if "install git" in str(error) else f"no commit {base.revision!r} in {str(place)!r}"
            yield "base.revision", f"{text}; name a branch, tag or commit of that repository"
            return None
    return place


def _in_merged_output(spec: SectioningSpec, tree: Path) -> Iterator[tuple[str, str]]:
    """What would stop the publishing, which comes when all work is done."""
    target = target_of(spec.merged_output, output_place(spec), spec.workdir)
    at = f"merged_output.{target.kind}" if isinstance(spec.merged_output, Output) else "merged_output"
    if target.kind != "branch":
        place, base = Path(target.name).resolve(), tree.resolve()
        if base == place or base.is_relative_to(place):
            told = f"{target.name!r} is or holds the base {str(tree)!r}; results go to a place of their own"
            yield at, f"{told}, or to a branch"
            return
    revision = spec.base.revision if isinstance(spec.base, Base) else None
    try:
        check_target(target, tree, revision=revision, state_dir=state_dir())
    except (TreeError, OSError) as error:
        yield at, str(error)


def _in_output_dir(spec: TaskSpec, tree: Path | None) -> Iterator[tuple[str, str]]:
    place = output_place(spec)
    try:
        if tree is not None and place.resolve() == tree.resolve():
            yield "output_dir", f"{str(place)!r} is the base itself; reports go to a directory of their own"
        else:
            with_base = isinstance(spec, SectioningSpec) and spec.base is not None
            check_output_directory(place, base=tree if with_base else None)
            nearest = next(folder for folder in (place, *place.absolute().parents) if folder.exists())
            if not os.access(nearest, os.W_OK | os.X_OK):
                yield "output_dir", f"nothing can be written in {str(nearest)!r}; set output_dir to another place"
    except (TreeError, OSError) as error:
        yield "output_dir", str(error)


def _in_paths(spec: SectioningSpec) -> Iterator[tuple[str, str]]:
    """Paths of sections that work on a tree stay in it; its repository's own files are nobody's."""
    if spec.base is None:
        return
    for index, row in enumerate(spec.main_task.components):
        for key in ("reads", "writes"):
            for position, path in enumerate(() if isinstance(row, str) else getattr(row, key)):
                problem = _path_problem(path)
                if problem:
                    yield f"main_task.components[{index}].{key}[{position}]", f"{path!r} {problem}"


def _path_problem(path: str) -> str | None:
    parts = path.split("/")
    if path.startswith(("/", "~")) or ".." in parts:
        return "leads out of the base; paths are relative to it, with '/' and without '..'"
    if any(part.lower() == ".git" for part in parts):
        return "reaches into the repository's own files; leave .git alone"
    return None


def _in_workers(spec: SectioningSpec, settings: Settings) -> Iterator[tuple[str, str]]:
    common = worker_of(spec.worker) or worker_of(settings.default_worker)
    at = "settings: default_worker" if spec.worker is None and common is not None else "worker"
    is_derived = spec.main_task.level in ("file", "module")
    if is_derived or (common is not None and not spec.main_task.components):
        yield from _in_worker(at, Component(name="section"), common, spec, settings)
    if common is not None:
        yield from _misplaced_files(at, common[1], is_derived=is_derived)
    told: set[tuple[str, str]] = set()
    for index, row in enumerate(spec.main_task.components):
        component = Component(name=row) if isinstance(row, str) else row
        place = f"main_task.components[{index}].worker" if component.worker is not None else at
        if component.worker is None and common is None:
            place = f"main_task.components[{index}]"
        found = worker_of(component.worker) or common
        if component.worker is not None and found is not None:
            yield from _misplaced_files(place, found[1], is_derived=False)
        for mistake in _in_worker(place, component, found, spec, settings):
            # What is wrong with the common worker is wrong for all sections: told once.
            if mistake not in told:
                told.add(mistake)
                yield mistake


def _misplaced_files(place: str, config: Mapping[str, Any], *, is_derived: bool) -> Iterator[tuple[str, str]]:
    """`{files}` where nothing would be put in its place, and the program would get these seven characters."""
    argv = config.get("argv")
    parts = [part for part in argv if isinstance(part, str) and FILES in part] if isinstance(argv, list | tuple) else []
    if parts and not is_derived:
        yield (
            f"{place}.argv",
            f"{FILES} stands for the files of derived sections; name the files, or set main_task.level",
        )
    elif inner := next((part for part in parts if part != FILES), None):
        shell = f'["sh", "-c", "fix \\"$@\\"", "sh", "{FILES}"]'
        yield f"{place}.argv", f"{FILES} is an argument of its own, found in {inner!r}; for a shell: {shell}"


def _models_in(spec: SectioningSpec, settings: Settings) -> Iterator[str]:
    """The models that its chats would call; a reference that means none is told elsewhere."""
    main, common = spec.main_task, worker_of(spec.worker) or worker_of(settings.default_worker)
    asked = [worker_of(getattr(row, "worker", None)) or common for row in (*main.components, *spec.after)]
    asked += [common] if main.level in ("file", "module") else []
    asked += [worker_of(main.planner) or common, common] if needs_components(spec) else []
    for kind, config in filter(None, asked):
        if kind == "chat":
            with contextlib.suppress(SpecError):
                yield model_of(config.get("model", settings.default_model), settings).model


def _in_suite(suite: Suite, workdir: Path) -> Iterator[tuple[str, str]]:
    """What the worker of all test sections objects to, at the suite's own keys."""
    config = {"coverage": suite.coverage, **({"python": suite.python} if suite.python is not None else {})}
    for key, text in worker_for("pytest").check(config, workdir=workdir).items():
        yield "main_task.suite" if key == "kind" else f"main_task.suite.{key}", text


def _in_worker(
    place: str,
    component: Component,
    reference: tuple[str, dict[str, Any]] | None,
    spec: TaskSpec,
    settings: Settings,
) -> Iterator[tuple[str, str]]:
    """What the worker itself objects to."""
    if reference is None:
        yield place, NO_WORKER.format(component.name)
        return
    kind, config = reference
    if not kind:
        yield f"{place}.kind", 'is required: which worker? for example {"kind": "command", "argv": ["make", "x"]}'
        return
    try:
        found = objections(kind, config_of(component, kind, config, settings), spec)
    except SpecError as error:
        found = {key.removeprefix("worker."): text for key, text in error.mistakes.items()}
    except PtxError as error:
        found = {"kind": str(error)}
    for key, text in found.items():
        yield f"{place}.{key}", text


def _in_vote(spec: VotingSpec, settings: Settings) -> dict[str, str]:
    from ptx_prefect.vote.mistakes import mistakes_in_vote
    from ptx_prefect.vote.prospect import mistakes_in_prices
    from ptx_prefect.vote.sandbox import why_not_here

    mistakes = mistakes_in_vote(spec, workdir=Path(spec.workdir), has_worker=settings.default_worker is not None)
    mistakes |= dict(_in_output_dir(spec, None)) | dict(_in_programs(spec))
    mistakes |= mistakes_in_prices(spec, settings)
    if spec.main_task.entry_point and (why := why_not_here()):
        mistakes["main_task.entry_point"] = why
    for place, reference in _workers_in_vote(spec):
        mistakes |= dict(_in_worker(place, Component(name=place), worker_of(reference), spec, settings))
    return mistakes


def _workers_in_vote(spec: VotingSpec) -> Iterator[tuple[str, WorkerRef]]:
    if spec.worker is not None:
        yield "worker", spec.worker
    for index, voter in enumerate(spec.voters):
        if not isinstance(voter, str) and voter.worker is not None:
            yield f"voters[{index}].worker", voter.worker
    for index, judge in enumerate(spec.judges):
        yield f"judges[{index}]", judge
    if spec.synthesis is not None:
        yield "synthesis", spec.synthesis


def _in_programs(spec: VotingSpec) -> Iterator[tuple[str, str]]:
    """Program text of the task itself that does not parse: no candidate could ever pass it."""
    main = spec.main_task
    texts: Sequence[tuple[str, str]] = [
        *((f"main_task.tests[{index}]", text) for index, text in enumerate(main.tests)),
        *((f"main_task.inputs[{index}]", text) for index, text in enumerate(main.inputs)),
        ("main_task.prelude", main.prelude),
        ("main_task.setup", main.setup),
        ("main_task.benchmark", main.benchmark or ""),
    ]
    for place, text in texts:
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f" in line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            yield place, f"is not Python{line}: {getattr(error, 'msg', None) or error}"
