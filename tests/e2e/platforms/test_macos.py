"""The main paths as they go on macOS, in processes where nothing of Linux alone is there (`tests/fakes/macos`)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[3]
FEWER = ROOT / "tests" / "fakes" / "macos"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="makes less of Linux")

FILES = {
    "shop/__init__.py": "",
    "shop/price.py": "def price(x):\n    return x\n",
    "shop/cart.py": "from shop.price import price\n\n\ndef total(xs):\n    return sum(price(x) for x in xs)\n",
    "tests/test_price.py": "from shop.price import price\n\n\ndef test_price():\n    assert price(2) == 2\n",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
    "jobs.py": "from pathlib import Path\n\n\ndef write():\n    Path('notes.txt').write_text('by a function')\n",
}
STRAY = "sleep 600 & (setsid sleep 601 &) ; echo '# by a command' >> shop/price.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository, reached through a link, as macOS reaches its directory for temporary files."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    root = tmp_path / "link" / "shop"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "m"]):
        subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@e", *args], cwd=root, check=True)
    for name, value in {
        "PYTHONPATH": f"{FEWER}{os.pathsep}{ROOT}",
        "TMPDIR": str(tmp_path / "link"),
        "PTX_STATE_DIR": str(tmp_path / "link" / "state"),
        "PREFECT_HOME": str(tmp_path / "link" / "prefect"),
    }.items():
        monkeypatch.setenv(name, value)
    return root


def ptx(project: Path, *args: str, task: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    if task is not None:
        (project.parent / "task.json").write_text(json.dumps(task))
        args = (*args, str(project.parent / "task.json"))
    command = [sys.executable, "-m", "ptx_prefect", *args]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=200, check=False)


def test_the_simulation_takes_away_what_it_says(project: Path) -> None:
    """Else all of these would pass for nothing."""
    code = (
        "from ptx_prefect.workers import process_tree as p; print(p._HAS_PROC, p.sys.platform, hasattr(p.os, 'O_PATH'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "darwin", "False"]


def test_a_run_changes_code_merges_it_and_leaves_nothing_running(project: Path) -> None:
    command = {"name": "command", "worker": {"kind": "command", "argv": ["sh", "-c", STRAY]}}
    function = {"name": "function", "worker": {"kind": "callable", "target": "jobs:write", "path": ["."]}}
    suite = {"name": "suite", "worker": {"kind": "pytest", "args": ["tests"]}, "depends_on": ["command", "function"]}
    task = {
        "task_id": "mac",
        "mode": "sectioning",
        "main_task": {"description": "d", "components": [command, function, suite]},
        "base": {"path": str(project), "revision": "HEAD"},
        "validate": [["python", "-c", "import shop.cart"]],
        "merged_output": {"directory": str(project / "out")},
    }
    done = ptx(project, "run", "--json", task=task)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {row["status"] for row in report["results"]["completed_sections"]} == {"success"}
    assert (project / "out/shop/price.py").read_text().endswith("# by a command\n")
    assert (project / "out/notes.txt").read_text() == "by a function"
    assert not _sleepers()


def _sleepers() -> list[psutil.Process]:
    for _ in range(50):
        every = psutil.process_iter(["cmdline"])
        left = [one for one in every if one.info["cmdline"] in (["sleep", "600"], ["sleep", "601"])]
        if not left:
            break
        time.sleep(0.1)
    return left


def test_planning_reads_references_in_several_processes(project: Path) -> None:
    many = "".join(f"def f{number}(x):\n    return x + {number}\n\n\n" for number in range(20_000))
    for number in range(4):
        (project / f"shop/large{number}.py").write_text(many)
    main_task = {"description": "d", "level": "module", "sections": 2}
    worker = {"kind": "command", "argv": ["true"]}
    task = {"task_id": "p", "mode": "sectioning", "main_task": main_task, "base": {"path": "."}, "worker": worker}
    done = ptx(project, "plan", task=task)

    assert done.returncode == 0, done.stderr
    assert "2 sections" in done.stdout


def test_a_vote_on_programs_says_in_one_sentence_what_it_needs(project: Path) -> None:
    main_task = {"description": "d", "entry_point": "f", "tests": ["assert f(1) == 2"]}
    voters = [{"name": "a", "source": "def f(x): return x + 1"}, {"name": "b", "source": "def f(x): return 2 * x"}]
    done = ptx(project, "vote", task={"task_id": "v", "mode": "voting", "main_task": main_task, "voters": voters})

    assert done.returncode == 2
    assert "walls need Linux" in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_a_vote_on_given_scores_is_held(project: Path) -> None:
    main_task = {"description": "d", "evaluation_criteria": ["taste"]}
    voters = [{"name": name, "scores": {"taste": points}} for name, points in (("a", 3), ("b", 8))]
    done = ptx(
        project, "vote", "--json", task={"task_id": "w", "mode": "voting", "main_task": main_task, "voters": voters}
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"]["decision"]["winner"] == "b"


def test_the_doctor_says_what_is_missing_there(project: Path) -> None:
    done = ptx(project, "doctor")

    assert "its walls need Linux" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_windows_is_refused_in_one_sentence() -> None:
    code = "import sys; sys.platform = 'win32'; import ptx_prefect"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)

    assert done.stderr.strip().splitlines()[-1].startswith("ImportError: ptx_prefect does not run on Windows")
