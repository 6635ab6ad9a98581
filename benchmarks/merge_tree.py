"""How long merging whole trees takes: many files changed by ten sections, some of them by two.

    python benchmarks/merge_tree.py [--files 2000] [--sections 10] [--shared 0.05] [--repeat 3]

The files are real Python modules of this interpreter's library and packages. Each is changed by one section (an import,
a function, an edited line), the shared ones by two at different places. The peer is git: the same ten changes as
branches, merged one after the other with `git merge-tree`, which knows lines only and looks at no meaning.
The last line is one JSON object; times are medians in seconds, memory is this process's peak in megabytes.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ptx_prefect.merge.changesets import Merged, merge_changesets
from ptx_prefect.tree.base import Base
from ptx_prefect.tree.changeset import Changeset, FileChange, digest_of
from ptx_prefect.tree.commits import Part, write_commits
from ptx_prefect.tree.git import run_git

Result = TypeVar("Result")
IDENTITY = "bench <bench@localhost>"


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder) / "repository"
        sources = _sources(arguments.files)
        _make_repository(repository, sources)
        base = Base.of_revision(repository, "HEAD")
        sides = _sides(sources, arguments.sections, arguments.shared)
        before = _cpu_s()
        ours, merged = _timed(lambda: merge_changesets(base, sides), arguments.repeat)
        cpu_s = (_cpu_s() - before) / arguments.repeat
        branches = [_branch(repository, base, name, changeset) for name, changeset in sides]
        theirs, _ = _timed(lambda: _merge_with_git(repository, base, branches), arguments.repeat)
    _print(arguments, sources, merged, ours=ours, cpu_s=cpu_s, theirs=theirs)
    return 0


def _sources(count: int) -> dict[str, bytes]:
    """Real modules of 40 to 2,000 lines that parse, by the path that they get."""
    roots = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
    found: dict[str, bytes] = {}
    for path in (path for root in roots for path in sorted(root.rglob("*.py"))):
        content = path.read_bytes()
        if len(found) < count and 40 <= content.count(b"\n") <= 2000 and b"\r" not in content and _parses(content):
            package = f"package_{len(found) % 40:02d}"
            found[f"{package}/module_{len(found):04d}.py"] = content.rstrip() + b"\n"
    return found


def _parses(content: bytes) -> bool:
    try:
        ast.parse(content.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


def _sides(sources: dict[str, bytes], sections: int, shared: float) -> list[tuple[str, Changeset]]:
    rows: dict[int, list[FileChange]] = {number: [] for number in range(sections)}
    period = round(1 / shared) if shared else len(sources) + 1
    for number, (path, content) in enumerate(sources.items()):
        first = number % sections
        rows[first].append(FileChange(path, digest_of(content), _with_function(content, first)))
        if number % period == 0:
            second = (first + 1) % sections
            rows[second].append(FileChange(path, digest_of(content), _with_import(content)))
    ordered = ((number, sorted(changes, key=lambda row: row.path)) for number, changes in rows.items())
    return [(f"section {number}", Changeset(tuple(changes))) for number, changes in ordered]


def _with_function(content: bytes, number: int) -> bytes:
    return content + b"\n\ndef added_by_%d(value):\n    return [value] * %d\n" % (number, number)


def _with_import(content: bytes) -> bytes:
    lines = content.decode().splitlines(keepends=True)
    for node in ast.parse(content).body:
        if isinstance(node, ast.Import) and not node.col_offset:
            lines.insert(node.lineno - 1, "import zipapp\n")
            return "".join(lines).encode()
    return b"# Looked at.\n" + content


def _make_repository(repository: Path, sources: dict[str, bytes]) -> None:
    for path, content in sources.items():
        (repository / path).parent.mkdir(parents=True, exist_ok=True)
        (repository / path).write_bytes(content)
    tree = Base.of_directory(repository)
    run_git(repository, "init", "--quiet")
    write_commits(repository, tree, [], ref="refs/heads/base", identity=IDENTITY, now_s=0)
    run_git(repository, "symbolic-ref", "HEAD", "refs/heads/base")
    run_git(repository, "repack", "-adq")


def _branch(repository: Path, base: Base, name: str, changeset: Changeset) -> str:
    ref = f"refs/heads/{name.replace(' ', '-')}"
    return write_commits(repository, base, [Part(name, changeset)], ref=ref, identity=IDENTITY, now_s=0)


def _merge_with_git(repository: Path, base: Base, branches: list[str]) -> str:
    tip = branches[0]
    who = {f"GIT_{role}_{key}": "b@b" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    for branch in branches[1:]:
        merged = run_git(repository, "merge-tree", "--write-tree", tip, branch, accept=(0, 1))
        tree = merged.split(maxsplit=1)[0].decode()
        commit = run_git(repository, "commit-tree", tree, "-p", tip, "-p", branch, "-m", "merge", env=who)
        tip = commit.decode().strip()
    return tip


def _timed(call: Callable[[], Result], repeat: int) -> tuple[float, Result]:
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - began)
    return statistics.median(times), result


def _cpu_s() -> float:
    """Processor time of this process and of the children that have ended (git, for contested files)."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(row.ru_utime + row.ru_stime for row in used)


def _print(
    arguments: argparse.Namespace,
    sources: dict[str, bytes],
    merged: Merged,
    *,
    ours: float,
    cpu_s: float,
    theirs: float,
) -> None:
    unit = 1024**2 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    row = {
        "benchmark": "merge_tree",
        "files": len(sources),
        "lines": sum(content.count(b"\n") for content in sources.values()),
        "sections": arguments.sections,
        "shared_files": len({row.path for row in merged.resolutions}),
        "conflicts": len(merged.conflicts),
        "seconds": round(ours, 3),
        "cpu_seconds": round(cpu_s, 3),
        "files_per_second": round(len(sources) / ours),
        "peak_mb": round(peak),
        "git_seconds": round(theirs, 3),
        "ratio_to_git": round(ours / theirs, 2),
    }
    print(f"{row['files']} files, {row['sections']} sections: {row['seconds']} s, git {row['git_seconds']} s")
    print(json.dumps(row))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--sections", type=int, default=10)
    parser.add_argument("--shared", type=float, default=0.05, help="share of the files that two sections change")
    parser.add_argument("--repeat", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
