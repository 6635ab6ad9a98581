"""The merged tree put to its checks; what fails them is ejected, the rest is kept."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import SYMLINK, Changeset
from ptx_prefect.tree.workspace import open_workspace
from ptx_prefect.validate.conflicting import Ejection, follower, without_conflicts
from ptx_prefect.validate.finding import Finding
from ptx_prefect.validate.guilty import Budget, BudgetSpentError, Trials, smallest_guilty, to_eject
from ptx_prefect.validate.names import Seen, name_findings
from ptx_prefect.validate.syntax import syntax_error_in
from ptx_prefect.workers.environment import environment_of, path_of_checks
from ptx_prefect.workers.process import Ended, Order, run_process

MAX_TOLD = 20
CHECK_LIMIT_S = 600.0
"""The most that one command may take (seconds)."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: ``name`` is ``syntax``, ``names`` or a command line; ``reason`` tells why it did not pass."""

    name: str
    passed: bool
    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """What remains after the checks.

    ``merged`` holds the kept sections only; ``checks`` are the results on it. ``runs`` counts how often the checks ran.
    ``note`` says why not every culprit was found, where that is so.
    """

    passed: bool
    merged: Merged
    checks: tuple[CheckResult, ...]
    ejected: tuple[Ejection, ...] = ()
    runs: int = 0
    seconds: float = 0.0
    note: str = ""

    @property
    def kept(self) -> tuple[str, ...]:
        """The sections whose changes are in the tree, in plan order."""
        return self.merged.sections


def validate(
    base: Base,
    sides: Iterable[tuple[str, Changeset]],
    *,
    after: Mapping[str, Sequence[str]] | None = None,
    checks: Sequence[Sequence[str]] = (),
    root: Path,
    state_dir: Path,
    timeout_s: float = CHECK_LIMIT_S,
    budget: Budget | None = None,
    decide: Callable[[Merged], Merged] | None = None,
) -> Validation:
    """Merge ``sides`` (in plan order) and check the result; eject the smallest set that makes it fail.

    First go sections whose conflicts left markers in a file: those that conflict with earlier ones that stay, to be
    reviewed. Then the tree must parse, resolve its names and imports no worse than the base, and pass ``checks``.

    Args:
        checks: commands (argv) that must exit with 0 in the merged tree; ``timeout_s`` is for each.
        root: a directory for workspaces; ``state_dir`` holds the registry of children.
        budget: how much the search for culprits may cost.
        decide: puts what a person has decided into each merge, before it is looked at.
    """
    bench = _Bench(base, list(sides), dict(after or {}), checks, root, state_dir, timeout_s, decide)
    return bench.validation(budget or Budget())


class _Bench:
    """One validation under way: merges and results by set of sections, each made once."""

    def __init__(
        self,
        base: Base,
        sides: list[tuple[str, Changeset]],
        after: Mapping[str, Sequence[str]],
        commands: Sequence[Sequence[str]],
        root: Path,
        state_dir: Path,
        timeout_s: float,
        decide: Callable[[Merged], Merged] | None,
    ) -> None:
        self.base, self.sides, self.after, self.decide = base, sides, after, decide
        self.commands, self.root, self.state_dir, self.timeout_s = commands, root, state_dir, timeout_s
        self.names = [name for name, _ in sides]
        self.results: dict[frozenset[str], tuple[CheckResult, ...]] = {}
        self.found: dict[frozenset[str], tuple[tuple[CheckResult, ...], tuple[Finding, ...]]] = {}
        self.merges: dict[frozenset[str], Merged] = {}
        self.seen = Seen()

    def validation(self, budget: Budget) -> Validation:
        began = time.monotonic()
        trials, static_trials = Trials(self._passes, budget=budget), Trials(self._reads_well, budget=budget)
        merged, ejected = without_conflicts(self.names, self._merge, after=self.after)
        note = ""
        try:
            while not trials.pass_on(merged.sections):
                kept = merged.sections
                if not static_trials.pass_on(kept):
                    going = self._static_culprits(kept, static_trials)
                elif trials.pass_on(()):
                    going = self._culprits(kept, trials, ())
                else:
                    note = "the checks fail on the base itself, so no section is to blame; mend the base first"
                    break
                ejected += going
                merged = self._merge(frozenset(kept) - {row.section for row in going})
        except BudgetSpentError:
            note = f"stopped after {trials.runs} runs: the budget of {budget.runs} runs, {budget.seconds:g} s is spent"
        results = self.results.get(frozenset(merged.sections), ())
        passed = bool(results) and all(result.passed for result in results)
        took = time.monotonic() - began
        return Validation(passed, merged, results, tuple(ejected), trials.runs, took, note)

    def _static_culprits(self, kept: Sequence[str], trials: Trials) -> list[Ejection]:
        """Whoever is alone at the places of a finding needs no search, however many they are."""
        everything = frozenset(kept)
        _, findings = self.found[everything]
        alone: dict[str, Finding] = {}
        for finding in findings:
            touching = self._touching(finding.places, everything)
            if len(touching) == 1:
                alone.setdefault(touching[0], finding)
        if not alone:
            # Who changed what others miss is the likelier culprit than who misses it.
            origins = {finding.places[-1] for finding in findings}
            everywhere = {path for finding in findings for path in finding.places}
            return self._culprits(kept, trials, [self._touching(paths, everything) for paths in (origins, everywhere)])
        going: dict[str, Ejection] = {}
        for name, finding in alone.items():
            first, *others = to_eject([name], kept, after=self.after)
            going[first] = Ejection(first, f"the checks fail with it: {finding}")
            for other in others:
                going.setdefault(other, follower(other, first))
        return [going[name] for name in kept if name in going]

    def _culprits(self, kept: Sequence[str], trials: Trials, hints: Sequence[Collection[str]]) -> list[Ejection]:
        reason = next(result.reason for result in self.results[frozenset(kept)] if not result.passed)
        cause = smallest_guilty(kept, after=self.after, passes=trials.pass_on, hints=hints)
        first, *others = to_eject(cause, kept, after=self.after)
        rest = tuple(name for name in cause if name != first)
        told = f"the checks fail with it: {reason}"
        if rest:
            told = f"the checks fail when it meets {', '.join(map(repr, rest))}: {reason}"
        return [Ejection(first, told, rest), *(follower(name, first) for name in others)]

    def _merge(self, names: frozenset[str]) -> Merged:
        if names not in self.merges:
            sides = [side for side in self.sides if side[0] in names]
            merged = merge_changesets(self.base, sides, after=self.after)
            self.merges[names] = self.decide(merged) if self.decide else merged
        return self.merges[names]

    def _reads_well(self, names: frozenset[str]) -> bool:
        """True when the tree parses and its names resolve: no command is run for that."""
        if names not in self.found:
            changeset = self._merge(names).changeset
            began = time.monotonic()
            findings = _syntax_findings(self.base, changeset, self.seen)
            results = [_result("syntax", findings, began)]
            if not findings:
                began = time.monotonic()
                findings = name_findings(self.base, changeset, seen=self.seen)
                results.append(_result("names", findings, began))
            self.found[names] = (tuple(results), findings)
        return not self.found[names][1]

    def _passes(self, names: frozenset[str]) -> bool:
        reads_well = self._reads_well(names)
        results = list(self.found[names][0])
        if reads_well and self.commands:
            results += self._run_commands(self._merge(names))
        self.results[names] = tuple(results)
        return all(result.passed for result in results)

    def _touching(self, paths: Collection[str], names: frozenset[str]) -> tuple[str, ...]:
        return tuple(
            name for name, changeset in self.sides if name in names and any(p in paths for p in changeset.paths)
        )

    def _run_commands(self, merged: Merged) -> tuple[CheckResult, ...]:
        with open_workspace(self.base, [merged.changeset], root=self.root, name="validation") as workspace:
            return run_commands(
                self.commands, workspace.path, root=self.root, state_dir=self.state_dir, timeout_s=self.timeout_s
            )


def run_commands(
    commands: Sequence[Sequence[str]], workdir: Path, *, root: Path, state_dir: Path, timeout_s: float = CHECK_LIMIT_S
) -> tuple[CheckResult, ...]:
    """The results of commands (argv) in ``workdir``, up to the first that fails. Arguments as of :func:`validate`."""
    results: list[CheckResult] = []
    for argv in commands:
        order = Order(
            section="validation",
            cwd=workdir,
            env=environment_of((), added={"PATH": path_of_checks()}),
            log_path=root / "validation.log",
            state_dir=state_dir,
            deadline_s=timeout_s,
            argv=tuple(argv),
        )
        ended = run_process(order, beat=lambda _: None)
        why = "" if ended.by == "exit" and ended.exit_code == 0 else _why(ended)
        results.append(CheckResult(shlex.join(argv), not why, ended.wall_s, why and f"{shlex.join(argv)}: {why}"))
        if why:
            break
    return tuple(results)


def _syntax_findings(base: Base, changeset: Changeset, seen: Seen) -> tuple[Finding, ...]:
    """What does not parse and did in the base, or is new."""
    findings = []
    for change in changeset.changes:
        if change.content is None or change.mode == SYMLINK:
            continue
        key = (change.path, change.content)
        if key not in seen.syntax:
            seen.syntax[key] = syntax_error_in(*key)
        wrong = seen.syntax[key]
        if wrong and not (change.path in base.entries and syntax_error_in(change.path, base.read(change.path))):
            findings.append(Finding(change.path, 0, f"does not parse: {wrong}"))
    return tuple(findings)


def _result(name: str, findings: Sequence[Finding], began: float) -> CheckResult:
    told = "; ".join(str(finding) for finding in findings[:MAX_TOLD])
    return CheckResult(name, not findings, time.monotonic() - began, told)


def _why(ended: Ended) -> str:
    if ended.start_errno is not None:
        return f"cannot be started: {os.strerror(ended.start_errno)}"
    endings = {"exit": f"exit {ended.exit_code}", "deadline": "killed at its deadline"}
    told = endings.get(ended.by, ended.reason or ended.by)
    lines = [line.rstrip()[:300] for line in ended.output.splitlines() if line.strip()][-12:]
    return "\n".join([told, *lines])
