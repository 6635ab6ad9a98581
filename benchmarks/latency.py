"""Sections that wait for somebody else: 100 calls of an HTTP stand-in that takes 2 s each, 10 workers.

    python benchmarks/latency.py [--sections 100] [--seconds 2]

`speedup` is the time of the calls one after the other (sections × seconds) over the wall time of their dispatch; ideal
is 10. Each call is a child process of its own, as sections are by default. Last line: JSON.
"""

from __future__ import annotations

import argparse
import http.server
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
ASK = """
import urllib.request

def ask(url):
    return urllib.request.urlopen(url, timeout=60).read().decode()
"""


class SlowAnswer(http.server.BaseHTTPRequestHandler):
    """Answers after a while."""

    seconds = 2.0
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """One answer."""
        time.sleep(self.seconds)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def main() -> None:
    """Measure and print; the last line is JSON."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sections", type=int, default=100)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--workers", type=int, default=10)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="ptx-bench-") as scratch:
        os.environ["PTX_STATE_DIR"] = f"{scratch}/state"
        os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
        os.environ["PREFECT_SERVER_LOGGING_LEVEL"] = "CRITICAL"
        os.chdir(scratch)
        Path("asking.py").write_text(ASK)
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            print(json.dumps(measure(chosen.sections, chosen.seconds, chosen.workers)))


def measure(sections: int, seconds: float, workers: int) -> dict[str, Any]:
    """The dispatch and the whole flow against one call after the other."""
    from ptx_prefect import sectioning

    SlowAnswer.seconds = seconds
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowAnswer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    worker = {"kind": "callable", "target": "asking:ask", "args": {"url": f"http://127.0.0.1:{server.server_port}/"}}
    rows = [{"name": f"s{index}", "worker": worker} for index in range(sections)]
    main_task = {"description": "d", "components": rows}
    task = {"task_id": "latency", "mode": "sectioning", "main_task": main_task, "parallelism_hint": workers}
    report = sectioning(task)
    server.shutdown()
    flow_s = report["execution_summary"]["execution_seconds"]
    dispatch_s = max(row["end_s"] for row in report["performance_metrics"]["timeline"])
    return {
        "speedup": round(sections * seconds / dispatch_s, 2),
        "speedup_whole_flow": round(sections * seconds / flow_s, 2),
        "dispatch_s": round(dispatch_s, 2),
        "flow_s": flow_s,
        "sections": sections,
        "workers": workers,
        "load": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
