"""The body of the voting flow: voters write candidates, judges read them, the vote is held, the decision reported."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from ptx_prefect.engine.account import Measured
from ptx_prefect.engine.artifacts import report_artifact, safely
from ptx_prefect.engine.claims import Claims
from ptx_prefect.engine.credentials import with_credentials
from ptx_prefect.engine.events import EventsForPrefect, run_finished
from ptx_prefect.engine.execution import OBSERVERS, Execution, Site, check_sections
from ptx_prefect.engine.limits import SharedLimits, limits_of
from ptx_prefect.engine.output import EventLog, copy_sections, open_output, write_report
from ptx_prefect.engine.references import check_blocks
from ptx_prefect.engine.server_check import notes_on_server
from ptx_prefect.engine.spending import Spending
from ptx_prefect.engine.storage import check_storage
from ptx_prefect.engine.vote_account import make_vote_report
from ptx_prefect.engine.vote_files import write_vote_files
from ptx_prefect.engine.workspaces import empty_base
from ptx_prefect.errors import SpecError, VoteError
from ptx_prefect.plan.assignment import worker_of
from ptx_prefect.plan.durations import Durations
from ptx_prefect.plan.make import SECTIONS_SCOPE, deadline_of
from ptx_prefect.plan.votes import Part, plan_votes
from ptx_prefect.report import Report
from ptx_prefect.run.outcomes import Done, headline_of
from ptx_prefect.run.records import Event, Observer, SectionRecord
from ptx_prefect.settings import Settings, state_dir
from ptx_prefect.spec import Voter, VotingSpec
from ptx_prefect.vote.answers import is_decided
from ptx_prefect.vote.judges import Judgement, judge_inputs, judge_instruction, judgements_from
from ptx_prefect.vote.laboratory import Trials, VoteSettings, settings_for
from ptx_prefect.vote.mistakes import mistakes_in_vote
from ptx_prefect.vote.page import ARTIFACT_KEY, rationale_page
from ptx_prefect.vote.presets import voter_task
from ptx_prefect.vote.records import learn_records, read_records, reliabilities, results_of
from ptx_prefect.vote.run import hold_vote, undecided
from ptx_prefect.vote.synthesis.entry import free_name
from ptx_prefect.vote.synthesis.written import WRITTEN_NAME, shown_to_writer, why_not_written, writer_task
from ptx_prefect.vote.task import VoteTask
from ptx_prefect.vote.values import Candidate, Decision
from ptx_prefect.vote.voters import ready_candidate, vote_task_of, voters_of, written_candidate
from ptx_prefect.workers.registry import reap_orphans


@dataclass(slots=True)
class _Field:
    """What has come together so far.

    Attributes:
        silent: candidates that stand for given scores and have no text of their own.
        absent: voters that gave no candidate, with the reason.
        rejected: what judges answered that does not count.
        phases: the records of voters, judges, the writer of a synthesis: each waits for those before it.
        first_s: when the first of them began, on the monotonic clock.
    """

    candidates: list[Candidate] = field(default_factory=list)
    judgements: list[Judgement] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    absent: dict[str, str] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    phases: list[tuple[SectionRecord, ...]] = field(default_factory=list)
    records: dict[str, SectionRecord] = field(default_factory=dict)
    task_runs: dict[str, str] = field(default_factory=dict)
    most_at_once: int = 0
    dispatch_s: float = 0.0
    offered_s: float = 0.0
    pool: list[dict[str, Any]] = field(default_factory=list)
    workers: int = 0
    first_s: float | None = None


def run_voting(spec: VotingSpec, settings: Settings, *, fresh: bool = False) -> Report:
    """Hold a vote to its report. Must be called inside a Prefect flow.

    Raises:
        SpecError: mistakes, all at once, before anything runs.
        RunError: output or state cannot be written.
    """
    began_s = time.monotonic()
    state, workdir = state_dir(), Path(spec.workdir)
    limits = limits_of(settings)
    check_blocks(spec.model_dump(by_alias=True))
    settings = with_credentials(settings)
    mistakes = mistakes_in_vote(spec, workdir=workdir, has_worker=settings.default_worker is not None)
    if mistakes:
        raise SpecError(mistakes)
    if settings.result_storage is not None:
        check_storage(settings.result_storage)
    reap_orphans(state)
    with Claims(state) as claims:
        output = open_output(spec, claims)
        with closing(EventLog(output / "events.jsonl")) as log:
            observers: tuple[Observer, ...] = (*OBSERVERS.get(), log, EventsForPrefect(spec.task_id))
            voting = _Voting(spec, settings, state, workdir, output, fresh, observers, limits)
            return voting.to_report(began_s)


class _Voting:
    """One vote under way."""

    def __init__(
        self,
        spec: VotingSpec,
        settings: Settings,
        state: Path,
        workdir: Path,
        output: Path,
        fresh: bool,
        observers: tuple[Observer, ...],
        limits: SharedLimits,
    ) -> None:
        self.spec, self.settings, self.state, self.workdir, self.output = spec, settings, state, workdir, output
        self.fresh, self.observers, self.limits = fresh, observers, limits
        self.spending = Spending(spec.budget, settings)
        self.found = _Field()
        self.on_server = notes_on_server()  # Later it may be gone, and asking takes minutes then.

    def to_report(self, began_s: float) -> Report:
        """Voters, judges, vote, report."""
        try:
            self._gather_candidates()
            self._gather_judgements()
            decision = self._decision()
        except VoteError as error:
            # What was spent until here is told all the same.
            about = VoteTask(
                self.spec.main_task.description,
                aggregation=self.spec.aggregation,
                judgements=tuple(self.found.judgements),
                absent=self.found.absent,
                rejected=tuple(self.found.rejected),
            )
            decision = undecided(self.found.candidates, about, str(error))
        return self._write(decision, began_s)

    def _decision(self) -> Decision:
        known = {candidate.name: candidate.voter for candidate in self.found.candidates}
        # Who is good at one function may be bad at another: a record is kept for each.
        family = self.spec.main_task.entry_point or "default"
        prior = reliabilities(read_records(self.state, family=family), known) if self.spec.use_records else {}
        vote_task = self._vote_task(prior)
        hold = decide.with_options(task_run_name=f"vote: {family}")
        settings = settings_for(self.spec.main_task.call_seconds, self.spec.main_task.memory_mb)
        decision = hold(self.found.candidates, vote_task, settings)
        if (written := self._written_synthesis(decision)) is not None:
            decision = hold(self.found.candidates, replace(vote_task, written=written), settings)
        learn_records(self.state, results_of(decision, known), family=family)
        return decision

    def _vote_task(self, prior: Mapping[str, float]) -> VoteTask:
        found = self.found
        task = vote_task_of(self.spec, workdir=self.workdir, judgements=found.judgements, reliabilities=prior)
        return replace(task, absent=found.absent, rejected=tuple(found.rejected))

    def _gather_candidates(self) -> None:
        entry_point = self.spec.main_task.entry_point
        writing: list[Voter] = []
        for voter in voters_of(self.spec, default_worker=self.settings.default_worker):
            ready = ready_candidate(voter, workdir=self.workdir, entry_point=entry_point)
            if ready is not None:
                self.found.candidates.append(ready)
            elif voter.worker is None and self._default_worker() is None:
                # Nothing to run: the voter takes part with its given scores.
                self.found.candidates.append(Candidate(voter.name, voter.description or voter.name, voter.name))
                self.found.silent.add(voter.name)
            else:
                writing.append(voter)
        while writing and not self._is_decided(len(writing)):
            now, writing = writing[: self._at_once(writing)], writing[self._at_once(writing) :]
            self._ask(now)
        if writing:
            told = f"not asked, since the answer leads by {self.spec.ahead_by} or cannot be caught up with"
            self.found.dropped.append(f"{', '.join(voter.name for voter in writing)}: {told}")
        order = [voter.name for voter in voters_of(self.spec)]
        self.found.candidates.sort(key=lambda candidate: order.index(candidate.name))
        if not self.found.candidates:
            raise VoteError(f"no voter gave a candidate: {'; '.join(self.found.dropped)}")
        self._stop_at_failures()

    def _at_once(self, writing: Sequence[Voter]) -> int:
        """How many voters are asked before it is seen whether that is enough: all, unless the task says `ahead_by`."""
        workers = self.spec.parallelism_hint or self.settings.parallelism.default_workers
        return len(writing) if self.spec.ahead_by is None else workers

    def _is_decided(self, left: int) -> bool:
        if self.spec.ahead_by is None:
            return False
        answers = [(one.name, one.source) for one in self.found.candidates]
        spec, absent = self.spec, len(self.found.absent)
        return is_decided(answers, left=left, ahead_by=spec.ahead_by or 1, quorum=spec.quorum, absent=absent)

    def _ask(self, writing: Sequence[Voter]) -> None:
        """Let voters write their candidates; who gives none is absent."""
        outcomes = self._run([self._voter_part(voter) for voter in writing])
        for voter in writing:
            outcome = outcomes[voter.name].outcome
            try:
                if not isinstance(outcome, Done):
                    raise VoteError(headline_of(outcome))
                entry_point = self.spec.main_task.entry_point
                self.found.candidates.append(written_candidate(voter, outcome, entry_point=entry_point))
            except VoteError as error:
                self.found.absent[voter.name] = str(error)
                self.found.dropped.append(f"voter {voter.name!r} was dropped: {error}")

    def _gather_judgements(self) -> None:
        main = self.spec.main_task
        judges = [worker_of(judge) for judge in self.spec.judges]
        parts, who = [], {}
        for number, judge in enumerate(judges, start=1):
            assert judge is not None
            for candidate in self.found.candidates:
                name = f"judge {number} on {candidate.name}"
                who[name] = (f"judge {number}", candidate.name)
                given = judge_inputs(candidate.source, criteria=main.evaluation_criteria, description=main.description)
                told = judge_instruction(main.evaluation_criteria, main.description)
                parts.append(Part(name, told, judge[0], judge[1], self._deadline(None), given))
        for name, record in self._run(parts).items():
            judge_name, candidate_name = who[name]
            try:
                if not isinstance(record.outcome, Done):
                    raise VoteError(headline_of(record.outcome))
                answer = record.outcome.value
                self.found.judgements += judgements_from(
                    answer, judge=judge_name, candidate=candidate_name, criteria=main.evaluation_criteria
                )
            except VoteError as error:
                self.found.rejected.append(f"{name} does not count: {error}")
        self.found.dropped += self.found.rejected
        self._stop_at_failures()

    def _stop_at_failures(self) -> None:
        """With `fail_fast`, whoever failed ends the vote.

        Raises:
            VoteError: names those that failed.
        """
        failed = [*self.found.absent, *self.found.rejected]
        if self.spec.fail_fast and failed:
            raise VoteError(f"stopped, as fail_fast asks for: {'; '.join(self.found.dropped)}")

    def _written_synthesis(self, decision: Decision) -> Candidate | None:
        """What the task's worker makes of the best candidates; None where none is asked for, or it gave nothing."""
        worker, main = worker_of(self.spec.synthesis), self.spec.main_task
        if worker is None or main.entry_point is None:
            return None
        shown = shown_to_writer(decision, self.found.candidates)
        reason = why_not_written(decision, shown)
        if reason:
            self.found.dropped.append(f"no synthesis was asked for: {reason}")
            return None
        name = free_name(WRITTEN_NAME, [candidate.name for candidate in self.found.candidates])
        told = writer_task(main.description, main.entry_point, shown, decision, main.evaluation_criteria)
        given = {"task": main.description, "candidates": [[one.name, one.source] for one in shown]}
        part = Part(name, told, worker[0], worker[1], self._deadline(None), given)
        outcome = self._run([part])[name].outcome
        try:
            if not isinstance(outcome, Done):
                raise VoteError(headline_of(outcome))
            return written_candidate(Voter(name=name), outcome, entry_point=main.entry_point)
        except VoteError as error:
            self.found.dropped.append(f"the {name} was dropped: {error}")
            return None

    def _voter_part(self, voter: Voter) -> Part:
        kind, config = worker_of(voter.worker) or self._default_worker() or ("", {})
        main = self.spec.main_task
        told = voter_task(
            main.description,
            voter.name,
            criteria=main.evaluation_criteria,
            entry_point=main.entry_point,
            voter_description=voter.description,
        )
        # The approach is part of the key, or all voters would share one answer.
        given = {"voter": voter.name, "approach": voter.description, "task": main.description}
        return Part(voter.name, told, kind, config, self._deadline(voter.timeout_seconds), given)

    def _default_worker(self) -> tuple[str, dict[str, Any]] | None:
        return worker_of(self.spec.worker) or worker_of(self.settings.default_worker)

    def _deadline(self, own_s: float | None) -> float:
        return deadline_of(own_s, self.spec, self.settings)

    def _run(self, parts: Sequence[Part]) -> Mapping[str, SectionRecord]:
        """Run voters or judges as sections; the ones that think work in an empty place of their own."""
        if not parts:
            return {}
        learned = Durations(self.state).estimates(SECTIONS_SCOPE)
        plan = plan_votes(self.spec, parts, self.settings, learned)
        check_sections(plan, self.spec)
        base, reference = empty_base(self.state) if _need_a_place(parts) else (None, None)
        execution = Execution(
            plan,
            self.settings,
            Site(self.workdir, self.state, base, reference, self.output),
            fresh=self.fresh,
            fail_fast=self.spec.fail_fast,
            observers=self.observers,
            spending=self.spending,
            limits=self.limits,
        )
        records = execution.run()
        ended_s, took_s = time.monotonic(), execution.dispatch.elapsed_s
        found = self.found
        found.first_s = ended_s - took_s if found.first_s is None else found.first_s
        later_s = ended_s - took_s - found.first_s
        records = {name: _shifted(record, later_s) for name, record in records.items()}
        found.records |= records
        found.phases.append(tuple(records.values()))
        found.pool += [{**asdict(one), "at_s": one.at_s + later_s} for one in execution.pool.adaptive.changes]
        found.offered_s += execution.pool.adaptive.offered_s(took_s, used=execution.dispatch.most_at_once)
        found.task_runs |= execution.dispatch.task_runs
        found.most_at_once = max(found.most_at_once, execution.dispatch.most_at_once)
        found.dispatch_s += took_s
        found.workers = max(found.workers, execution.pool.adaptive.most_reached)
        return records

    def _write(self, decision: Decision, began_s: float) -> Report:
        found = self.found
        self._tell(Event("run_finished", time.monotonic() - began_s, detail=str(decision.winner)))
        measured = Measured(
            wall_s=time.monotonic() - began_s,
            dispatch_s=found.dispatch_s,
            workers=found.workers,
            most_at_once=found.most_at_once,
            notes=(*found.dropped, *self.limits.notes, *self.on_server),
            usage=self.spending.report(),
            offered_s=found.offered_s,
            pool=tuple(found.pool),
        )
        answers = [one for one in found.candidates if one.name not in found.silent]
        runs = self.spec.main_task.entry_point is not None
        files = write_vote_files(decision, answers, self.output, runs=runs)
        report = make_vote_report(
            self.spec.task_id,
            [candidate.name for candidate in found.candidates],
            found.phases,
            measured,
            asdict(decision),
            winner_path=files.winner,
            outputs={**files.candidates, **copy_sections(found.records, self.output)},
            artifacts=files.artifacts,
        )
        write_report(report, self.output)
        report_artifact(report, found.task_runs)
        run_finished(report)
        return report

    def _tell(self, event: Event) -> None:
        for observer in self.observers:
            observer(event)


@task(name="vote", cache_policy=NO_CACHE, persist_result=False, retries=0)
def decide(candidates: list[Candidate], vote_task: VoteTask, settings: VoteSettings) -> Decision:
    """Hold the vote, alone on the machine as far as we go; its rationale becomes the artifact ``vote-rationale``."""
    laboratory = Trials(vote_task, settings) if vote_task.entry_point is not None else None
    decision = hold_vote(candidates, vote_task, laboratory)
    safely(
        create_markdown_artifact,
        key=ARTIFACT_KEY,
        markdown=rationale_page(decision.rationale),
        description=f"winner: {decision.winner}",
    )
    return decision


def _shifted(record: SectionRecord, later_s: float) -> SectionRecord:
    """The record on the clock of the whole vote."""
    if record.started_s is None or record.ended_s is None:
        return record
    return replace(record, started_s=record.started_s + later_s, ended_s=record.ended_s + later_s)


def _need_a_place(parts: Sequence[Part]) -> bool:
    return any(part.worker in ("agent", "chat") for part in parts)
