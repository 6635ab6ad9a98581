"""`ptx doctor` on machines that lack something: the right advice each time, and exit code 1 only where nothing runs."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from ptx_prefect.cli import doctor, main
from ptx_prefect.cli.profile import profile_of


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of the person who runs the tests, and no sandbox: its own tests start it."""
    for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setattr(doctor, "LOOKS", tuple(look for look in doctor.LOOKS if look is not doctor._sandbox))


def diagnosis(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", "--json"])
    return code, {row["topic"]: row for row in json.loads(capsys.readouterr().out)}


def test_a_sound_machine_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "ready to run" in capsys.readouterr().out


@pytest.mark.parametrize(("program", "remedy"), [("git", "install git"), ("node", "install Node.js")])
def test_a_missing_program_is_named_with_what_does_not_work_and_how_to_get_it(
    program: str, remedy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *rest: None if name == program else found(name, *rest))

    code, rows = diagnosis(capsys)

    assert code == 0 and rows[program]["state"] == "missing"
    assert "not on PATH" in rows[program]["found"] and remedy in rows[program]["advice"]


def test_a_program_that_does_not_start_is_missing_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho broken >&2; exit 3\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    assert "does not work (broken)" in diagnosis(capsys)[1]["git"]["found"]


def test_a_busy_port_is_no_trouble_for_us_but_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(doctor, "PREFECT_PORT", other.getsockname()[1])
        monkeypatch.setattr(doctor, "answers", lambda _url: False)

        code, rows = diagnosis(capsys)

    assert code == 0 and "another program has port" in rows["ports"]["found"] and "ptx up" in rows["ports"]["advice"]


PROFILES = {
    "no TOML": ('active = "x\n', "cannot be read", "mend or move"),
    "no such profile": (
        'active = "gone"\n[profiles.other]\n',
        "'gone' does not exist",
        "`prefect profile use` one of 'other'",
    ),
    "dead server": (
        'active = "a"\n[profiles.a]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n',
        "no Prefect server answers at http://127.0.0.1:9/api",
        "start it, or name another",
    ),
    "no URL at all": (
        'active = "a"\n[profiles.a]\nPREFECT_API_URL = "nonsense"\n',
        "no Prefect server answers",
        "start it",
    ),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_broken_profile_is_told_before_prefect_stumbles_over_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, trouble, remedy = PROFILES[name]
    (tmp_path / "profiles.toml").write_text(text)

    code, rows = diagnosis(capsys)

    row = rows["Prefect profile"]
    assert code == 1 and trouble in row["found"] and remedy in row["advice"]
    (tmp_path / "task.json").write_text(
        '{"task_id": "t", "mode": "sectioning", "worker": {"kind": "command", "argv": ["true"]},'
        ' "main_task": {"description": "d", "components": ["a"]}}'
    )
    assert main(["run", str(tmp_path / "task.json")]) == 1
    shown = capsys.readouterr().err
    assert "Prefect cannot start" in shown and remedy in shown and "Traceback" not in shown


def test_a_server_that_refuses_for_want_of_a_key_is_there(tmp_path: Path) -> None:
    import http.server
    import threading

    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = profile_of(
            {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": f"http://127.0.0.1:{server.server_port}/api"}
        )
        server.shutdown()

    assert not found.trouble and found.named_by == "PREFECT_API_URL"


def test_a_state_directory_that_cannot_be_made_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PTX_STATE_DIR", str(tmp_path / "file" / "state"))

    code, rows = diagnosis(capsys)

    assert code == 1 and rows["state directory"]["state"] == "broken"
    assert (
        "cannot be created" in rows["state directory"]["found"] and "PTX_STATE_DIR" in rows["state directory"]["advice"]
    )


def test_a_full_disk_and_an_open_directory_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ptx_prefect.settings import state_dir

    state_dir().chmod(0o755)
    assert "chmod 700" in diagnosis(capsys)[1]["state directory"]["advice"]

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 5e6}))
    code, rows = diagnosis(capsys)
    assert code == 1 and "5 MB left" in rows["state directory"]["found"]


def test_wrong_settings_are_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PTX_PREFECT_RETRY__MAX_ATEMPTS", "3")

    code, rows = diagnosis(capsys)

    assert code == 1 and "did you mean 'max_attempts'?" in rows["settings"]["found"]


def test_missing_extras_are_named_with_their_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tree_sitter" else find(name))

    row = diagnosis(capsys)[1]["merging JavaScript"]

    assert row["state"] == "missing" and row["advice"] == "pip install 'ptx-prefect[js]'"
