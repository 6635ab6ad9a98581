"""Examples that `make test-docs` cannot run from a page: documents merged in any order, a suite that is served."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ptx_prefect.cli.trees import difference_of
from ptx_prefect.merge.changesets import merge_changesets
from ptx_prefect.tree import Base

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PTX = [sys.executable, "-m", "ptx_prefect"]


def chapters(folder: Path) -> tuple[Base, list[tuple[str, Base]]]:
    """The base of the documentation example, and what each of its sections makes of it."""
    import shutil

    sys.path.insert(0, str(EXAMPLES / "docs_merge"))
    try:
        from chapters import write  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    made = []
    for row in json.loads((EXAMPLES / "docs_merge.json").read_text())["main_task"]["components"]:
        place = folder / row["name"]
        shutil.copytree(EXAMPLES / "docs_merge" / "book", place)
        write(place, **row["worker"]["args"])
        made.append((row["name"], Base.of_directory(place)))
    return Base.of_directory(EXAMPLES / "docs_merge" / "book"), made


def test_chapters_merge_to_the_same_bytes_in_every_order_of_arrival(tmp_path: Path) -> None:
    base, sides = chapters(tmp_path)
    changes = [(name, difference_of(base, side)) for name, side in sides]

    plan = [name for name, _ in changes]
    merged = [merge_changesets(base, list(arrived), order=plan) for arrived in itertools.permutations(changes)]

    assert len(merged) == 120 and all(one.is_clean for one in merged)
    assert len({one.changeset.changes for one in merged}) == 1
    (guide,) = merged[0].changeset.changes
    text = (guide.content or b"").decode()
    assert text.count("\n## ") == 7 and text.count("](#") == 6


@pytest.mark.slow
def test_the_served_suite_has_its_schedule(tmp_path: Path) -> None:
    env = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect"), "PYTHONPATH": str(ROOT)}
    env = {name: value for name, value in env.items() if name != "PREFECT_API_URL"}
    up = subprocess.run([*PTX, "up"], env=env, capture_output=True, text=True, check=True, timeout=200)
    url = next(word for word in up.stdout.split() if word.startswith("http")).rstrip(";")
    env["PREFECT_API_URL"] = f"{url}/api"
    served = subprocess.Popen([sys.executable, str(EXAMPLES / "nightly_suite.py")], env=env, cwd=ROOT)
    try:
        shown = ""
        limit = time.monotonic() + 120
        while "0 3 * * *" not in shown and time.monotonic() < limit:
            asked = [sys.executable, "-m", "prefect", "deployment", "inspect", "sectioning/nightly-suite"]
            shown = subprocess.run(asked, env=env, capture_output=True, text=True, check=False).stdout
    finally:
        served.terminate()  # Not SIGINT: what starts in the background of a shell ignores it.
        served.wait(timeout=60)
        subprocess.run([*PTX, "down"], env=env, check=False, timeout=60)

    assert "0 3 * * *" in shown and "networkx-tests" in shown
