"""Run as an ordinary user: what a candidate may do with threads and processes, however many others the user has."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from ptx_prefect.vote import Limits, Sandbox

THREADS = (
    "import threading\ndef f(x):\n    out = []\n    t = threading.Thread(target=out.append, args=(x,))\n"
    "    t.start()\n    t.join()\n    return out[0]"
)
TOO_MANY = (
    "import os, time\ndef f(x):\n    for _ in range(30):\n        if os.fork() == 0:\n            time.sleep(60)\n"
    "    time.sleep(60)\n    return x"
)
TOO_MUCH = (
    "import os, time\ndef f(x):\n    for _ in range(6):\n        if os.fork() == 0:\n"
    "            held = b'x' * (100 << 20)\n            time.sleep(30)\n    time.sleep(30)"
)


def main(namespaces: bool) -> None:
    """Print what came back, as JSON."""
    others = [subprocess.Popen(["sleep", "300"]) for _ in range(40)]
    try:
        with Sandbox(namespaces=namespaces) as sandbox:
            threads = sandbox.observe(THREADS, ["f(7)"], entry_point="f")
            found: dict[str, object] = {"threads": threads.outputs[0].kind, "missing": sandbox.missing}
            for name, source in (("too many", TOO_MANY), ("too much", TOO_MUCH)):
                began = time.monotonic()
                job = {
                    "mode": "calls",
                    "source": source,
                    "prelude": "",
                    "entry_point": "f",
                    "calls": ["f(1)"],
                    "start": 0,
                }
                reply = sandbox.run(job, Limits(memory_mb=400, call_wall_s=20))
                kind = reply.outputs[0].kind if reply.outputs else reply.killed
                found[name] = {"ended": kind, "in time": time.monotonic() - began < 15}
            print(json.dumps(found))
    finally:
        for one in others:
            one.kill()
            one.wait()


if __name__ == "__main__":
    main(sys.argv[1] == "namespaces")
