"""Where candidates are tried: every one is run once on all questions, and every step reads what it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ptx_prefect.errors import VoteError
from ptx_prefect.settings import state_dir
from ptx_prefect.vote.agreement import Behaviour, group_by_behaviour
from ptx_prefect.vote.annotated import calls_from_annotations
from ptx_prefect.vote.checks import Check, Verdict, asked_whole, judge, make_check
from ptx_prefect.vote.inputs import more_inputs, more_programs
from ptx_prefect.vote.inside.wire import Opaque
from ptx_prefect.vote.meant_errors import raised_by, usual_in, wanted_by, with_meant
from ptx_prefect.vote.measure import Protocol, Workload, time_candidates
from ptx_prefect.vote.recording import SEEN, observing_program
from ptx_prefect.vote.replies import Observed
from ptx_prefect.vote.same_program import form_of
from ptx_prefect.vote.sandbox import Limits, Sandbox, shared_sandbox
from ptx_prefect.vote.task import Compared, VoteTask
from ptx_prefect.vote.values import Candidate, GateResult, Output, Timing


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """How thoroughly candidates are tried.

    Attributes:
        limits: what a candidate may use while it answers.
        protocol: how timings are taken.
        more_inputs: calls made by changing the visible ones within their types, beside the given inputs.
        more_programs: the same of tests of several statements in which no call stands by itself.
        max_inputs, max_soft_tests: of those given, the first so many count.
        timed_calls: the benchmark where none is given: so many of the inputs that all in the field answer.
        lock: the file that one measurement at a time holds; default: in the state directory.
    """

    limits: Limits = field(default_factory=Limits)
    protocol: Protocol = field(default_factory=Protocol)
    more_inputs: int = 40
    more_programs: int = 40
    max_inputs: int = 200
    max_soft_tests: int = 200
    timed_calls: int = 20
    lock: Path | None = None


def settings_for(call_seconds: float, memory_mb: int) -> VoteSettings:
    """Settings where the task says what a call may take: CPU seconds, and MB for a process."""
    usual = Limits()
    scale = call_seconds / usual.call_cpu_s
    more = max(1.0, scale)
    limits = Limits(
        call_cpu_s=call_seconds,
        call_wall_s=usual.call_wall_s * more,
        expired_cpu_s=usual.expired_cpu_s * scale,
        load_cpu_s=usual.load_cpu_s * more,
        total_cpu_s=usual.total_cpu_s * more,
        memory_mb=memory_mb,
    )
    return VoteSettings(limits=limits, protocol=Protocol(cap_s=Protocol().cap_s * more, memory_mb=memory_mb))


@dataclass(frozen=True, slots=True)
class Questions:
    """What every candidate is asked, as calls, and the tests that read the answers.

    Attributes:
        compared: what agreement looks at: first the given calls and those of tests of unknown quality.
        given: those.
        readable: for a program among those, the test that it was made from.
    """

    calls: tuple[str, ...]
    tests: tuple[Check, ...]
    soft_tests: tuple[Check, ...]
    compared: tuple[str, ...]
    notes: tuple[str, ...] = ()
    readable: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()


def make_questions(task: VoteTask, settings: VoteSettings) -> Questions:
    """The calls for gate and agreement together, each asked once.

    Tests that cannot be read are left out and noted: nobody could pass them.
    """
    name = (task.entry_point or "").partition(".")[0]
    tests, notes = _checks(task.tests, name)
    soft, _ = _checks(tuple(dict.fromkeys(task.soft_tests))[: settings.max_soft_tests], name)
    inputs = tuple(dict.fromkeys(task.inputs))[: settings.max_inputs]
    shown = [call for check in tests for call in (check.examples if check.judgement is None else check.calls)]
    soft_calls = [call for check in soft if check.judgement is not None for call in check.calls]
    seeds = tuple(dict.fromkeys(shown)) or inputs[:10] or tuple(dict.fromkeys(soft_calls))[:10]
    made = more_inputs(seeds, wanted=settings.more_inputs)
    programs = {observing_program(test, name): test for test in _variations(tests, settings.more_programs)}
    compared = tuple(dict.fromkeys([*inputs, *soft_calls, *made, *programs]))
    asked = [call for check in (*tests, *soft) for call in check.calls]
    return Questions(
        tuple(dict.fromkeys([*asked, *compared])),
        tests,
        soft,
        compared,
        notes,
        programs,
        frozenset({*inputs, *soft_calls}),
    )


def _variations(tests: Sequence[Check], wanted: int) -> tuple[str, ...]:
    """Of the tests that use an object in several steps: their calls alone would say little."""
    return more_programs([one.source for one in tests if one.judgement is None and not one.examples], wanted=wanted)


def _checks(sources: Sequence[str], entry_point: str) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    found, notes = [], []
    for source in sources:
        try:
            found.append(make_check(source, entry_point))
        except VoteError as error:
            notes.append(f"left out: {error}")
    return tuple(found), tuple(notes)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found out about one program."""

    observed: Observed
    tests: tuple[Verdict, ...]
    soft_tests: tuple[Verdict, ...]


class Trials:
    """A laboratory that runs candidates in a sandbox. Programs with the same text are run once."""

    def __init__(self, task: VoteTask, settings: VoteSettings | None = None, sandbox: Sandbox | None = None) -> None:
        self.task = task
        self.settings = settings or VoteSettings()
        self.sandbox = sandbox or shared_sandbox()
        self.questions = make_questions(task, self.settings)
        self._evidence: dict[str, Evidence] = {}
        self._whole: dict[str, Check] | None = None
        self._unlike = self._unseen = 0
        self._times: dict[tuple[str, ...], tuple[Timing, ...]] = {}

    @property
    def cpu_s(self) -> float:
        """CPU time of the candidates' own processes so far."""
        return sum(one.observed.cpu_s for one in self._evidence.values())

    def gate(self, candidates: Sequence[Candidate]) -> tuple[GateResult, ...]:
        """Those with the most visible tests passed stay; what does not load is out."""
        self._find_calls(candidates)
        self._observe(candidates)
        found = [self._evidence[one.source] for one in candidates]
        passed = [tuple(verdict.passed for verdict in one.tests) for one in found]
        best = max((sum(flags) for flags, one in zip(passed, found, strict=True) if one.observed.loads), default=0)
        return tuple(
            GateResult(
                candidate.name, one.observed.loads, flags, one.observed.loads and sum(flags) == best, self._problem(one)
            )
            for candidate, one, flags in zip(candidates, found, passed, strict=True)
        )

    def compare(self, candidates: Sequence[Candidate]) -> Compared:
        """Groups by what they give on the inputs, tests of unknown quality weighing in."""
        self._observe(candidates)
        places = {call: index for index, call in enumerate(self.questions.calls)}
        seen = self._answers(candidates)
        asked = self.questions.compared
        alike = [call for call in asked if _is_alike([rows[places[call]] for rows in seen.values()])]
        calls = tuple(call for call in alike if not _is_unseen([rows[places[call]] for rows in seen.values()]))
        self._unlike, self._unseen = len(asked) - len(alike), len(alike) - len(calls)
        outputs = {name: tuple(rows[places[call]] for call in calls) for name, rows in seen.items()}
        behaviours = {one.name: self._behaviour(one, outputs[one.name]) for one in candidates}
        given = sum(call in self.questions.given for call in calls)
        groups, supports = group_by_behaviour(behaviours, given=given)
        return Compared(groups, supports, tuple(self.questions.readable.get(call, call) for call in calls), outputs)

    def _answers(self, candidates: Sequence[Candidate]) -> dict[str, tuple[Output, ...]]:
        """What each gave, errors among it marked where they are meant."""
        raised = {one.name: raised_by(one.source) for one in candidates}
        wanted = wanted_by(self.task.tests) | usual_in(list(raised.values()))
        return {
            one.name: with_meant(self._evidence[one.source].observed.outputs, wanted, raised[one.name])
            for one in candidates
        }

    def measure(self, candidates: Sequence[Candidate]) -> tuple[Timing, ...]:
        """Timings of the benchmark, or of inputs that every candidate answers; of each program text once.

        Raises:
            VoteError: the given benchmark, or its setup, fails for every candidate alike.
        """
        different = {one.source: one for one in candidates}
        work = self._workload(list(different.values()))
        if work is None:
            return ()
        key = (*work.calls, "", *different)
        if key not in self._times:
            lock = self.settings.lock or state_dir() / "measure.lock"
            self._times[key] = time_candidates(
                list(different.values()), work, self.sandbox, protocol=self.settings.protocol, lock=lock
            )
        if work.is_given:
            _refuse_benchmark(self._times[key])
        times = dict(zip(different, self._times[key], strict=True))
        return tuple(replace(times[one.source], candidate=one.name) for one in candidates)

    def remarks(self) -> tuple[str, ...]:
        """What the sandbox could not enforce, and tests that were left out."""
        whole = self._whole or {}
        believed = [check.source for check in self.questions.tests if whole.get(check.source, check).believes]
        told = [f"decided in the candidate's own process: {source[:80]!r}" for source in believed]
        if self._unlike:
            told.append(
                f"{self._unlike} call(s) not compared: they give objects that keep their state in different attributes"
            )
        if self._unseen:
            told.append(f"{self._unseen} call(s) not compared: they give functions, or others of which nothing is seen")
        return (*self.sandbox.missing, *self.questions.notes, *self._not_imported(), *told, *self._out_of_time())

    def _not_imported(self) -> tuple[str, ...]:
        """Said, since programs that rely on such an import fail for no fault of theirs."""
        missing = dict.fromkeys(line for one in self._evidence.values() for line in one.observed.missing)
        return tuple(f"the prelude's import failed, and candidates that need it fail: {line}" for line in missing)

    def _out_of_time(self) -> tuple[str, ...]:
        """Said, since a limit that is too short for the work makes right programs fail."""
        slow = sum(any(verdict.seen.startswith("timeout") for verdict in one.tests) for one in self._evidence.values())
        limit_s = self.settings.limits.call_cpu_s
        told = f"{slow} candidate(s) fail a test by needing over {limit_s:g} s of CPU time for a call"
        return (f"{told}; main_task.call_seconds allows more",) if slow else ()

    def _find_calls(self, candidates: Sequence[Candidate]) -> None:
        """Where nobody shows a call, the types that candidates annotate give some."""
        if self.questions.calls or self._evidence:
            return
        sources = [one.source for one in candidates]
        shown = calls_from_annotations(sources, (self.task.entry_point or "").partition(".")[0])
        if shown:
            calls = (*shown, *more_inputs(shown, wanted=self.settings.more_inputs))
            told = "no call is shown anywhere: calls were made up from the types that candidates annotate"
            self.questions = replace(self.questions, calls=calls, compared=calls, notes=(*self.questions.notes, told))

    def _observe(self, candidates: Sequence[Candidate]) -> None:
        new = list(dict.fromkeys(one.source for one in candidates if one.source not in self._evidence))
        asked = self.questions
        seen = self._ask(new, asked.calls)
        checks = (*asked.tests, *asked.soft_tests)
        places = {call: index for index, call in enumerate(asked.calls)}
        answers = [[[one.outputs[places[call]] for call in check.calls] for check in checks] for one in seen]
        whole = self._asked_whole(checks, answers)
        programs = tuple(dict.fromkeys(check.calls[0] for check in whole.values()))
        for row, one in zip(answers, self._ask(new, programs) if programs else (), strict=bool(programs)):
            for number, check in enumerate(checks):
                if check.source in whole:
                    row[number] = [one.outputs[programs.index(whole[check.source].calls[0])]]
        checks = tuple(whole.get(check.source, check) for check in checks)
        cases = [case for row in answers for case in zip(checks, row, strict=True)]
        verdicts = judge(cases, sandbox=self.sandbox, prelude=self.task.prelude)
        for number, (source, one) in enumerate(zip(new, seen, strict=True)):
            own = verdicts[number * len(checks) : (number + 1) * len(checks)]
            self._evidence[source] = Evidence(one, own[: len(asked.tests)], own[len(asked.tests) :])

    def _ask(self, sources: Sequence[str], calls: Sequence[str]) -> tuple[Observed, ...]:
        task, limits = self.task, self.settings.limits
        return tuple(
            self.sandbox.observe_all(
                sources, calls, entry_point=task.entry_point or "", prelude=task.prelude, limits=limits
            )
        )

    def _asked_whole(self, checks: Sequence[Check], answers: Sequence[Sequence[list[Output]]]) -> dict[str, Check]:
        """Tests asked as programs, by their text: settled by the first candidates, so that all are asked alike."""
        if self._whole is None:
            name = (self.task.entry_point or "").partition(".")[0]
            found = {
                check.source: asked_whole(check, [row[number] for row in answers], name)
                for number, check in enumerate(checks)
            }
            self._whole = {source: made for source, made in found.items() if made is not None}
        return self._whole

    def _behaviour(self, candidate: Candidate, outputs: tuple[Output, ...]) -> Behaviour:
        soft = self._evidence[candidate.source].soft_tests
        credence = (sum(verdict.passed for verdict in soft) + 1) / (len(soft) + 1)
        weight = self.task.reliabilities.get(candidate.name, 0.5)
        return Behaviour(outputs, credence, weight, form_of(candidate.source))

    def _problem(self, one: Evidence) -> str:
        if not one.observed.loads:
            return one.observed.problem
        for check, verdict in zip(self.questions.tests, one.tests, strict=True):
            if not verdict.passed:
                return f"fails {check.name}: {verdict.seen}"
        return ""

    def _workload(self, candidates: Sequence[Candidate]) -> Workload | None:
        task = self.task
        if task.benchmark:
            return Workload(task.entry_point or "", (task.benchmark,), task.prelude, task.setup, is_given=True)
        places = {call: index for index, call in enumerate(self.questions.calls)}
        seen = [self._evidence[one.source].observed.outputs for one in candidates]
        usable = [
            call
            for call in self.questions.calls
            if not call.startswith(SEEN) and all(outputs[places[call]].kind == "value" for outputs in seen)
        ][: self.settings.timed_calls]
        if not usable:
            return None
        keys = {
            one.name: tuple(outputs[places[call]].key for call in usable)
            for one, outputs in zip(candidates, seen, strict=True)
        }
        return Workload(task.entry_point or "", tuple(usable), task.prelude, task.setup, keys)


def _is_alike(outputs: Sequence[Output]) -> bool:
    """Whether objects among the answers to one call keep the same attributes: others say nothing of behaviour."""
    shapes = {output.value.attributes for output in outputs if isinstance(output.value, Opaque)}
    return len(shapes - {None}) < 2


def _is_unseen(outputs: Sequence[Output]) -> bool:
    """Whether nothing is seen of any answer to one call: that says nothing of who behaves alike."""
    given = [output for output in outputs if output.kind == "value"]
    return bool(given) and not any(output.is_answer for output in (*given, *outputs))


def _refuse_benchmark(timings: Sequence[Timing]) -> None:
    """What fails alike for every candidate is no candidate's fault."""
    problems = {timing.problem for timing in timings}
    if len(problems) == 1 and (problem := problems.pop()):
        raise VoteError(f"main_task.{problem}; it fails alike for every candidate, so correct it")
