"""A server is only started where the user may not have named one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ptx_prefect.cli import main, server
from ptx_prefect.cli.server import down, is_configured, provide_server
from ptx_prefect.errors import RunError
from ptx_prefect.workers import process_tree


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT__FLOW_RUN_ID"])
def test_an_environment_that_names_a_server_counts(tmp_path: Path, name: str) -> None:
    assert is_configured({"PREFECT_HOME": str(tmp_path), name: "x"}, tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("home/profiles.toml", 'active = "ephemeral"\n', False),
        ("home/profiles.toml", 'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://x/api"\n', True),
        ("home/profiles.toml", "not toml at all [", True),
        ("prefect.toml", "", True),
        (".env", "PREFECT_API_URL=x", True),
        ("pyproject.toml", '[tool.prefect.api]\nurl = "x"\n', True),
        ("pyproject.toml", "[tool.other]\n", False),
    ],
)
def test_a_file_that_may_name_a_server_counts(tmp_path: Path, file: str, text: str, expected: bool) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / file).write_text(text)

    assert is_configured({"PREFECT_HOME": str(tmp_path / "home")}, tmp_path) is expected


def test_a_server_of_the_user_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://example.invalid/api")
    provide_server(tmp_path)

    assert os.environ["PREFECT_API_URL"] == "http://example.invalid/api"


@pytest.mark.parametrize(
    "text", ["", "{}", '{"pid": "x"}', json.dumps({"pid": os.getpid(), "started": "0", "url": "u"})]
)
def test_a_record_of_a_server_that_is_gone_ends_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)

    assert down(tmp_path) is None and not (tmp_path / "server.json").exists()


def test_a_server_of_the_user_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "NAMED_S", 0.0)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    with pytest.raises(RunError, match="did not answer"):
        server.wait_until_up(None)


class Healthy(BaseHTTPRequestHandler):
    """Answers as Prefect's server does when asked how it is."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """What `ptx up` leaves: a process of its own, a port that answers, and the record of both."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    with HTTPServer(("127.0.0.1", 0), Healthy) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.server_port}"
        record = {"url": url, "pid": process.pid, "started": process_tree.started(process.pid)}
        (tmp_path / "server.json").write_text(json.dumps(record))
        yield url, process
        listening.shutdown()
    process.kill()
    process.wait()


def test_a_server_that_stays_is_used_kept_and_ended(
    tmp_path: Path, kept: tuple[str, subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, process = kept
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    assert server.up(tmp_path) == server.kept_url(tmp_path) == url
    assert provide_server(tmp_path) is None
    assert os.environ["PREFECT_API_URL"] == f"{url}/api"
    server.wait_until_up(None)
    assert process.poll() is None
    threading.Thread(target=process.wait).start()  # Else it stays as a zombie, which has a birth too.
    assert down(tmp_path) == url
    assert process.wait(30) == -signal.SIGTERM
    assert server.kept_url(tmp_path) is None


def test_a_server_that_does_not_come_up_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.sys, "executable", shutil.which("false"))
    with pytest.raises(RunError, match=r"did not come up; its log: '.*server.log'"):
        server.up(tmp_path)

    assert not (tmp_path / "server.json").exists()


def test_a_temporary_server_that_ended_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    ended = subprocess.Popen(["false"])
    ended.wait()

    with pytest.raises(RunError, match="temporary server ended with exit code 1; try `ptx up`"):
        server.wait_until_up(ended)


def test_a_server_far_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://example.invalid/api")

    server.wait_until_up(None)


def test_deploying_wants_a_server_that_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    assert main(["deploy"]) == 1
    assert "no Prefect server: set PREFECT_API_URL, or start one that stays with `ptx up`" in capsys.readouterr().err
    assert main(["deploy", "votting"]) == 2
    assert "is no flow of ours; did you mean 'voting'" in capsys.readouterr().err
