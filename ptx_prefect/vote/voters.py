"""From the JSON task to a vote: voters, their candidates, and the task as one value."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ptx_prefect.errors import VoteError
from ptx_prefect.run.outcomes import Done
from ptx_prefect.spec import Voter, VotingSpec, WorkerRef
from ptx_prefect.tree.changeset import Changeset
from ptx_prefect.vote.checks import make_check
from ptx_prefect.vote.criteria import known_criterion
from ptx_prefect.vote.described import tests_in_description
from ptx_prefect.vote.file_imports import missing_imports
from ptx_prefect.vote.judges import Judgement
from ptx_prefect.vote.presets import preset, program_in
from ptx_prefect.vote.pytest_files import FileTests, file_tests
from ptx_prefect.vote.task import TestCommand, VoteTask
from ptx_prefect.vote.values import Candidate

_THINKING = ("chat", "agent")


def voters_of(spec: VotingSpec, *, default_worker: WorkerRef | None = None) -> tuple[Voter, ...]:
    """The voters as objects; one that is only a name gets its preset's description.

    A voter named after a model (haiku, sonnet, opus) that thinks gets a worker with that model's alias.

    Args:
        default_worker: the settings' one, for voters and tasks that name none.
    """
    plain = [Voter(name=one) if isinstance(one, str) else one for one in spec.voters]
    return tuple(_with_model(_described(voter), spec.worker or default_worker) for voter in plain)


def vote_task_of(
    spec: VotingSpec,
    *,
    workdir: Path,
    judgements: Sequence[Judgement] = (),
    reliabilities: Mapping[str, float] | None = None,
) -> VoteTask:
    """The task as one value. Weights and given scores may use any usual word for a criterion of the task.

    Raises:
        VoteError: a test file cannot be read, or holds no test that can be used.
    """
    main = spec.main_task
    criteria = main.evaluation_criteria
    described = tests_in_description(main.description, main.entry_point) if main.entry_point else ()
    files = [tests_in(workdir / path, main.entry_point or "") for path in main.test_files]
    return VoteTask(
        description=main.description,
        criteria=criteria,
        weights=as_asked(spec.weights, criteria),
        aggregation=spec.aggregation,
        entry_point=main.entry_point,
        prelude=main.prelude,
        tests=(*dict.fromkeys((*main.tests, *described)), *(test for file in files for test in file.tests)),
        inputs=main.inputs,
        setup=main.setup,
        benchmark=main.benchmark,
        given={voter.name: as_asked(voter.scores, criteria) for voter in voters_of(spec) if voter.scores},
        judgements=tuple(judgements),
        has_judges=bool(spec.judges),
        reliabilities=reliabilities or {},
        quorum=spec.quorum,
        hybrid=spec.hybrid,
        test_command=_test_command(spec, workdir),
        notes=tuple(f"not used as a test: {reason}" for file in files for reason in file.left_out),
    )


def ready_candidate(voter: Voter, *, workdir: Path, entry_point: str | None = None) -> Candidate | None:
    """The candidate of a voter that brings one along; None if a worker has to write it.

    Raises:
        VoteError: its file cannot be read.
    """
    if voter.source is not None:
        return Candidate(voter.name, voter.source, voter.name)
    if voter.path is not None:
        return Candidate(voter.name, _text_of(workdir / voter.path), voter.name)
    if voter.callable is not None:
        module, _, function = voter.callable.partition(":")
        source = _text_of(_module_file(module, workdir))
        alias = f"\n\n{entry_point} = {function}\n" if entry_point and entry_point != function else ""
        return Candidate(voter.name, source + alias, voter.name)
    return None


def written_candidate(voter: Voter, done: Done, *, entry_point: str | None = None) -> Candidate:
    """The candidate that a worker wrote: a program in its answer, or the file that it changed.

    Raises:
        VoteError: there is none, or it is not clear which file it is.
    """
    value = done.value
    has_changed = done.changeset is not None and bool(done.changeset.changes)
    if isinstance(value, Mapping):
        # A program that a worker returned, the text that a model answered with, or what a command printed.
        keys = ("source", "text") if has_changed else ("source", "text", "output")
        value = next((value[key] for key in keys if isinstance(value.get(key), str)), value)
    if isinstance(value, str) and value.strip():
        source = program_in(value, entry_point=entry_point) if entry_point else value
        return Candidate(voter.name, source, voter.name)
    if done.changeset is not None and has_changed:
        return Candidate(voter.name, _program_of(done.changeset, voter.name, entry_point), voter.name)
    raise VoteError(
        f"voter {voter.name!r} gave no program: its worker returned or printed {str(value)[:80]!r} and changed no file"
    )


def _described(voter: Voter) -> Voter:
    found = preset(voter.name)
    if voter.description or found is None:
        return voter
    return voter.model_copy(update={"description": found.instruction})


def _with_model(voter: Voter, fallback: WorkerRef | None) -> Voter:
    found, worker = preset(voter.name), voter.worker or fallback
    brings_one = voter.source is not None or voter.path is not None or voter.callable is not None
    if found is None or found.model is None or worker is None or brings_one:
        return voter
    config = {"kind": worker} if isinstance(worker, str) else dict(worker)
    if config.get("kind") not in _THINKING or (voter.worker is not None and "model" in config):
        return voter
    return voter.model_copy(update={"worker": config | {"model": found.model}})


def as_asked(values: Mapping[str, float], criteria: Sequence[str]) -> dict[str, float]:
    """The mapping under the words that the task uses for its criteria."""
    words = {known.name: name for name in reversed(criteria) if (known := known_criterion(name))}
    found = {}
    for key, value in values.items():
        known = None if key in criteria else known_criterion(key)
        found[words.get(known.name, key) if known else key] = value
    return found


def _test_command(spec: VotingSpec, workdir: Path) -> TestCommand | None:
    argv = spec.main_task.test_command
    if argv is None:
        return None
    command = TestCommand(argv, workdir)
    return replace(command, deadline_s=spec.timeout_seconds) if spec.timeout_seconds else command


def tests_in(path: Path, entry_point: str) -> FileTests:
    """The tests of a file.

    Raises:
        VoteError: it cannot be read, or holds no test that can be used.
    """
    text, root = _text_of(path), entry_point.partition(".")[0]
    found = file_tests(text, entry_point=root, path=path.name)
    missing = missing_imports(text, root)
    if missing and found.tests:
        told = f"test file {str(path)!r} imports {', '.join(map(repr, missing))}, which is not installed"
        remedy = "write what it needs into the file or main_task.prelude, or run the tests by main_task.test_command"
        raise VoteError(f"{told}; candidates run where nothing of the directory can be imported: {remedy}")
    left_out = list(found.left_out)
    usable = []
    for test in found.tests:
        try:
            make_check(test, root)
            usable.append(test)
        except VoteError as error:
            left_out.append(f"{path.name}: {error}")
    if not usable:
        told = "; ".join(left_out) or "none"
        raise VoteError(f"test file {str(path)!r} holds no test that can be used: {told}")
    return FileTests(tuple(usable), tuple(left_out))


def callable_problem(target: str, workdir: Path) -> str | None:
    """Why a callable cannot be a candidate; None where it can."""
    module, _, function = target.partition(":")
    if not (function.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        return f'takes "package.module:function", found {target!r}'
    try:
        tree = ast.parse(_text_of(_module_file(module, workdir)))
    except VoteError as error:
        return str(error)
    except (SyntaxError, ValueError, RecursionError) as error:
        return f"module {module!r} is no Python: {error}"
    if any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree)):
        return (
            f"module {module!r} has relative imports, and a candidate runs alone, outside of its package; make them "
            "absolute, or give a source or a path that stands alone"
        )
    return None


def _module_file(module: str, workdir: Path) -> Path:
    """The module's source: in the user's own directory, as for callable workers, else where it is installed."""
    place = workdir.joinpath(*module.split("."))
    for own in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if own.is_file():
            return own
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError) as error:
        raise VoteError(f"module {module!r} cannot be found: {error}") from None
    if found is None or not found.has_location or found.origin is None or not found.origin.endswith(".py"):
        told = f"module {module!r} is neither in {str(workdir)!r} nor installed as Python source"
        raise VoteError(f"{told}; give a path or a source")
    return Path(found.origin)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VoteError(f"{str(path)!r} cannot be read: {error}") from error


def _program_of(changeset: Changeset, name: str, entry_point: str | None) -> str:
    texts = {
        change.path: change.content.decode("utf-8", "replace")
        for change in changeset.changes
        if change.content is not None and change.path.endswith(".py")
    }
    if entry_point:
        defining = {
            path: text for path, text in texts.items() if f"def {entry_point}" in text or f"class {entry_point}" in text
        }
        texts = defining or texts
    if len(texts) != 1:
        found = ", ".join(sorted(texts)) or "no Python file"
        raise VoteError(f"voter {name!r} must leave one program, found {found}; set main_task.entry_point")
    return next(iter(texts.values()))
