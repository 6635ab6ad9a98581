"""A server is only started where the user may not have named one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ptx_prefect.cli import server
from ptx_prefect.cli.server import down, is_configured, provide_server
from ptx_prefect.errors import RunError


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
