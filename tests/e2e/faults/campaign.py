"""A task of many sections with real process trees, run as a user would, and what must hold whenever it is disturbed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from ptx_prefect.engine.store import Store

ROOT = Path(__file__).parents[3]
SECTIONS = 30
GONE_S = 20.0
"""The watchers of a killed run's children notice within a second or two; a busy machine gets more."""


@dataclass
class Campaign:
    """One task in one directory with one state directory; each ``start`` is one run of it.

    ``mark`` is an argument of ``sleep`` by which the processes of this campaign are known.
    """

    home: Path
    api_url: str
    mark: str
    state: Path = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.state = self.home / "state"
        (self.home / "base").mkdir(parents=True)
        (self.home / "base" / "readme.txt").write_text("base\n")

    def write_spec(self, components: list[dict[str, Any]], **more: Any) -> None:
        """The task; ``more`` are its further keys."""
        task = {"description": "d", "components": components}
        self.spec.write_text(json.dumps({"task_id": "t", "mode": "sectioning", "main_task": task, **more}))

    def write_publishing_spec(self, *, seconds: float = 0.3) -> None:
        """Thirty sections, each a tree of processes that ends in one file; some build on others."""
        self.write_spec(
            [
                {
                    "name": f"s{index}",
                    "depends_on": [f"s{index - 10}"] if index >= 10 else [],
                    "worker": {
                        "kind": "command",
                        "argv": ["sh", "-c", self.script(f"s{index}", seconds)],
                        "heartbeat_seconds": 0,
                    },
                }
                for index in range(SECTIONS)
            ],
            base=str(self.home / "base"),
            merged_output=str(self.home / "published"),
        )

    def script(self, name: str, seconds: float) -> str:
        """Notes the start, leaves a grandchild that would live for ever, works, notes the end, writes its file."""
        ran = self.home / "ran"
        left = f"(trap '' TERM; sh -c 'sleep {self.mark}; true') & "
        return f"echo start {name} >> {ran}; {left}sleep {seconds}; echo {name} > {name}.txt; echo end {name} >> {ran}"

    @property
    def spec(self) -> Path:
        """The task's file."""
        return self.home / "spec.json"

    def start(self, *options: str, path: Sequence[Path] = ()) -> subprocess.Popen[str]:
        """Start the task as a user would; ``path`` comes first in its search path for modules."""
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT))),
            "PTX_STATE_DIR": str(self.state),
            "PREFECT_API_URL": self.api_url,
            "PTX_PREFECT_RETRY__INITIAL_DELAY": "0.1",
        }
        command = [sys.executable, "-m", "ptx_prefect", "run", str(self.spec), "--json", *options]
        pipe = subprocess.PIPE
        self.counts["runs"] += 1
        return subprocess.Popen(command, cwd=self.home, env=env, stdout=pipe, stderr=pipe, text=True)

    def finish(self, process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
        """Wait for the end: the report, and what was said on stderr."""
        out, said = process.communicate(timeout=900)
        return (json.loads(out) if out.strip().startswith("{") else {}), said

    def noted(self, what: str) -> Counter[str]:
        """How often each section noted ``what`` (start, end)."""
        path = self.home / "ran"
        rows = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return Counter(row[1] for row in rows if row[0] == what)

    def stored(self) -> set[str]:
        """Sections with a result that can be trusted."""
        store = Store(self.state)
        kept = (store.get(key) for key in store.keys())  # noqa: SIM118 - not a mapping
        return {found.section for found in kept if found is not None}

    def disturb(self, number: signal.Signals, dice: random.Random) -> str:
        """Start a run, send it the signal at a random instant, check what must hold. Returns what it said."""
        before = self.noted("start")
        finished_before = self.stored()
        process = self.start()
        left = SECTIONS - len(finished_before)
        wanted = sum(before.values()) + dice.randint(1, max(1, left))
        while process.poll() is None and sum(self.noted("start").values()) < wanted:
            time.sleep(0.02)
        time.sleep(dice.random())
        process.send_signal(number)
        _, said = self.finish(process)
        self.counts[number.name] += 1
        self.check(before, finished_before)
        return said

    def check(self, started_before: Counter[str], finished_before: set[str]) -> None:
        """Nothing finished ran again, nothing stored was lost, nothing is left running, all or nothing is published."""
        again = [name for name in finished_before if self.noted("start")[name] > started_before[name]]
        lost = finished_before - self.stored()
        orphans = self.wait_for_orphans()
        published = self.home / "published"
        files = sorted(path.name for path in published.glob("s*.txt")) if published.exists() else []
        self.counts["finished sections repeated"] += len(again)
        self.counts["results lost"] += len(lost)
        self.counts["orphans"] += len(orphans)
        self.counts["half published"] += len(files) not in (0, SECTIONS)

        assert (again, lost, orphans) == ([], set(), [])
        assert len(files) in (0, SECTIONS)

    def wait_for_orphans(self) -> list[int]:
        """Processes of this campaign that are still there after a while."""
        deadline = time.monotonic() + GONE_S
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def processes(self) -> list[int]:
        """Processes that bear the mark."""
        return [
            process.pid
            for process in psutil.process_iter(["cmdline"])
            if any(self.mark in part for part in process.info["cmdline"] or ())
        ]

    def told(self) -> str:
        """The counts in one line."""
        return ", ".join(f"{name}: {count}" for name, count in sorted(self.counts.items()))
