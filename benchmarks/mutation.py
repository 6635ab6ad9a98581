"""Mutation score of merge/ and vote/ on a seeded sample; one JSON line last.

python benchmarks/mutation.py [--mutants 150] [--seed 9] [--minutes 30]

mutmut makes the mutants and runs each against the unit tests that reach the mutated function. Left out: what runs
candidates in processes of their own (``ELSEWHERE``), which tests/e2e/vote tries with real ones, and the git driver's
tests, which start processes too. Mutants whose only change is the wording of a text count apart: tests should not
repeat messages. Survivors are shown with their difference.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
AREAS = ("merge", "vote")
COPIED = ("ptx_prefect", "tests", "examples", "docs", "schema", "config.json", "pyproject.toml")
PROGRAM = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()"]
ELSEWHERE = ("inside/*", "sandbox.py", "laboratory.py", "measure.py", "checks.py", "command_gate.py", "replies.py")
LEFT_OUT = "\n    ".join(f"ptx_prefect/vote/{name}" for name in ELSEWHERE)
CONFIGURATION = f"""[mutmut]
source_paths = ptx_prefect
only_mutate =
    ptx_prefect/merge/*
    ptx_prefect/vote/*
do_not_mutate =
    {LEFT_OUT}
also_copy =
    config.json
    examples
    docs
    schema
pytest_add_cli_args_test_selection =
    tests/unit/merge
    tests/unit/vote
pytest_add_cli_args =
    --ignore=tests/unit/merge/test_driver.py
    -pno:cacheprovider
"""
KILLED, SURVIVED, UNREACHED, TIMED_OUT = "killed", "survived", "no tests", "timed out"
VERDICTS = {0: SURVIVED, **dict.fromkeys((5, 33), UNREACHED), **dict.fromkeys((24, -24, 36, 152, 255), TIMED_OUT)}
"""By mutmut's exit codes; everything else is a test that failed."""


def main() -> int:
    """Sample, run, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=150)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--minutes", type=float, default=30)
    options = parser.parse_args()
    place = _copy(ROOT / "build" / "mutation")
    # The first run makes all mutants and learns which test reaches what; it tests the few of one small module.
    _mutmut(place, ["run", "--max-children", "2", "ptx_prefect.merge.lineage.*"], minutes=options.minutes)
    names = [name for names in _verdicts(place).values() for name in names]
    sample = sorted(random.Random(options.seed).sample(sorted(names), min(options.mutants, len(names))))
    _mutmut(place, ["run", "--max-children", "2", *sample], minutes=options.minutes)
    print(json.dumps(_counted(place, sample, of=len(names))))
    return 0


def _copy(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place / name)
    (place / "setup.cfg").write_text(CONFIGURATION, encoding="utf-8")
    return place


def _mutmut(place: Path, args: list[str], *, minutes: float) -> str:
    """Its output; a run that takes longer is stopped, and what it had not tested counts as not run."""
    env = {**os.environ, "PYTHONPATH": str(place)}
    try:
        done = subprocess.run(
            [*PROGRAM, *args], cwd=place, env=env, capture_output=True, text=True, timeout=60 * minutes, check=False
        )
    except subprocess.TimeoutExpired:
        return ""
    if done.returncode:
        sys.exit(f"mutmut {args[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def _verdicts(place: Path) -> dict[Path, dict[str, int | None]]:
    """For each file, its mutants' exit codes; None for those not run."""
    return {
        path: json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for path in sorted((place / "mutants").rglob("*.meta"))
    }


def _counted(place: Path, sample: list[str], *, of: int) -> dict[str, object]:
    codes = {name: code for names in _verdicts(place).values() for name, code in names.items()}
    ran = {name: VERDICTS.get(code, KILLED) for name in sample if (code := codes[name]) is not None}
    counts: dict[str, Counter[str]] = {area: Counter() for area in AREAS}
    for name, verdict in ran.items():
        area = name.split(".")[1]
        difference = _mutmut(place, ["show", name], minutes=1) if verdict in (SURVIVED, UNREACHED) else ""
        if difference:
            wording = _is_wording(difference)
            print(f"{verdict}{' (wording)' if wording else ''}: {difference}", flush=True)
            verdict += " (wording)" if wording else ""
        counts[area][verdict] += 1
    total = sum(counts.values(), Counter())
    return {
        "metric": "mutation score", "percent": _score(total), "areas": {area: _score(counts[area]) for area in AREAS},
        "counts": dict(total), "not_run": len(sample) - len(ran), "of": of,
    }  # fmt: skip


def _score(counts: Counter[str]) -> float:
    """Killed or timed out, of all that change more than a wording."""
    caught = counts[KILLED] + counts[TIMED_OUT]
    return round(100 * caught / max(1, caught + counts[SURVIVED] + counts[UNREACHED]), 1)


def _is_wording(difference: str) -> bool:
    """Whether the mutant differs only inside the prose of texts: capitals, or mutmut's XX around them."""
    removed, added = (
        [line[1:] for line in difference.splitlines() if re.match(rf"{re.escape(sign)}(?!{re.escape(sign)})", line)]
        for sign in "-+"
    )
    plain = [re.sub(r"XX", "", "\n".join(lines)).casefold() for lines in (removed, added)]
    return plain[0] == plain[1] and " " in "".join(re.findall(r'"([^"]*)"', "\n".join(removed)))


if __name__ == "__main__":
    sys.exit(main())
