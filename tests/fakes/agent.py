"""A stand-in for a coding agent: does what the markers in its prompt say, and prints a result as real ones do."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path


def main() -> int:
    prompt = sys.argv[-1]
    Path(os.environ["HOME"], "history").write_text(prompt)
    Path(".agent-notes").write_text("for myself\n")
    is_second_time = "Your last attempt was not accepted" in prompt
    for path, text in re.findall(r"^WRITE (\S+) (.*)$", prompt, re.MULTILINE):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text.replace("\\n", "\n"))
    for path, first, second in re.findall(r"^TWICE (\S+) (.*) THEN (.*)$", prompt, re.MULTILINE):
        Path(path).write_text(second if is_second_time else first)
    if "SLEEP" in prompt:
        time.sleep(60)
    if "LIMITED" in prompt:
        print("API Error: 429 rate_limit_error")
        return 1
    if "CRASH" in prompt:
        print("something broke, key was", os.environ.get("AGENT_KEY"))
        return 3
    env = {"stdin": sys.stdin.read(), "tty": sys.stdin.isatty(), "names": sorted(os.environ)}
    Path(os.environ["HOME"]).joinpath("env").write_text(json.dumps(env))
    print("log line", os.environ.get("AGENT_KEY"), json.dumps(env["names"]), "HOME=" + os.environ["HOME"])
    usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 3}
    result = {"type": "result", "is_error": False, "result": "Wrote it.", "num_turns": 2}
    print(json.dumps({**result, "total_cost_usd": 0.01, "usage": usage}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
