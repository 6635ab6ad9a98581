"""Scores the vote by hidden truth: how often it picks a right program, against chance, the gate alone and the best.

usage: python benchmarks/vote.py DATA.jsonl [--voters 5] [--draws 20] [--split dev] [--seed 0] [--no-timing]

DATA holds one task a line: ``entry_point``, ``candidates`` (texts, or objects with ``code``), ``candidate_is_correct``
and, where there is a harder truth, ``candidate_is_correct_strict``; optional ``task_id``, ``set``, ``split``,
``prelude``, ``visible_tests`` (the gate), ``generated_tests`` (asserts of unknown quality), ``inputs`` (calls, or lists
of arguments). A task without candidates or truth is left out. The truth scores the vote and
never takes part in it. Every candidate is run once; then ``--draws`` fields of ``--voters`` random candidates (0: all,
once) are decided from the record by the same code as any vote. Needs the ``vote`` extra.

The JSON line at the end: percentages right under the strict truth (base truth where a set has no strict one), over all
tasks and by set, the same under the base truth, CPU seconds a task (all processes), and the wall time of trying all
candidates of a task.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import resource
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ptx_prefect.vote import Candidate, Sandbox
from ptx_prefect.vote.laboratory import Trials, VoteSettings
from ptx_prefect.vote.presets import program_in
from ptx_prefect.vote.run import hold_vote
from ptx_prefect.vote.task import VoteTask
from ptx_prefect.vote.values import Timing

RULES = ("random", "gate", "ours", "oracle")


class Recorded(Trials):
    """A laboratory that measures a whole task's field once and then answers for any part of it."""

    timing = True

    def measure_all(self, candidates: Sequence[Candidate]) -> None:
        self.recorded: dict[str, Timing] = {}
        if self.timing:
            loaded = {row.candidate for row in self.gate(candidates) if row.loads}
            for group in self.compare([one for one in candidates if one.name in loaded]).groups:
                field = [one for one in candidates if one.name in group]
                if len({one.source for one in field}) > 1:
                    self.recorded |= {timing.candidate: timing for timing in super().measure(field)}

    def measure(self, candidates: Sequence[Candidate]) -> tuple[Timing, ...]:
        found = [self.recorded.get(one.name) for one in candidates]
        return tuple(one for one in found if one is not None) if None not in found else ()


def main() -> None:
    args = _arguments()
    tasks = [task for task in _tasks(args.data) if not args.split or task.get("split", args.split) == args.split]
    tasks = [task for task in tasks if task.get("candidates") and (_truth(task, "strict") or _truth(task, "base"))]
    tasks = tasks[: args.limit] if args.limit else tasks
    started, cpu = time.monotonic(), _cpu_s()
    scores: dict[str, dict[str, dict[str, list[float]]]] = {
        truth: defaultdict(lambda: defaultdict(list)) for truth in ("strict", "base")
    }
    whole_s: list[float] = []
    with Sandbox() as sandbox:
        for number, task in enumerate(tasks):
            began = time.monotonic()
            laboratory = _tried(task, args, sandbox)
            whole_s.append(time.monotonic() - began)
            for truth, name, found in _score(task, args, laboratory):
                for rule, share in found.items():
                    scores[truth][name][rule].append(share)
            if number % 20 == 19:
                print(f"{number + 1}/{len(tasks)} tasks, {time.monotonic() - started:.0f} s", flush=True)
    cpu_s = (_cpu_s() - cpu) / max(1, len(tasks))
    wall = {"median": round(statistics.median(whole_s), 2), "max": round(max(whole_s), 2)} if whole_s else {}
    print(json.dumps({**_summary(scores, args, len(tasks), cpu_s), "wall_s_all_candidates": wall}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--voters", type=int, default=5, help="candidates in a field; 0: all")
    parser.add_argument("--draws", type=int, default=20, help="fields drawn from a task")
    parser.add_argument("--split", help="only tasks of this split")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=0, help="only the first tasks")
    parser.add_argument("--no-timing", action="store_true", help="leave ties to simplicity and order")
    return parser.parse_args()


def _tasks(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def _tried(task: dict[str, Any], args: argparse.Namespace, sandbox: Sandbox) -> Recorded:
    """The laboratory after a trial of all candidates: gate, comparison, and timing of every group."""
    laboratory = Recorded(_vote_task(task), VoteSettings(), sandbox)
    laboratory.timing = not args.no_timing
    laboratory.measure_all(_candidates(task))
    return laboratory


def _score(
    task: dict[str, Any], args: argparse.Namespace, laboratory: Recorded
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """For each truth that the task has: the share of draws that each rule gets right."""
    field = _candidates(task)
    draws = list(_draws(field, task, args))
    picks = [_picks(drawn, laboratory) for drawn in draws]
    for truth in ("strict", "base"):
        flags = _truth(task, truth)
        if flags:
            right = {one.name: float(flag) for one, flag in zip(field, flags, strict=True)}
            yield truth, str(task.get("set") or "all"), _shares(draws, picks, right)


def _truth(task: dict[str, Any], name: str) -> list[bool] | None:
    """Whether each candidate is right; the base truth where a strict one says nothing of a candidate."""
    base = task.get("candidate_is_correct")
    strict = task.get("candidate_is_correct_strict")
    if name == "base" or strict is None:
        return [bool(flag) for flag in base] if name == "base" and base is not None else None
    return [bool(other if flag is None else flag) for flag, other in zip(strict, base or strict, strict=True)]


def _candidates(task: dict[str, Any]) -> list[Candidate]:
    """Under the ids of the data, made unique."""
    found: dict[str, Candidate] = {}
    for number, row in enumerate(task["candidates"]):
        row = row if isinstance(row, dict) else {"code": row}
        name = str(row.get("id", number))
        name = f"{name}#{number}" if name in found else name
        code = next((row[key] for key in ("code", "source", "solution", "completion") if row.get(key)), "")
        code = program_in(code, entry_point=_root(task)) if "```" in code else code
        found[name] = Candidate(name, code, row.get("voter"))
    return list(found.values())


def _vote_task(task: dict[str, Any]) -> VoteTask:
    return VoteTask(
        entry_point=_root(task),
        prelude=task.get("prelude") or "",
        tests=_asserts(task.get("visible_tests"), _root(task)),
        inputs=tuple(_call(one, task["entry_point"]) for one in task.get("inputs") or ()),
        soft_tests=_asserts(task.get("generated_tests"), _root(task)),
        hybrid=False,
    )


def _root(task: dict[str, Any]) -> str:
    """What a program has to define: the class, where the entry point is a method."""
    return str(task["entry_point"]).partition(".")[0].partition("(")[0]


def _asserts(tests: Any, entry_point: str) -> tuple[str, ...]:
    """Tests as texts, one assert each where they are plain asserts; a bare ``check(candidate)`` is called."""
    found: list[str] = []
    for one in [tests] if isinstance(tests, str) else tests or ():
        text = next((one[key] for key in ("src", "test", "code") if one.get(key)), "") if isinstance(one, dict) else one
        if "def check(" in text and entry_point not in text:
            text += f"\ncheck({entry_point})"
        try:
            body = ast.parse(text).body
        except (SyntaxError, ValueError):
            body = []
        plain = len(body) > 1 and all(isinstance(node, ast.Assert) for node in body)
        found += [ast.unparse(node) for node in body] if plain else [text]
    return tuple(found)


def _call(one: Any, entry_point: str) -> str:
    """A call of the entry point: as it is, or from its arguments."""
    if isinstance(one, str):
        return one if entry_point.partition(".")[0] in one else f"{entry_point}({one})"
    arguments = one if isinstance(one, (list, tuple)) else [one]
    return f"{entry_point}({', '.join(map(repr, arguments))})"


def _draws(field: list[Candidate], task: dict[str, Any], args: argparse.Namespace) -> Iterator[list[Candidate]]:
    if not args.voters or args.voters >= len(field):
        yield field
        return
    rng = random.Random(f"{args.seed}:{task.get('task_id')}")
    for _ in range(args.draws):
        yield rng.sample(field, args.voters)


def _picks(drawn: list[Candidate], laboratory: Recorded) -> tuple[list[str], str | None]:
    """Who passes the gate, and who wins."""
    decision = hold_vote(drawn, laboratory.task, laboratory)
    kept = [row.candidate for row in decision.gate if row.kept] or [one.name for one in drawn]
    return kept, decision.winner


def _shares(
    draws: list[list[Candidate]], picks: list[tuple[list[str], str | None]], right: dict[str, float]
) -> dict[str, float]:
    found: dict[str, list[float]] = {rule: [] for rule in RULES}
    for drawn, (kept, winner) in zip(draws, picks, strict=True):
        flags = [right[one.name] for one in drawn]
        found["random"].append(sum(flags) / len(flags))
        found["gate"].append(sum(right[name] for name in kept) / len(kept))
        found["ours"].append(right[winner] if winner is not None else 0.0)
        found["oracle"].append(max(flags))
    return {rule: sum(shares) / len(shares) for rule, shares in found.items()}


def _summary(scores: Any, args: argparse.Namespace, tasks: int, cpu_s: float) -> dict[str, Any]:
    def mean(shares: list[float]) -> float:
        return round(100 * sum(shares) / len(shares), 2)

    def table(by_set: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
        every = {rule: [share for rows in by_set.values() for share in rows[rule]] for rule in RULES}
        sets = {
            name: {**{rule: mean(rows[rule]) for rule in RULES}, "tasks": len(rows["ours"])}
            for name, rows in sorted(by_set.items())
        }
        return {**{rule: mean(shares) for rule, shares in every.items()}, "sets": sets}

    main_truth = "strict" if scores["strict"] else "base"
    return {
        "benchmark": "vote",
        "truth": main_truth,
        **table(scores[main_truth]),
        "base": table(scores["base"]) if scores["base"] else None,
        "voters": args.voters,
        "draws": args.draws,
        "seed": args.seed,
        "tasks": tasks,
        "cpu_s_per_task": round(cpu_s, 2),
    }


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
