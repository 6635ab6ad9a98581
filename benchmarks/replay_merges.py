"""Replay the merge commits of git repositories: how often does a merge tool give what a person committed?

    python benchmarks/replay_merges.py GITDIR… [--max N]

Every Python file that both parents of a two-parent merge changed is merged again by ``git merge-file`` and by us, and
compared with the committed file. ``equal`` means: byte for byte, or the same syntax tree, or that but for the order of
imports, or that but for the order of definitions (the four are also counted apart). ``different`` is a result called
clean that is none of these; ``unparsable`` one that is not Python while the committed file is; ``conflict`` one that
was left to a person. score = (equal - 5 * (different + unparsable)) / files. ``conflicted`` are the files on which git
conflicts, ``clean`` those that git merges. Times are CPU, children included. Files that were committed with conflict
markers in them, and merges with several merge bases, are left out.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from merge_history import Case, read_cases
from merge_truth import closeness, tree_of

from ptx_prefect.merge import merge_file

WRONG_COSTS = 5
LIMIT_BYTES = 2_000_000
_MARKER = re.compile(rb"^(<{7} |>{7} )", re.M)


@dataclass
class Tally:
    """Counts of one tool over one set of files."""

    counts: Counter[str] = field(default_factory=Counter)
    cpu_ms: list[float] = field(default_factory=list)

    def add(self, verdict: str, cpu_ms: float) -> None:
        self.counts[verdict] += 1
        self.cpu_ms.append(cpu_ms)

    def to_json(self) -> dict[str, float]:
        equal = sum(self.counts[kind] for kind in ("text", "ast", "imports", "order"))
        wrong = self.counts["different"] + self.counts["unparsable"]
        files, resolved = sum(self.counts.values()), equal + wrong
        ordered = sorted(self.cpu_ms)
        return {
            "files": files,
            "equal": equal,
            **{f"equal_{kind}": self.counts[kind] for kind in ("text", "ast", "imports", "order")},
            "different": self.counts["different"],
            "unparsable": self.counts["unparsable"],
            "conflict": self.counts["conflict"],
            "equal_share": round(equal / files, 4) if files else 0.0,
            "different_share": round(self.counts["different"] / files, 4) if files else 0.0,
            "conflict_share": round(self.counts["conflict"] / files, 4) if files else 0.0,
            "equal_of_resolved": round(equal / resolved, 4) if resolved else 0.0,
            "score": round((equal - WRONG_COSTS * wrong) / files, 4) if files else 0.0,
            "cpu_ms_p50": round(statistics.median(ordered), 2) if files else 0.0,
            "cpu_ms_p95": round(ordered[min(files - 1, int(files * 0.95))], 2) if files else 0.0,
        }


def main() -> None:
    """Read the arguments, replay, print a table and, last, one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gitdirs", nargs="+", type=Path, help="git directories, bare or not")
    parser.add_argument("--max", type=int, default=None, help="merge commits per repository, newest first")
    parser.add_argument("--show", action="store_true", help="name every file where we are different or newly conflict")
    args = parser.parse_args()
    tallies = {tool: {"conflicted": Tally(), "clean": Tally()} for tool in ("ours", "git")}
    for gitdir in args.gitdirs:
        inner = gitdir / ".git" if (gitdir / ".git").exists() else gitdir
        for case in read_cases(inner, args.max):
            replay(case, tallies, show=args.show)
        print(f"{gitdir}: done", file=sys.stderr)
    report = {tool: {name: tally.to_json() for name, tally in by_set.items()} for tool, by_set in tallies.items()}
    print_table(report)
    print(json.dumps(report))


def replay(case: Case, tallies: dict[str, dict[str, Tally]], *, show: bool = False) -> None:
    """Merge one file with both tools and count what came out."""
    if _MARKER.search(case.human) or max(map(len, (case.base, case.ours, case.theirs))) > LIMIT_BYTES:
        return
    (by_git, is_clean), git_ms = timed(lambda: merged_by_git(case))
    chosen = "clean" if is_clean else "conflicted"
    (by_us, we_are_clean), our_ms = timed(lambda: merged_by_us(case))
    for tool, content, clean, cost in (("git", by_git, is_clean, git_ms), ("ours", by_us, we_are_clean, our_ms)):
        verdict = verdict_on(content, clean, case.human)
        tallies[tool][chosen].add(verdict, cost)
        if show and tool == "ours" and (verdict == "different" or (verdict == "conflict" and is_clean)):
            print(f"{chosen} {verdict} {case.commit[:10]} {case.path}")


def merged_by_us(case: Case) -> tuple[bytes, bool]:
    """Our result, and whether it is called clean."""
    merged = merge_file(case.base, (case.ours, case.theirs), path=case.path)
    return merged.content, merged.is_clean


def merged_by_git(case: Case) -> tuple[bytes, bool]:
    """What ``git merge-file`` gives, and whether it found no conflict."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("ours", case.ours), ("base", case.base), ("theirs", case.theirs)):
            Path(folder, name).write_bytes(content)
        command = ["git", "merge-file", "-p", "-q", "ours", "base", "theirs"]
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    return done.stdout, done.returncode == 0


def timed(work: Callable[[], tuple[bytes, bool]]) -> tuple[tuple[bytes, bool], float]:
    """The result, and the CPU milliseconds of this process and its children."""
    before = cpu_s()
    result = work()
    return result, (cpu_s() - before) * 1000


def cpu_s() -> float:
    """CPU seconds so far, user and system, of this process and of its children that have ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def verdict_on(content: bytes, is_clean: bool, human: bytes) -> str:
    """One of text, ast, imports, order, different, unparsable, conflict."""
    if not is_clean:
        return "conflict"
    found = closeness(content, human)
    if found is not None:
        return found
    return "unparsable" if tree_of(content) is None and tree_of(human) is not None else "different"


def print_table(report: dict[str, dict[str, dict[str, float]]]) -> None:
    """One line per set and tool."""
    columns = ("files", "equal", "equal_text", "different", "unparsable", "conflict")
    shares = ("equal_share", "different_share", "equal_of_resolved", "score", "cpu_ms_p50", "cpu_ms_p95")
    print(f"{'set':11} {'tool':5} " + " ".join(f"{name:>17}" for name in (*columns, *shares)))
    for name in ("conflicted", "clean"):
        for tool in ("git", "ours"):
            row = report[tool][name]
            print(f"{name:11} {tool:5} " + " ".join(f"{row[column]:>17}" for column in (*columns, *shares)))


if __name__ == "__main__":
    main()
