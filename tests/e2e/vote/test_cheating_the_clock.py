"""Programs that are right, slow, and try to look fast: none ranks before an honest one that is eight times faster."""

from __future__ import annotations

import pytest

from ptx_prefect.vote import Candidate, Sandbox, vote

_SLOW = "    for _ in range(8):\n        n = 0\n        for i in range(x):\n            n += i * i % 7\n    return n\n"
_RUNNER = "import sys\nrunner = [m for name, m in sys.modules.items() if name.endswith('inside.runner')][0]\n"
FIELD = (
    Candidate("loop", "def f(x):\n    n = 0\n    for i in range(x):\n        n += i * i % 7\n    return n"),
    Candidate("sum", "def f(x):\n    return sum([i * i % 7 for i in range(x)] + [0, 0])"),
)
CHEATS = {
    "stops the clocks": f"import time\ntime.perf_counter = time.thread_time = lambda: 0.0\ndef f(x):\n{_SLOW}",
    "stops the clocks of the runner": f"{_RUNNER}runner._thread_s = runner._wall_s = lambda: 0.0\ndef f(x):\n{_SLOW}",
    "slows the clocks of the runner": (
        f"{_RUNNER}clock = runner._thread_s\nrunner._thread_s = runner._wall_s = lambda: clock() / 20\n"
        f"def f(x):\n{_SLOW}"
    ),
    "does the work once and tells of many times": (
        f"{_RUNNER}def told(passes, loops):\n    return (1e-6, 1e-6, 0), [run(a()) for run, a in passes]\n"
        f"runner._repetition = told\ndef f(x):\n{_SLOW}"
    ),
    "does the work once and shares it out": (
        f"{_RUNNER}import time\ndef told(passes, loops):\n    began = time.thread_time()\n"
        "    found = [run(a()) for run, a in passes]\n    took = (time.thread_time() - began) / 12\n"
        f"    return (took, took, 0), found\nrunner._repetition = told\ndef f(x):\n{_SLOW}"
    ),
    "keeps its answers": f"import functools\n@functools.lru_cache(None)\ndef f(x):\n{_SLOW}",
    "keeps its answers in a table": (
        "TABLE = {}\ndef f(x):\n    if x not in TABLE:\n        TABLE[x] = g(x)\n    return TABLE[x]\n"
        f"def g(x):\n{_SLOW}"
    ),
    "works in another thread": (
        f"import threading\ndef g(x, out):\n    out.append(h(x))\ndef h(x):\n{_SLOW}"
        "def f(x):\n    out = []\n    t = threading.Thread(target=g, args=(x, out))\n    t.start()\n    t.join()\n"
        "    return out[0]"
    ),
    "counts its calls": (
        f"n = 0\ndef f(x):\n    global n\n    n += 1\n    return g(x) if n < 60 else 0\ndef g(x):\n{_SLOW}"
    ),
}


@pytest.mark.parametrize("name", CHEATS)
def test_looking_fast_is_not_enough(name: str, sandbox: Sandbox) -> None:
    field = [Candidate("cheat", CHEATS[name]), *FIELD]
    inputs = ["f(0)", "f(2000)", "f(3100)", "f(4007)"]
    decision = vote(field, entry_point="f", tests=["assert f(3) == 5"], inputs=inputs, sandbox=sandbox)

    assert decision.winner in ("loop", "sum"), decision.timings
    assert set(decision.groups[0]) == {"cheat", "loop", "sum"}


def test_keeping_answers_is_fair_where_the_task_says_what_to_time(sandbox: Sandbox) -> None:
    """A benchmark of the task's own may ask twice: then memory is part of the design."""
    field = [Candidate("keeps", CHEATS["keeps its answers"]), *FIELD]
    decision = vote(field, entry_point="f", tests=["assert f(3) == 5"], benchmark="f(2000)", sandbox=sandbox)

    assert decision.winner == "keeps"
