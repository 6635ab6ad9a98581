"""The JSON task: what a user hands over, checked as a whole before anything runs."""

from __future__ import annotations

import graphlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from ptx_prefect.errors import SpecError
from ptx_prefect.reading import impossible_text, json_data, read_task_text
from ptx_prefect.strict import StrictModel, mistakes_of, nearest

WorkerRef = Annotated[
    str | dict[str, Any],
    Field(description='How the work gets done: a kind ("command") or an object with `kind` and that kind\'s keys.'),
]


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"takes a number, found {str(value).lower()}")
    return value


Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600), BeforeValidator(_no_truth_value)]
Workers = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_no_truth_value)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Argv = Annotated[tuple[str, ...], Field(min_length=1)]


def _directory_of_package(base: Any) -> Any:
    """``package:networkx`` as the directory of that package, which is found without importing it."""
    if not isinstance(base, str) or not base.startswith("package:"):
        return base
    name = base.removeprefix("package:").strip()
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        raise ValueError(f"{base!r} names no installed package; install it, or name a directory")
    return next(iter(found.submodule_search_locations))


class Component(StrictModel):
    """One section written out by hand."""

    name: Annotated[Name, Field(description="Unique; names the section in plan, log and report.")]
    description: Annotated[str, Field(description="What is to be done; a worker that thinks is told it.")] = ""
    depends_on: Annotated[tuple[str, ...], Field(description="Names of components that must be done first.")] = ()
    worker: Annotated[WorkerRef | None, Field(description="Worker of this section; default: the task's.")] = None
    reads: Annotated[tuple[str, ...], Field(description="Paths or globs that it reads.")] = ()
    writes: Annotated[
        tuple[str, ...],
        Field(
            description="Paths or globs that it may change. With a base others are refused; without, they give order."
        ),
    ] = ()
    checks: Annotated[
        tuple[Argv, ...],
        Field(description="Commands that the section's own result must pass; a model is told why not."),
    ] = ()
    timeout_seconds: Annotated[Seconds | None, Field(description="Deadline of this section (seconds).")] = None
    estimate_seconds: Annotated[Seconds | None, Field(description="How long it is expected to take (seconds).")] = None
    heartbeat_seconds: Annotated[
        float | None,
        Field(ge=0, description="Silent for this long (no output, CPU or beat) it is stuck; 0: never (seconds)."),
    ] = None


class Suite(StrictModel):
    """A pytest suite to be cut into sections."""

    args: Annotated[
        tuple[str, ...], Field(description='What to collect, as for pytest: ["tests"] or ["--pyargs", "x"].')
    ] = ()
    coverage: Annotated[bool, Field(description="Measure coverage and combine it.")] = False
    source: Annotated[tuple[str, ...], Field(description="Packages or directories whose coverage counts.")] = ()
    python: Annotated[str | None, Field(description="Interpreter of the suite; default: the one that runs ptx.")] = None
    preload: Annotated[
        tuple[str, ...], Field(description="Modules that every test imports anyway; imported once for all sections.")
    ] = ()
    impacted_by: Annotated[
        str | None, Field(description="Only the tests that the changes since this git revision can reach.")
    ] = None


class SectioningTask(StrictModel):
    """What is to be done in sections: written out (`components`) or derived (`level`)."""

    description: Annotated[str, Field(min_length=1, description="What is to be done, in a sentence.")]
    components: Annotated[tuple[Name | Component, ...], Field(description="The sections, in merge order.")] = ()
    level: Annotated[
        Literal["file", "module", "test"] | None, Field(description="Derive the sections: by file, module or test.")
    ] = None
    root: Annotated[str | None, Field(description="Directory that file and module level cut up.")] = None
    include: Annotated[tuple[str, ...], Field(description="Globs of the files to work on.")] = ("**/*.py",)
    exclude: Annotated[tuple[str, ...], Field(description="Globs of the files to leave alone.")] = ()
    order: Annotated[
        Literal["references", "none"] | None,
        Field(
            description="Whether a section waits for those whose files its own refer to; default: level `module` does."
        ),
    ] = None
    sections: Annotated[int | None, Field(ge=1, le=100, description="Most sections of level `module`.")] = None
    cut_by_history: Annotated[
        bool,
        Field(
            description="Let the times of earlier runs shape derived sections: small files share one, modules are"
            " balanced. Off, a later run finds the sections of the first, and so their results."
        ),
    ] = False
    suite: Annotated[Suite | None, Field(description="The suite of level `test`.")] = None
    planner: Annotated[
        WorkerRef | None, Field(description="A `chat` worker that proposes the sections of a bare description.")
    ] = None


class Base(StrictModel):
    """The tree that sections change: a directory, or a revision of a git repository."""

    path: Annotated[
        str, Field(description="A directory, or any place inside a git repository where a revision is given.")
    ] = "."
    package: Annotated[str | None, Field(description="An installed Python package, instead of a path.")] = None
    revision: Annotated[str | None, Field(description="A git revision; absent: the directory as it is.")] = None


class Output(StrictModel):
    """Where the merged tree goes, in one step: exactly one of the three."""

    directory: Annotated[str | None, Field(description="A directory that holds the whole merged tree.")] = None
    branch: Annotated[str | None, Field(description="A branch of the base repository, one commit a section.")] = None
    patches: Annotated[str | None, Field(description="A directory that gets one patch file a section.")] = None


class AfterStep(StrictModel):
    """Something done on the merged output: tests, an evaluator, documentation. Its verdict enters the report."""

    name: Annotated[Name, Field(description="Unique; names the verdict in the report.")]
    description: Annotated[str, Field(description="What is to be done or judged; a worker that thinks is told it.")] = (
        ""
    )
    worker: Annotated[WorkerRef | None, Field(description="Worker of this step; default: the task's.")] = None
    reads: Annotated[
        tuple[str, ...], Field(description="Paths or globs of the merged tree that a model is shown.")
    ] = ()
    required: Annotated[bool, Field(description="The run fails where this step does not pass.")] = True
    timeout_seconds: Annotated[Seconds | None, Field(description="Deadline of this step (seconds).")] = None


class Budget(StrictModel):
    """What the whole run may spend. Each call is reserved before it is made; what does not fit is not started."""

    tokens: Annotated[int | None, Field(gt=0, description="Input and output tokens together.")] = None
    usd: Annotated[float | None, Field(gt=0, description="US dollars.")] = None
    calls: Annotated[int | None, Field(gt=0, description="Model calls.")] = None
    wall_seconds: Annotated[Seconds | None, Field(description="After this, nothing is started (seconds).")] = None


class _Task(StrictModel):
    task_id: Annotated[str, Field(min_length=1, max_length=200, description="Names the run in reports and artifacts.")]
    parallelism_hint: Annotated[Workers | None, Field(description="How many sections may run at once.")] = None
    timeout_seconds: Annotated[Seconds | None, Field(description="Deadline of each section (seconds).")] = None
    worker: Annotated[WorkerRef | None, Field(description="Worker of the sections that name none.")] = None
    workdir: Annotated[str, Field(description="Where every relative path of the task starts, and commands run.")] = "."
    output_dir: Annotated[
        str | None,
        Field(description="A directory for reports alone; default `ptx-output/<task_id>` where the run starts."),
    ] = None
    budget: Annotated[Budget | None, Field(description="Limits of what model calls may spend in all.")] = None
    fail_fast: Annotated[bool, Field(description="Stop everything at the first failed section.")] = False


class SectioningSpec(_Task):
    """Split one task into sections, run them in parallel, merge and validate."""

    mode: Annotated[Literal["sectioning"], Field(description="Split the work into sections.")] = "sectioning"
    main_task: SectioningTask
    base: Annotated[
        Base | str | None,
        BeforeValidator(_directory_of_package),
        Field(
            description="Tree that the sections change, each in a private copy; `package:x` is where x is installed."
        ),
    ] = None
    merged_output: Annotated[
        Output | str | None, Field(description="Where the merged tree goes; a string is a directory.")
    ] = None
    checks: Annotated[
        tuple[Argv, ...],
        Field(
            alias="validate",
            description="Commands that the merged tree (or, without base, `workdir`) must pass; no shell.",
        ),
    ] = ()
    strict: Annotated[bool, Field(description="Refuse a task that gains nothing from running in parallel.")] = False
    after: Annotated[tuple[AfterStep, ...], Field(description="Steps on the merged output, in order.")] = ()
    review: Annotated[
        Literal["report", "pause"],
        Field(description="Conflicts go into the report; `pause`: the run waits for a person, also before publishing."),
    ] = "report"
    review_timeout_seconds: Annotated[
        Seconds, Field(description="How long `review: pause` waits; then nothing is published (seconds).")
    ] = 86400
    on_overlap: Annotated[
        Literal["sequence", "merge", "refuse"], Field(description="Two sections that would write the same file.")
    ] = "sequence"
    on_cycle: Annotated[
        Literal["merge", "error", "cut"] | None, Field(description="A cycle; default: error, or merge where derived.")
    ] = None


class Voter(StrictModel):
    """One approach: a worker that writes a candidate, or a candidate that is there already."""

    name: Annotated[Name, Field(description="Unique; one of the presets (functional, oop, haiku, ...) or any other.")]
    description: Annotated[str, Field(description="Its approach; a worker that thinks is told it.")] = ""
    worker: Annotated[WorkerRef | None, Field(description="What writes the candidate; default: the task's worker.")] = (
        None
    )
    source: Annotated[str | None, Field(description="The candidate's program text.")] = None
    path: Annotated[str | None, Field(description="A file that holds the candidate.")] = None
    callable: Annotated[str | None, Field(description='The candidate as "package.module:function".')] = None
    scores: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=10)]], Field(description="Given scores by criterion, 0 to 10.")
    ] = Field(default_factory=dict)
    timeout_seconds: Annotated[Seconds | None, Field(description="Deadline of this voter (seconds).")] = None


class VotingTask(StrictModel):
    """What the voters solve, and what decides between them."""

    description: Annotated[str, Field(min_length=1, description="What the candidates are to do.")]
    evaluation_criteria: Annotated[tuple[str, ...], Field(min_length=1, description="What counts.")] = ("performance",)
    entry_point: Annotated[str | None, Field(description="The function that every candidate defines.")] = None
    prelude: Annotated[str, Field(description="Program text put before every candidate.")] = ""
    tests: Annotated[tuple[str, ...], Field(description="Assert lines: the gate.")] = ()
    test_files: Annotated[tuple[str, ...], Field(description="pytest files run against each candidate: the gate.")] = ()
    test_command: Annotated[Argv | None, Field(description="A command run against each candidate: the gate.")] = None
    inputs: Annotated[tuple[str, ...], Field(description="Calls of the entry point, without expected values.")] = ()
    setup: Annotated[str, Field(description="Program text that prepares the benchmark; not timed.")] = ""
    benchmark: Annotated[str | None, Field(description="The statement that is timed; default: the inputs.")] = None
    call_seconds: Annotated[
        Seconds, Field(description="CPU time that a call may take; the benchmark may take 2.5 times as much (seconds).")
    ] = 1.0
    memory_mb: Annotated[int, Field(ge=64, description="Memory that a candidate may use (MB).")] = 1024


class VotingSpec(_Task):
    """Run rival approaches to one task, gate and measure them, pick or synthesise the winner."""

    mode: Annotated[Literal["voting"], Field(description="Let approaches compete.")] = "voting"
    main_task: VotingTask
    voters: Annotated[tuple[Name | Voter, ...], Field(min_length=1, description="The rival approaches.")]
    aggregation: Annotated[
        Literal["weighted_score", "consensus", "pareto", "borda", "approval"],
        Field(description="The rule that decides inside the winning behaviour group."),
    ] = "weighted_score"
    weights: Annotated[
        dict[str, Annotated[float, Field(ge=0)]], Field(description="Weight of each criterion; default: equal.")
    ] = Field(default_factory=dict)
    judges: Annotated[tuple[WorkerRef, ...], Field(description="Workers that return scores for a candidate.")] = ()
    quorum: Annotated[float | None, Field(gt=0, le=1, description="Share of voters that must agree.")] = None
    ahead_by: Annotated[
        int | None,
        Field(ge=1, description="Consensus in words: ask no further voters once an answer leads by so many voices."),
    ] = None
    hybrid: Annotated[bool, Field(description="Let a synthesis of the best parts compete too.")] = True
    synthesis: Annotated[
        WorkerRef | None, Field(description="Worker that writes one more candidate from the best ones.")
    ] = None
    use_records: Annotated[
        bool, Field(description="Let how often a voter was right before break ties between equals.")
    ] = False


TaskSpec = SectioningSpec | VotingSpec
_MODELS: Mapping[str, type[SectioningSpec] | type[VotingSpec]] = {"sectioning": SectioningSpec, "voting": VotingSpec}


def read_spec(path: Path | str, *, fill: Callable[[Any], Any] = lambda data: data) -> TaskSpec:
    """The task in a JSON file.

    Args:
        fill: puts values in the place of references, before anything is checked.

    Raises:
        SpecError: unreadable, not JSON, or wrong; every mistake at once.
    """
    return parse_spec(read_task_text(Path(path)), source=str(path), fill=fill)


def parse_spec(
    task: str | Mapping[str, Any] | TaskSpec,
    *,
    source: str = "the task",
    fill: Callable[[Any], Any] = lambda data: data,
) -> TaskSpec:
    """The task from JSON text or a mapping.

    Raises:
        SpecError: every mistake at once, by place.
    """
    if isinstance(task, SectioningSpec | VotingSpec):
        task = task.model_dump(by_alias=True)
    data = fill(json_data(task, source) if isinstance(task, str) else task)
    if not isinstance(data, Mapping):
        raise SpecError({"the whole": f"must be a JSON object, found {type(data).__name__}"}, source)
    data = {key: value for key, value in data.items() if key != "$schema"}
    mode = data.get("mode")
    if not isinstance(mode, str) or mode not in _MODELS:
        hint = "is required:" if mode is None else f"unknown mode {mode!r}; {nearest(str(mode), list(_MODELS))}"
        raise SpecError({"mode": f"{hint} 'sectioning' splits the work, 'voting' compares approaches"}, source)
    mistakes: dict[str, str] = {}
    spec: TaskSpec | None = None
    try:
        spec = _MODELS[mode].model_validate(data)
    except ValidationError as error:
        mistakes |= mistakes_of(error, _MODELS[mode])
    if not isinstance(task, str) or "\\u" in task:
        mistakes |= impossible_text(data)
    mistakes = _relations(data, mode) | mistakes
    if mistakes or spec is None:
        raise SpecError(mistakes, source)
    return spec


def _relations(data: Mapping[str, Any], mode: str) -> dict[str, str]:
    """Mistakes between parts. Works on raw data, so that they are told together with the mistakes of single values."""
    main = data.get("main_task")
    main = main if isinstance(main, Mapping) else {}
    if mode == "voting":
        return _twice("voters", _named(data.get("voters")))
    mistakes = _twice("main_task.components", _named(main.get("components")))
    mistakes |= _twice("after", _named(data.get("after")))
    mistakes |= _dependencies(main.get("components"), may_circle=data.get("on_cycle") in ("merge", "cut"))
    if main.get("components") and main.get("level") == "test":
        mistakes["main_task.level"] = "'test' stands beside components; keep one: it derives all sections"
    if main.get("level") in ("file", "module") and not main.get("root") and not data.get("base"):
        mistakes["main_task.root"] = f"level {main['level']!r} needs a directory to cut up; set root or base"
    if main.get("suite") is not None and main.get("level") != "test":
        mistakes["main_task.suite"] = "is for level 'test'; set main_task.level to 'test'"
    output = data.get("merged_output")
    if isinstance(output, Mapping) and len([key for key, value in output.items() if value]) != 1:
        mistakes["merged_output"] = "takes exactly one of directory, branch, patches"
    if data.get("review") == "pause" and not data.get("base"):
        mistakes["review"] = "'pause' is for tasks with a base: without one there is nothing to merge or publish"
    if output and not data.get("base"):
        mistakes.setdefault("merged_output", "needs a base: the tree that the sections change")
    return mistakes


def _named(rows: Any) -> list[tuple[int, str, Mapping[str, Any]]]:
    found: list[tuple[int, str, Mapping[str, Any]]] = []
    for index, row in enumerate(rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ()):
        if isinstance(row, str):
            found.append((index, row, {}))
        elif isinstance(row, Mapping) and isinstance(row.get("name"), str):
            found.append((index, row["name"], row))
    return found


def _twice(place: str, rows: list[tuple[int, str, Mapping[str, Any]]]) -> dict[str, str]:
    first: dict[str, int] = {}
    mistakes: dict[str, str] = {}
    for index, name, _ in rows:
        if name in first:
            mistakes[f"{place}[{index}].name"] = (
                f"{name!r} is the name of {place}[{first[name]}] already; names are unique"
            )
        first.setdefault(name, index)
    return mistakes


def _dependencies(components: Any, *, may_circle: bool) -> dict[str, str]:
    rows = _named(components)
    names = [name for _, name, _ in rows]
    known = set(names)
    mistakes: dict[str, str] = {}
    graph: dict[str, list[str]] = {}
    for index, name, row in rows:
        wanted = row.get("depends_on") or ()
        wanted = [item for item in wanted if isinstance(item, str)] if isinstance(wanted, Sequence) else []
        for position, other in enumerate(wanted):
            if other not in known:
                place = f"main_task.components[{index}].depends_on[{position}]"
                mistakes[place] = f"no component is called {other!r}; {nearest(other, names)}"
        graph[name] = [other for other in wanted if other in known]
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        circle = [repr(name) for name in reversed(error.args[1])]
        if len(circle) > 12:
            circle[8:-3] = [f"... {len(circle) - 11} more ..."]
        if not may_circle:
            advice = "drop one depends_on, or set on_cycle to 'merge' or 'cut'"
            mistakes["main_task.components"] = f"depend on each other in a circle: {' -> '.join(circle)}; {advice}"
    return mistakes
