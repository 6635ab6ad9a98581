"""Branch coverage by area, from coverage's JSON report (`make coverage`); one JSON line last.

python benchmarks/coverage_by_area.py .coverage.json [--missing]
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path


def main() -> int:
    """Print a table: lines and branches together, as coverage counts them."""
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    areas: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, file in data["files"].items():
        parts = Path(name).parts[Path(name).parts.index("ptx_prefect") + 1 :]
        area = parts[0] if len(parts) > 1 else "(top)"
        summary = file["summary"]
        areas[area][0] += summary["covered_branches"] + summary["covered_lines"]
        areas[area][1] += summary["num_branches"] + summary["num_statements"]
        if "--missing" in sys.argv and summary["percent_covered"] < 92:
            lines = ",".join(map(str, file["missing_lines"][:25]))
            print(f"{summary['percent_covered']:5.1f} %  {name}  {lines}")
    for area, (covered, total) in sorted(areas.items()):
        print(f"{100 * covered / max(1, total):5.1f} %  {area}")
    found = {area: round(100 * covered / max(1, total), 1) for area, (covered, total) in sorted(areas.items())}
    totals = data["totals"]
    print(json.dumps({"metric": "branch coverage", "percent": round(totals["percent_covered"], 1), "areas": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
