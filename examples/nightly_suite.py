"""A test suite every night at three: serve this file and leave it running. `--once` runs the suite now.

python examples/nightly_suite.py [--once] [TASK.json]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ptx_prefect import RunError, sectioning

TASK = Path(__file__).with_name("test_suite.json")
THREE_AT_NIGHT = "0 3 * * *"


def main(arguments: list[str]) -> int:
    """Run once, or serve the flow with its schedule until it is stopped."""
    names = [name for name in arguments if name != "--once"]
    task = Path(names[0]) if names else TASK
    spec = json.loads(task.read_text(encoding="utf-8"))
    if "--once" not in arguments:
        sectioning.serve(name="nightly-suite", cron=THREE_AT_NIGHT, parameters={"spec": spec})
        return 0
    try:
        report = sectioning(spec)
    except RunError as error:
        if error.report is None:
            raise
        report = error.report
    print(f"{report['task_id']}: {report['status']}; {report['results']['tests']}")
    return 0 if report["status"] == "success" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
