"""What stands in the way of a vote, by place in the task, before anything runs and is paid for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from ptx_prefect.errors import VoteError
from ptx_prefect.spec import Voter, VotingSpec
from ptx_prefect.vote.checks import calls_entry, make_check
from ptx_prefect.vote.criteria import check_criteria, known_criterion
from ptx_prefect.vote.rules import shares_of
from ptx_prefect.vote.voters import as_asked, callable_problem, tests_in, voters_of

_NEED_ENTRY = ("tests", "test_files", "test_command", "inputs", "benchmark")
_WEIGHTED = ("weighted_score", "pareto")
_SOURCES = ("source", "path", "callable", "worker")


def mistakes_in_vote(spec: VotingSpec, *, workdir: Path, has_worker: bool = False) -> dict[str, str]:
    """All of them; empty if nothing stands in the way.

    Args:
        has_worker: whether the settings name a default worker.
    """
    mistakes: dict[str, str] = {}
    for index, voter in enumerate(voters_of(spec)):
        place = f"voters[{index}]"
        mistakes |= _in_voter(voter, place, workdir, can_write=bool(spec.worker or has_worker))
        strange = sorted(set(as_asked(voter.scores, spec.main_task.evaluation_criteria)) - _criteria(spec))
        for key in strange:
            mistakes[f"{place}.scores.{key}"] = f"is not among the evaluation_criteria {sorted(_criteria(spec))!r}"
    mistakes |= dict(_in_gate(spec, workdir))
    mistakes |= dict(_in_criteria(spec))
    mistakes |= dict(_in_judges(spec))
    mistakes |= dict(_without_entry(spec))
    if spec.ahead_by is not None and (spec.aggregation != "consensus" or spec.main_task.entry_point is not None):
        mistakes["ahead_by"] = "is for answers in words: aggregation 'consensus', without main_task.entry_point"
    return mistakes


def _criteria(spec: VotingSpec) -> set[str]:
    return set(spec.main_task.evaluation_criteria)


def _in_voter(voter: Voter, place: str, workdir: Path, *, can_write: bool) -> dict[str, str]:
    mistakes: dict[str, str] = {}
    ways = [key for key in _SOURCES if getattr(voter, key) is not None]
    if len(ways) > 1:
        mistakes[place] = f"has {' and '.join(ways)}; a voter's answer comes from one of them"
    elif not ways and not (can_write or voter.scores):
        mistakes[place] = f"{voter.name!r} has no source, path, callable or worker, and the task names no worker"
    if voter.path is not None and not (workdir / voter.path).is_file():
        mistakes[f"{place}.path"] = f"there is no file {voter.path!r} in {str(workdir)!r}"
    if voter.callable is not None and (problem := callable_problem(voter.callable, workdir)):
        mistakes[f"{place}.callable"] = problem
    if not ways and not voter.description and not voter.scores:
        mistakes[f"{place}.description"] = f"{voter.name!r} is no preset; say what its approach is"
    return mistakes


def _in_gate(spec: VotingSpec, workdir: Path) -> Iterator[tuple[str, str]]:
    """Tests of which none can be used, inputs that ask nothing, a command that is not there."""
    main = spec.main_task
    for index, path in enumerate(main.test_files):
        place = f"main_task.test_files[{index}]"
        if not (workdir / path).exists():
            yield place, f"there is no {path!r} in {str(workdir)!r}"
            continue
        try:
            tests_in(workdir / path, main.entry_point or "")
        except VoteError as error:
            yield place, str(error)
    if main.entry_point is not None and not all(part.isidentifier() for part in main.entry_point.split(".")):
        yield (
            "main_task.entry_point",
            f"{main.entry_point!r} is no name of a function, or of a method as in 'Stack.push'",
        )
        return
    entry_point = (main.entry_point or "").partition(".")[0]
    if entry_point:
        refused = {index: told for index, test in enumerate(main.tests) if (told := _why_no_check(test, entry_point))}
        if refused and len(refused) == len(main.tests):
            yield from ((f"main_task.tests[{index}]", told) for index, told in refused.items())
        for index, call in enumerate(main.inputs):
            if not calls_entry(call, entry_point):
                yield f"main_task.inputs[{index}]", f"{call[:80]!r} does not call {entry_point!r}"
    if main.test_command and (problem := _command_problem(main.test_command[0], workdir)):
        yield "main_task.test_command", problem


def _why_no_check(test: str, entry_point: str) -> str:
    try:
        make_check(test, entry_point)
    except VoteError as error:
        return f"{error}; write `assert {entry_point}(...) == ...`"
    return ""


def _command_problem(program: str, workdir: Path) -> str:
    if "{" in program:
        return ""
    place = str(workdir / program) if "/" in program else program
    return "" if shutil.which(place) else f"there is no program {program!r}; install it, or give its path"


def _in_criteria(spec: VotingSpec) -> Iterator[tuple[str, str]]:
    """Criteria that nobody scores or that are one and the same; weights that count nowhere."""
    criteria = spec.main_task.evaluation_criteria
    given = [set(as_asked(voter.scores, criteria)) for voter in voters_of(spec)]
    scored = sorted(set.intersection(*given)) if given else []
    if spec.aggregation != "consensus":
        try:
            check_criteria(criteria, scored, judged=bool(spec.judges))
        except VoteError as error:
            yield "main_task.evaluation_criteria", str(error)
    weights = as_asked(spec.weights, criteria)
    idle = sorted(set(weights) - set(criteria))
    if idle:
        yield "weights", f"{idle!r} are not among the evaluation_criteria {list(criteria)!r}"
    elif weights and spec.aggregation not in _WEIGHTED:
        yield "weights", f"change nothing with {spec.aggregation!r}; take weighted_score or pareto, or leave them out"
    else:
        try:
            shares_of(criteria, weights)
        except VoteError as error:
            yield "weights", str(error)


def _in_judges(spec: VotingSpec) -> Iterator[tuple[str, str]]:
    """Judges that would be paid and not be heard."""
    if not spec.judges:
        return
    if spec.aggregation == "consensus":
        yield "judges", "change nothing with 'consensus'; take weighted_score, pareto, borda or approval"
        return
    known = [known_criterion(name) for name in spec.main_task.evaluation_criteria]
    if all(one is not None and one.is_fact for one in known):
        told = ", ".join(spec.main_task.evaluation_criteria)
        yield "judges", f"have nothing to judge: {told} are measured; add a criterion of taste, or leave judges out"


def _without_entry(spec: VotingSpec) -> Iterator[tuple[str, str]]:
    """What cannot be had without an entry point."""
    main = spec.main_task
    if main.entry_point is not None:
        return
    has_scores = all(voter.scores for voter in voters_of(spec))
    readable = any(known.figures for name in main.evaluation_criteria if (known := known_criterion(name)))
    if not (has_scores or spec.judges or readable or spec.aggregation == "consensus"):
        yield "main_task.entry_point", "is needed to run and measure candidates; or give scores or judges"
    if spec.synthesis is not None:
        yield "synthesis", "needs main_task.entry_point: what cannot be run cannot be held against the others"
    tried = [key for key in _NEED_ENTRY if getattr(main, key)]
    if tried:
        yield "main_task.entry_point", f"is needed beside {' and '.join(tried)}: what do the candidates define?"
