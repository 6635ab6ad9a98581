"""Commands where something is missing, in the way, or somebody else's: one clear line, no traceback, nothing lost."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptx_prefect.cli import main
from ptx_prefect.cli.profile import answers

NOBODY = "http://127.0.0.1:9/api"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PTX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    return tmp_path


@pytest.fixture
def a_page() -> Iterator[str]:
    """Somebody else's web server, as `python -m http.server`."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("words", [["review", "x"], ["serve"], ["deploy"]])
def test_a_server_that_is_away_is_told(
    words: list[str], elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", NOBODY)

    assert main(words) != 0
    said = capsys.readouterr().err
    assert "no Prefect server answers at" in said and NOBODY in said and "Traceback" not in said


def test_a_task_with_variables_says_so_too(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", NOBODY)
    worker = {"kind": "command", "argv": ["echo", "{{ prefect.variables.who }}"]}
    main_task = {"description": "d", "components": ["a"]}
    task = {"task_id": "t", "mode": "sectioning", "main_task": main_task, "worker": worker}
    Path("task.json").write_text(json.dumps(task))

    for words in (["plan", "task.json"], ["why", "a", "task.json"]):
        assert main(words) != 0
        assert "no Prefect server answers at" in capsys.readouterr().err


def test_somebody_elses_page_is_no_server(a_page: str) -> None:
    assert not answers(a_page)


def test_init_keeps_what_is_there_and_says_what_is_missing(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("task.schema.json").write_text("mine")

    assert main(["init", "--yes", "--kind", "vote"]) == 0
    said = capsys.readouterr().out
    assert Path("task.schema.json").read_text() == "mine"
    assert "before it runs:" in said and "there is no file 'a.py'" in said


@pytest.mark.parametrize("place", ["folder", "file/x.json"])
def test_init_that_cannot_write_is_one_error(place: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    Path("file").touch()

    assert main(["init", "--yes", "--force", "-o", place]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_init_makes_the_folder_it_is_told(elsewhere: Path) -> None:
    assert main(["init", "--yes", "-o", "new/task.json"]) == 0
    assert Path("new/task.json").is_file() and Path("new/task.schema.json").is_file()


def test_a_vote_prints_json_that_every_reader_takes_and_no_picture(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.py").write_text("def f(n):\n    return n")
    Path("b.py").write_text("def f(n):\n    while n > 3:\n        pass\n    return n")
    Path("tests.txt").write_text("assert f(1) == 1\n")
    words = ["vote", "a.py", "b.py", "--entry-point", "f", "--tests", "tests.txt"]

    assert main([*words, "--json"]) == 0
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert main(words) == 0
    assert "base64" not in capsys.readouterr().out


def test_a_test_line_that_is_no_python_is_refused(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.py").write_text("def f(n):\n    return n")
    Path("tests.txt").write_text("assert f(1) == 1\nf(2) is two\nassert f(\n")

    assert main(["vote", "a.py", "--entry-point", "f", "--tests", "tests.txt"]) == 2
    assert "is no Python" in capsys.readouterr().err


def test_an_age_below_nothing_is_refused(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "prune", "--older-than", "-1"]) == 2
    assert "--older-than" in capsys.readouterr().err


def test_closed_outputs_are_no_files_that_we_open_next(tmp_path: Path) -> None:
    """As a service manager may start it: what is printed must not go into the first file that is opened."""
    (tmp_path / "task.json").write_text(json.dumps({"task_id": "t", "mode": "sectioning"}))
    command = f"exec '{sys.executable}' -m ptx_prefect plan --check task.json <&- >&- 2>said"
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PTX_STATE_DIR": str(tmp_path / "state")}
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, check=False)

    assert done.returncode == 2
    assert "main_task" in (tmp_path / "said").read_text()


def test_a_revision_without_git_is_told_as_git_missing(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", "components": ["a"]}}
    task |= {"base": {"path": ".", "revision": "HEAD"}, "worker": {"kind": "command", "argv": [sys.executable]}}
    Path("task.json").write_text(json.dumps(task))
    monkeypatch.setenv("PATH", str(elsewhere))

    assert main(["plan", "--check", "task.json"]) == 2
    assert "install git" in capsys.readouterr().err


def test_a_user_without_a_home_is_told_to_name_one(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a container that was started with a number for its user."""
    task = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", "components": ["a"]}}
    Path("task.json").write_text(json.dumps(task | {"worker": {"kind": "command", "argv": ["true"]}}))
    for name in ("HOME", "PREFECT_HOME", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)
    elsewhere.chmod(0o777)
    monkeypatch.setattr(os, "getuid", lambda: 4242)  # what the home is looked up by

    assert main(["run", "task.json"]) == 1
    assert "set HOME" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a repository to another user, which needs root")
def test_a_repository_of_another_user_is_refused_with_gits_remedy(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "init", "-q", "theirs"], check=True)
    for path in (elsewhere / "theirs", elsewhere / "theirs" / ".git"):
        os.chown(path, 1234, 1234)
    task = {"task_id": "t", "mode": "sectioning", "main_task": {"description": "d", "components": ["a"]}}
    Path("task.json").write_text(json.dumps(task | {"base": "theirs", "worker": {"kind": "command", "argv": ["true"]}}))

    assert main(["plan", "--check", "task.json"]) == 2
    assert "safe.directory" in capsys.readouterr().err
