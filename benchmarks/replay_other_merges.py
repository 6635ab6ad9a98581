"""Replay a repository's own merges of documents, manifests and JavaScript: ours against git merge-file and the human.

    python benchmarks/replay_other_merges.py GITDIR… [--kind KIND] [--max N] [--seconds N] [--show N]

Every file that both parents of a merge commit changed is merged again and compared with what was committed. ``equal``
is the same lines but for blank ones and for the order of additions, or in JavaScript the same tokens.
``--show N`` prints the first N merges of ours that differ.
JavaScript needs the extra ``js``. The last line is JSON.
"""

from __future__ import annotations

import argparse
import collections
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ptx_prefect.merge import merge_file
from ptx_prefect.merge.fold import merge_text
from ptx_prefect.merge.javascript.syntax import language_for, tokens_of

Case = tuple[str, str, str, bytes, bytes, bytes, bytes]

_JAVASCRIPT = {".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs"}
_K = 5
_PATTERNS: dict[str | None, tuple[str, ...]] = {
    "manifests": ("*package.json", "*pyproject.toml", "*requirements*"),
    "documents": ("*.md", "*.rst", "*.markdown"),
    "javascript": tuple(f"*{suffix}" for suffix in sorted(_JAVASCRIPT)),
}
_PATTERNS[None] = tuple(pattern for patterns in list(_PATTERNS.values()) for pattern in patterns)


def kind_of(path: str) -> str | None:
    """Which of our mergers is responsible; None for every other file."""
    name = PurePosixPath(path)
    if name.name in ("pyproject.toml", "package.json"):
        return "manifests"
    if name.suffix in (".txt", ".in") and ("requirements" in name.name or name.parent.name == "requirements"):
        return "manifests"
    if name.suffix in (".md", ".rst", ".markdown"):
        return "documents"
    return "javascript" if name.suffix in _JAVASCRIPT else None


class Repository:
    """Reads merges and blobs of one git directory."""

    def __init__(self, folder: str) -> None:
        self._command = ["git", f"--git-dir={folder}"]
        self._blobs = subprocess.Popen(
            [*self._command, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def _git(self, *args: str) -> str:
        done = subprocess.run([*self._command, *args], capture_output=True, check=False)
        return done.stdout.decode("utf-8", "replace")

    def merges(self, patterns: tuple[str, ...]) -> Iterator[list[str]]:
        """Commit and its two parents, newest first, where a file of these patterns differs from both."""
        arguments = ["--all", "--min-parents=2", "--max-parents=2"]
        touched = set(self._git("rev-list", *arguments, "--full-history", "--", *patterns).split())
        for line in self._git("rev-list", *arguments, "--parents").splitlines():
            if line.split()[0] in touched:
                yield line.split()

    def blob(self, name: str) -> bytes | None:
        """The content of an object, None where the snapshot lacks it."""
        assert self._blobs.stdin is not None and self._blobs.stdout is not None
        self._blobs.stdin.write(f"{name}\n".encode())
        self._blobs.stdin.flush()
        head = self._blobs.stdout.readline().split()
        if len(head) != 3 or head[1] != b"blob":
            if len(head) == 3:
                self._blobs.stdout.read(int(head[2]) + 1)
            return None
        content = self._blobs.stdout.read(int(head[2]))
        self._blobs.stdout.read(1)
        return content

    def cases(self, commit: str, first: str, second: str, wanted: str | None) -> Iterator[Case]:
        """The files that both parents changed, each differently."""
        base = self._git("merge-base", first, second).strip()
        if not base:
            return
        changed = [self._changed(base, parent) for parent in (first, second)]
        for path in changed[0].keys() & changed[1].keys():
            kind = kind_of(path)
            if kind is None or (wanted and kind != wanted) or changed[0][path][1] == changed[1][path][1]:
                continue
            names = (changed[0][path][0], changed[0][path][1], changed[1][path][1], f"{commit}:{path}")
            contents = [self.blob(name) for name in names]
            if all(content is not None for content in contents):
                yield (kind, commit, path, *contents)  # type: ignore[misc]  # none is None

    def _changed(self, base: str, parent: str) -> dict[str, tuple[str, str]]:
        found = {}
        for line in self._git("diff-tree", "-r", "--no-renames", "--diff-filter=M", base, parent).splitlines():
            fields, _, path = line.partition("\t")
            found[path] = (fields.split()[2], fields.split()[3])
        return found


def is_equal(merged: bytes, human: bytes, path: str) -> bool:
    """The same lines but for blank ones, in the same order or as additions in another; or the same tokens."""
    ours, theirs = ([line.strip().rstrip(b",") for line in one.split(b"\n") if line.strip()] for one in (merged, human))
    if ours == theirs or sorted(ours) == sorted(theirs):
        return True
    texts = [content.decode("utf-8", "replace") for content in (merged, human)]
    language = language_for(path, *texts) if kind_of(path) == "javascript" else None
    return language is not None and tokens_of(texts[0], language) == tokens_of(texts[1], language)


def tally(counts: collections.Counter[str], clean: bool, content: bytes, human: bytes, path: str) -> str:
    """Count one merge and say what it was."""
    outcome = "conflict" if not clean else "equal" if is_equal(content, human, path) else "different"
    counts[outcome] += 1
    return outcome


def summary(counts: collections.Counter[str]) -> dict[str, float]:
    """Shares in per cent, and the score (equal - k * different) / N."""
    total = sum(counts.values())
    resolved = counts["equal"] + counts["different"]
    return {
        "files": total,
        **{name: round(100 * counts[name] / max(total, 1), 1) for name in ("equal", "different", "conflict")},
        "equal_of_resolved": round(100 * counts["equal"] / max(resolved, 1), 1),
        "score": round((counts["equal"] - _K * counts["different"]) / max(total, 1), 3),
    }


class Replay:
    """Merges again what a history merged, and counts."""

    def __init__(self, wanted: str | None, limit: int, to_show: int, seconds: float) -> None:
        self.results: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.times_s: list[float] = []
        self._wanted, self._limit, self._to_show, self._seconds = wanted, limit, to_show, seconds

    def run(self, folder: str) -> None:
        """All merges of one repository, newest first, up to the limit of clashing files of each kind."""
        repository = Repository(folder)
        seen: collections.Counter[str] = collections.Counter()
        known: set[frozenset[object]] = set()
        deadline = time.monotonic() + self._seconds
        for commit, first, second in repository.merges(_PATTERNS[self._wanted]):
            is_full = self._wanted is not None and seen[f"{self._wanted} conflicted"] >= self._limit
            if is_full or time.monotonic() > deadline:
                return
            for kind, _, path, base, ours, theirs, human in repository.cases(commit, first, second, self._wanted):
                key = frozenset((path, base, ours, theirs))
                if key not in known:
                    known.add(key)
                    self._replay(kind, path, base, (ours, theirs), human, seen, f"{folder} {commit}")

    def _replay(
        self,
        kind: str,
        path: str,
        base: bytes,
        sides: tuple[bytes, bytes],
        human: bytes,
        seen: collections.Counter[str],
        where: str,
    ) -> None:
        lines = merge_text(base, sides, path="x", names=("ours", "theirs"))
        group = f"{kind} {'clean' if lines.is_clean else 'conflicted'}"
        seen[group] += 1
        if seen[group] > self._limit * (2 if lines.is_clean else 1):
            return
        started = time.process_time()
        merged = merge_file(base, sides, path=path)
        self.times_s.append(time.process_time() - started)
        tally(self.results[f"git {group}"], lines.is_clean, lines.content, human, path)
        outcome = tally(self.results[f"ours {group}"], merged.is_clean, merged.content, human, path)
        is_news = lines.content != merged.content or lines.is_clean != merged.is_clean
        if is_news and self._to_show > 0 and (outcome == "different" or (lines.is_clean and outcome == "conflict")):
            self._to_show -= 1
            print(f"##### {outcome} {where} {path}", *merged.conflicts, *merged.resolutions, sep="\n")
            show(merged.content, human)


def main() -> None:
    """Replay, print a line a kind, and JSON last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gitdirs", nargs="+")
    parser.add_argument("--kind", choices=("documents", "manifests", "javascript"))
    parser.add_argument("--max", type=int, default=200, help="clashing files of each kind and repository")
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=600, help="time for each repository")
    args = parser.parse_args()
    replay = Replay(args.kind, args.max, args.show, args.seconds)
    for folder in args.gitdirs:
        replay.run(folder)
    report = {name: summary(counts) for name, counts in sorted(replay.results.items())}
    for name, figures in report.items():
        print(name, figures)
    times_ms = sorted(1000 * value for value in replay.times_s) or [0.0]
    cpu = {"p50": round(statistics.median(times_ms), 1), "p95": round(times_ms[int(len(times_ms) * 0.95)], 1)}
    print(json.dumps({**report, "cpu_ms": cpu}))


def show(merged: bytes, human: bytes) -> None:
    """The difference from ours to the human's."""
    import difflib

    texts = [content.decode("utf-8", "replace").splitlines() for content in (merged, human)]
    print(*list(difflib.unified_diff(*texts, "merged", "human", lineterm="", n=3))[:60], sep="\n")


if __name__ == "__main__":
    main()
