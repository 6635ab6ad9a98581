"""How long candidates take: fresh processes, interleaved, the minimum of several repetitions, nothing of ours beside.

A minimum and not a mean, since noise only ever adds time. Rounds go through the field forwards and backwards in turn,
so that a burst of load does not fall on one candidate alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ptx_prefect.vote.criteria import NOISE_RATIO
from ptx_prefect.vote.inside.wire import plain_text
from ptx_prefect.vote.replies import Reply
from ptx_prefect.vote.sandbox import Limits, Sandbox
from ptx_prefect.vote.values import Candidate, Timing

_LOCK_WAIT_S = 120.0
_MAX_LOOPS = 20_000
_MAX_FRESH = 60_000
_LARGE_FIELD = 8  # more than these are timed in one round; those near to each other still get the extra ones
_LONG_S = 0.1  # a pass that takes this long is repeated once a round: bursts of load are short beside it
_NEAR = (1.16, 1.36)  # ratios to the fastest from which noise may carry a candidate across the threshold of a tie
# The part of the CPU time seen that must be told (several threads are seen as more than is told), and what is too
# little to tell from the cost of loading.
_BELIEVED = 0.1
_UNSEEN_S = 0.01
_PROOF_S = 0.03
# The part of the time told that must be seen as CPU time: less, and the work was not done as often as it was told.
_DONE = 0.5
_PROOFS = 3  # a busy machine may blame an honest one once
_CALL_S = 2e-8  # no call of a function takes less
# First answers that take so many times longer than the same ones again, by more than the slack, come from memory then.
_FIRST_RATIO, _FIRST_SLACK_S = 3.0, 100e-6
_FIRST_CHECKS = 4


@dataclass(frozen=True, slots=True)
class Protocol:
    """How timings are taken.

    Attributes:
        rounds: passes through the field, each in fresh processes; ``repeats`` repetitions in each of them.
        extra_rounds: more of them for candidates whose order is in doubt.
        target_s: what the median candidate's repetition takes at least.
        cap_s: CPU time for one pass over the benchmark; a candidate that needs more counts as slowest.
        memory_mb: address space of a candidate's process.
    """

    rounds: int = 2
    repeats: int = 3
    extra_rounds: int = 2
    target_s: float = 0.001
    cap_s: float = 2.5
    memory_mb: int = 1024


@dataclass(frozen=True, slots=True)
class Workload:
    """What is timed: calls of the entry point or statements, one pass after another.

    Attributes:
        keys: what each call must give (``Output.key``); empty where nothing is known.
        is_given: whether the task says what to time; else it is calls that we repeat.
    """

    entry_point: str
    calls: tuple[str, ...]
    prelude: str = ""
    setup: str = ""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_given: bool = False


def time_candidates(
    candidates: Sequence[Candidate],
    workload: Workload,
    sandbox: Sandbox,
    *,
    protocol: Protocol | None = None,
    lock: Path | None = None,
) -> tuple[Timing, ...]:
    """Time every candidate on the workload, in the order given.

    Args:
        lock: a file that one measurement at a time holds, across processes.
    """
    protocol = protocol or Protocol()
    with _alone(lock):
        stopwatch = _Stopwatch(workload, sandbox, protocol)
        field = list(candidates)
        if len(field) > _LARGE_FIELD:
            protocol = replace(protocol, rounds=min(1, protocol.rounds), repeats=protocol.repeats + 1)
        timings = {one.name: stopwatch.run(one, loops=1, repeats=2) for one in field}
        stopwatch.next_turn()
        loops = _loops(list(timings.values()), len(workload.calls), protocol)
        timings = {
            name: replace(timing, samples_s=(), loops=loops) if loops > 1 else timing
            for name, timing in timings.items()
        }
        running = [one for one in field if not timings[one.name].capped]
        if statistics.median([one.thread_s for one in timings.values()]) > _LONG_S:
            protocol = replace(protocol, repeats=1)
        # Where one pass is long enough, finding that out was the first round.
        for number in range(protocol.rounds - (loops == 1 and protocol.rounds > 0)):
            _round(running, timings, stopwatch, loops, backwards=(number + (loops == 1)) % 2 == 1, protocol=protocol)
        for number in range(protocol.extra_rounds):
            doubtful = _in_doubt(running, timings)
            _round(doubtful, timings, stopwatch, loops, backwards=number % 2 == 0, protocol=protocol)
        if not workload.is_given:
            _look_at_first_answers(running, timings, stopwatch)
        _unmask(running, timings, stopwatch, loops)
    return tuple(timings[one.name] for one in candidates)


def _look_at_first_answers(field: Sequence[Candidate], timings: dict[str, Timing], stopwatch: _Stopwatch) -> None:
    """Time first answers where a candidate keeps its answers: that we ask the same again and again is our doing.

    One first answer is a single sample, which a busy machine can lengthen by as much: so a suspect is asked again.
    """
    suspects = [one for one in field if _keeps_answers(timings[one.name])]
    for one in suspects:
        for _ in range(_FIRST_CHECKS):
            stopwatch.next_turn()
            other = stopwatch.run(one, loops=1, repeats=1)
            mine = timings[one.name]
            first, again = _least(mine.first_s, other.first_s), _least(mine.again_s, other.again_s)
            timings[one.name] = replace(mine, first_s=first, again_s=again)
        if _keeps_answers(timings[one.name]):
            timings[one.name] = _as_first_answers(timings[one.name])


def _keeps_answers(timing: Timing) -> bool:
    return not timing.capped and sum(timing.first_s) > _FIRST_RATIO * sum(timing.again_s) + _FIRST_SLACK_S


def _as_first_answers(timing: Timing) -> Timing:
    first_s, again_s = sum(timing.first_s), sum(timing.again_s)
    # One half alone stands for the whole by how much it grew.
    cost_s = first_s if all(timing.first_s) else timing.thread_s * first_s / max(again_s, 1e-7)
    factor = max(1.0, cost_s / max(timing.thread_s, 1e-9))
    return replace(
        timing,
        wall_s=timing.wall_s * factor,
        thread_s=timing.thread_s * factor,
        samples_s=tuple(sample * factor for sample in timing.samples_s),
        remembers=True,
    )


def _unmask(field: Sequence[Candidate], timings: dict[str, Timing], stopwatch: _Stopwatch, loops: int) -> None:
    """Check the fastest of several; who lied about time counts as slowest, and the next one is checked."""
    while len(alive := [one for one in field if not timings[one.name].capped]) > 1:
        fastest, second = sorted(alive, key=lambda one: timings[one.name].thread_s)[:2]
        leads = timings[fastest.name].thread_s * NOISE_RATIO < timings[second.name].thread_s
        if stopwatch.is_honest(fastest, timings[fastest.name], loops=loops, leads=leads):
            return
        timings[fastest.name] = Timing(fastest.name, math.inf, math.inf, (), loops, capped=True)


def _round(
    field: Sequence[Candidate],
    timings: dict[str, Timing],
    stopwatch: _Stopwatch,
    loops: int,
    *,
    backwards: bool,
    protocol: Protocol,
) -> None:
    for one in reversed(field) if backwards else field:
        if not timings[one.name].capped:
            timings[one.name] = _joined(timings[one.name], stopwatch.run(one, loops=loops, repeats=protocol.repeats))
    stopwatch.next_turn()


def _joined(one: Timing, other: Timing) -> Timing:
    if other.capped:
        return other
    samples = one.samples_s + other.samples_s
    first = not one.samples_s
    return replace(
        other,
        wall_s=other.wall_s if first else min(one.wall_s, other.wall_s),
        thread_s=other.thread_s if first else min(one.thread_s, other.thread_s),
        samples_s=samples,
        peak_kb=max(one.peak_kb, other.peak_kb),
        first_s=_least(one.first_s, other.first_s),
        again_s=_least(one.again_s, other.again_s),
    )


def _least(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The smaller known one, for each half."""
    first, second = (min(filter(None, pair), default=0.0) for pair in zip(one, other, strict=True))
    return first, second


def _loops(timings: Sequence[Timing], calls: int, protocol: Protocol) -> int:
    known = [timing.thread_s for timing in timings if not timing.capped]
    if not known:
        return 1
    median = max(statistics.median(known), 1e-8)
    slowest = max(known)
    wanted = math.ceil(protocol.target_s / median)
    affordable = max(1, int(protocol.cap_s / 4 / protocol.repeats / max(slowest, 1e-8)))
    return max(1, min(wanted, affordable, _MAX_LOOPS, _MAX_FRESH // max(1, calls)))


def _in_doubt(field: Sequence[Candidate], timings: Mapping[str, Timing]) -> list[Candidate]:
    """The fastest, and those so near to the threshold of a tie with it that noise might carry them across."""
    known = [timings[one.name].thread_s for one in field if not timings[one.name].capped]
    best = min(known, default=0.0)
    near = [
        one
        for one in field
        if not timings[one.name].capped and best * _NEAR[0] <= timings[one.name].thread_s <= best * _NEAR[1]
    ]
    if not near:
        return []
    return [one for one in field if one in near or timings[one.name].thread_s == best]


class _Stopwatch:
    """Runs one candidate's repetitions in one fresh process."""

    def __init__(self, workload: Workload, sandbox: Sandbox, protocol: Protocol) -> None:
        self.workload, self.sandbox, self.protocol = workload, sandbox, protocol
        self._accounted: set[str] = set()
        self._turn = 0

    def run(self, candidate: Candidate, *, loops: int, repeats: int) -> Timing:
        reply = self._reply(self._job(candidate, loops=loops, repeats=repeats), repeats)
        timing = self._timing(candidate.name, reply, loops)
        if sum(timing.samples_s) * loops >= _BELIEVED * reply.cpu_s:
            self._accounted.add(candidate.name)
        return timing

    def next_turn(self) -> None:
        """From now on the other half of the calls is made first."""
        self._turn += 1

    def _job(self, candidate: Candidate, *, loops: int, repeats: int) -> dict[str, Any]:
        work = self.workload
        return {
            "mode": "time",
            "source": candidate.source,
            "prelude": work.prelude,
            "setup": work.setup,
            "entry_point": work.entry_point,
            "calls": list(work.calls),
            "loops": loops,
            "repeats": repeats,
            "half": self._turn % 2,
        }

    def is_honest(self, candidate: Candidate, timing: Timing, *, loops: int, leads: bool) -> bool:
        """Whether the times that a candidate tells and the CPU time that its keeper sees account for each other.

        A candidate may have replaced the clocks of its process, or the loop that repeats the work. What loading it and
        making the arguments takes is known from a process that does only that.
        """
        if candidate.name in self._accounted and not leads:
            return True
        told_s = min(timing.samples_s)
        if told_s < _CALL_S * len(self.workload.calls):
            return False
        repeats = 2
        wanted = math.ceil(_PROOF_S / repeats / told_s)
        loops = max(loops, min(wanted, _MAX_LOOPS, 2 * _MAX_FRESH // max(1, len(self.workload.calls))))
        job = self._job(candidate, loops=loops, repeats=repeats)
        work_s = idle_s = math.inf
        for _ in range(_PROOFS):
            work = self._reply(job, repeats)
            work_s, idle_s = min(work_s, work.cpu_s), min(idle_s, self._reply({**job, "idle": True}, repeats).cpu_s)
            again = self._timing(candidate.name, work, loops)
            if not again.capped and _account_for_each_other(sum(again.samples_s) * loops, work_s - idle_s, idle_s):
                return True
        return False

    def _reply(self, job: dict[str, Any], repeats: int) -> Reply:
        # Warm-up, then every repetition: the cap is on the sum.
        cpu_s = self.protocol.cap_s * (1 + repeats)
        limits = Limits(
            call_cpu_s=cpu_s,
            call_wall_s=4 * cpu_s + 2,
            load_cpu_s=20,
            total_cpu_s=cpu_s + 20,
            memory_mb=self.protocol.memory_mb,
        )
        return self.sandbox.run(job, limits)

    def _timing(self, name: str, reply: Reply, loops: int) -> Timing:
        capped = Timing(name, math.inf, math.inf, (), loops, reply.peak_kb, capped=True)
        reps = [frame for frame in reply.frames if _is_rep(frame)]
        last = reply.frames[-1] if reply.frames else None
        if not reply.finished or not reps or last is None or last[0] != "keys":
            return replace(capped, problem=_problem_of(reply))
        expected = self.workload.keys.get(name)
        if expected is not None and last[1] != list(expected):
            return capped  # fast because it answered something else
        if min(rep[2] for rep in reps) > self.protocol.cap_s:
            return capped
        samples = tuple(_cost(rep) for rep in reps)
        wall_s = min(rep[1] for rep in reps)
        timing = Timing(name, wall_s, min(samples), samples, loops, reply.peak_kb)
        for _, first_s, again_s in filter(_is_first, reply.frames):
            half = self._turn % 2
            first, again = [0.0, 0.0], [0.0, 0.0]
            first[half], again[half] = first_s, again_s
            timing = replace(timing, first_s=(first[0], first[1]), again_s=(again[0], again[1]))
        return timing


def _problem_of(reply: Reply) -> str:
    """What the benchmark raised, or its setup: the program itself was loaded before. Empty where time ran out."""
    if not reply.finished or not reply.frames:
        return ""
    if reply.problem is not None:
        return f"setup: {reply.problem}"
    kind, told = reply.frames[-1][0], reply.frames[-1][-1]
    return f"benchmark: {plain_text(str(told))[:200]}" if kind == "error" else ""


def _account_for_each_other(told_s: float, used_s: float, idle_s: float) -> bool:
    """Whether the time told and the CPU time used can both be true; a tenth of what the rest takes is noise."""
    too_little_told = used_s > _UNSEEN_S and told_s < _BELIEVED * used_s
    too_little_done = told_s >= _UNSEEN_S and used_s < _DONE * told_s - _UNSEEN_S / 4 - idle_s / 10
    return not too_little_told and not too_little_done


def _is_rep(frame: list[Any]) -> bool:
    return len(frame) == 4 and frame[0] == "rep" and _are_times(frame[1:])


def _is_first(frame: list[Any]) -> bool:
    return len(frame) == 3 and frame[0] == "first" and _are_times(frame[1:])


def _are_times(numbers: list[Any]) -> bool:
    return all(isinstance(number, int | float) and 0 <= number < math.inf for number in numbers)


def _cost(rep: list[Any]) -> float:
    """Thread time; wall time where the call waited or left the work to other threads, which thread time hides."""
    _, wall, thread, waits = rep
    return float(wall if waits and wall > 1.5 * thread + 0.0005 else thread)


@contextlib.contextmanager
def _alone(lock: Path | None) -> Iterator[None]:
    """Hold the lock; after two minutes of waiting measure all the same rather than never."""
    if lock is None:
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                time.sleep(0.02)
        yield
