"""Branch coverage by area, from coverage's JSON report (`make coverage`); one JSON line last.

python benchmarks/coverage_by_area.py .coverage.json [--missing]

``--missing`` lists files below the mark with the lines and branches that no test takes.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

MARK = 92


def main() -> int:
    """Print a table: branches taken, of all branches; then lines run, of all lines."""
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    branches: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    lines: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in sorted(data["files"].items()):
        parts = Path(name).parts[Path(name).parts.index("ptx_prefect") + 1 :]
        area, summary = parts[0] if len(parts) > 1 else "(top)", file["summary"]
        for key in (area, "all"):
            _add(branches[key], summary["covered_branches"], summary["num_branches"])
            _add(lines[key], summary["covered_lines"], summary["num_statements"])
        if "--missing" in sys.argv and _percent([summary["covered_branches"], summary["num_branches"]]) < MARK:
            print(_missing("/".join(parts), file))
    for area in sorted(branches):
        print(f"{_percent(branches[area]):5.1f} % of branches  {_percent(lines[area]):5.1f} % of lines  {area}")
    found = {area: _percent(counts) for area, counts in sorted(branches.items()) if area != "all"}
    print(json.dumps({"metric": "branch coverage", "percent": _percent(branches["all"]), "areas": found}))
    return 0


def _add(counts: list[int], covered: int, total: int) -> None:
    counts[0] += covered
    counts[1] += total


def _percent(counts: list[int]) -> float:
    return round(100 * counts[0] / counts[1], 1) if counts[1] else 100.0


def _missing(name: str, file: dict[str, Any]) -> str:
    lines = file["missing_lines"]
    jumps = [f"{start}->{end}" for start, end in file["missing_branches"] if end not in lines]
    summary = file["summary"]
    return f"{name}  {summary['covered_branches']}/{summary['num_branches']}  lines {lines}  branches {jumps}"


if __name__ == "__main__":
    sys.exit(main())
